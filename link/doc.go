// Package link carries whole IP packets between the stack and a network: the
// [Device] interface, which a program may implement too, and these devices.
//
//   - [OpenTUN]: the Linux TUN driver, with checksum and segmentation offloads
//   - [OpenWater]: the portable TUN driver, one packet and one system call each
//   - [Pair]: two ends joined in memory, for tests and networks in one process
//   - [Loopback]: one end, which reads what is written to it
//   - [Impair]: any device, behind a wire that loses, delays and damages packets
//   - [NewCapture]: any device, whose packets can be copied
//
// A device owns its queue and its descriptor, and nothing else: it knows no
// addresses and no routes, and of IP only what an offload needs. Whoever opens a
// TUN device sets its addresses and sets it up.
//
// What it leaves out: Ethernet (TAP), where addresses would have to be resolved;
// several queues of one TUN device; merging packets a device without offloads
// reads.
//
// Write returns a bare syscall.Errno for what is wrong with a packet or the
// device, as a socket's send would: EMSGSIZE for a packet above the MTU, EINVAL
// for an offload the device lacks or that does not fit the packet, ENETDOWN
// while the interface is down, ENODEV once it was deleted; or [ErrClosed].
package link
