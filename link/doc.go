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
// A device owns its queues and their descriptors, and nothing else: it knows no
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
// What is written to a TUN device is with the receiver when Write returns, whatever the queue: it
// leaves in the order in which it is written. The kernel learns a flow's queue only then, so that
// the first answer to a flow that is begun here may come in on another queue than the next.
//
// What two queues gain over one, and what not, on a machine with two CPUs on which the client
// runs, too: the ratios of the medians of 5 or 7 rounds that took turns, in three runs for what more
// than one connection uses, and one for the others (scripts/bench, -peers tinystack,tinystack-1q).
//
//	up, 4 connections          1.44 to 1.59
//	echoes, 16 connections     1.12 to 1.33; their 99th percentile takes 0.96 to 1.26 times as long
//	connect, echo, close       1.03 to 1.13
//	HTTP, 16 connections       0.98 to 1.24
//	HTTP, 1 connection         1.09
//	down, 4 connections        0.94 and 1.00
//	echoes, 1 connection       1.06 twice
//	down, up, 1 connection     1.00, 1.03; CPU time for a byte 0.95 to 0.98
//
// Four queues on two CPUs did no better than two: 0.99, 0.96, 0.96 and 0.93 of theirs in the first four
// rows. Hence [DefaultQueues]. What is sent gains least, for an application's Write sends on its own
// goroutine, with any number of queues.
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
