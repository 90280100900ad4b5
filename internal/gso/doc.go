// Package gso does in software what a device without offloads leaves undone: it
// splits a TCP or UDP super-packet into packets of wire size (generic
// segmentation offload) and completes checksums.
//
// It reads and writes the few header fields that differ from one segment to the
// next, and so knows IPv4, IPv6, TCP and UDP in that measure only. It keeps no
// state. It does not merge packets (GRO), and does not split tunnels or IPv6
// packets whose extension headers it would have to understand.
package gso
