// Package udp is the User Datagram Protocol of [RFC 768]: its header, and
// sockets with the methods and errors of package net's.
//
// A [Layer] owns the table of ports and the counters; a [Conn] owns its queue of
// datagrams that have arrived. Nothing runs between device and socket: the
// goroutine that read a packet puts it in the queue, the caller's goroutine
// sends. A queue is bounded by the memory it holds; what comes when it is full
// is dropped and counted.
//
// Ports are shared as on Linux without SO_REUSEADDR: one belongs either to a
// socket for all addresses or to one socket for each address, so that a datagram
// concerns one socket at most. A connected socket takes datagrams from its peer
// alone, and it alone is told of ICMP errors (RFC 1122 4.1.3.3): of lasting ones, or
// of all and who sent them ([Conn.SetReportICMP]).
//
// [Conn.WriteBatch] sends several datagrams in one call, and in one packet those of a length and to
// an address, where the device splits it (USO); [Conn.ReadBatch] reads what is there. A packet that
// the device has merged, or its sender never split, is one entry of a socket's queue, and so
// dropped as a whole if the queue is full; it is counted by its datagrams. To a socket of the host's
// beyond a TUN device a datagram of 1400 bytes took 1.3 µs by itself, 0.6 µs in a batch
// of 8 and 0.45 µs in one of 32; over the in-memory pair, both ends included, 2.8 µs and 0.34 µs
// (stack's BenchmarkUDPToHost, BenchmarkUDP).
//
// Where the device has several queues, a datagram leaves on the one that the last from the same
// peer came in on: a connected socket remembers it, and the layer for the others, of 4096 flows.
//
// Datagrams are sent without the don't-fragment flag: one above the path's MTU
// arrives, in fragments, and none is lost to finding out that MTU.
//
// Left out: sending to broadcast addresses unless the network layer routes them,
// multicast membership, UDP-Lite, IP-level control messages (ReadMsgUDP), and
// jumbograms.
//
// [RFC 768]: https://www.rfc-editor.org/rfc/rfc768
package udp
