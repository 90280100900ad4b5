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
// # Several queues
//
// A device may have several queues, to be read by as many goroutines ([MultiQueue]): TUN and the
// pair have as many as their configuration says, a capture those of the device below, the
// others one. The kernel hashes a flow to one of the queues of a TUN device, and moves it to the
// one on which a packet of it was written last. So whoever answers writes on the queue that the
// flow came in on ([packet.Out].Queue), and it stays there, in order: a connection does so,
// a socket for datagrams, what answers a packet, and what forwards one. Who sends first picks
// a queue, and then follows the peer. Where the kernel does move a flow, as after three seconds of
// silence it may, what is still on the old queue can come late; TCP does not follow it back.
//
// What is written is with the receiver when Write returns, whatever the queue: it leaves in the
// order in which it is written.
//
// What it leaves out: Ethernet (TAP), where addresses would have to be resolved;
// a program of one's own to spread flows over queues (TUNSETSTEERINGEBPF); merging packets a
// device without offloads reads.
//
// Write returns a bare syscall.Errno for what is wrong with a packet or the
// device, as a socket's send would: EMSGSIZE for a packet above the MTU, EINVAL
// for an offload the device lacks or that does not fit the packet, ENETDOWN
// while the interface is down, ENODEV once it was deleted; or [ErrClosed].
package link
