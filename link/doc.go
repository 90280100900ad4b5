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
// Four queues on two CPUs gained nothing over two: 0.99, 0.96, 0.96 and 0.93 of theirs in the first four
// rows. Hence [DefaultQueues]. What is sent gains least, for an application's Write sends on its own
// goroutine, with any number of queues.
//
// # Waiting for a packet
//
// To put a thread to sleep and to wake it costs both ends more than most packets do, so a TUN device's read looks for
// packets for a while before it waits ([TUNConfig].BusyPoll). It gives way to goroutines that can run, and after 5 µs to
// other programs, unless more than two packets came just before: then it ends there. A poll in which nothing
// comes has the next wait go without one, a second in a row the next three, and so on up to 63. A poll in which
// another program took the processor, for milliseconds, as one that computes does, is followed by none for 100 times as long.
//
// A read after a wait would tell Go's scheduler of its system call, and so wake sysmon, the monitor of Go's runtime, each time.
// It does so twice in 10 ms at the most, with a timer that wakes sysmon again after as long: that must interrupt
// goroutines that compute while packets wait.
//
// Both together have twice the HTTP requests served on one connection and a fifth more connects; either alone has not. The
// rest is within the noise (scripts/bench, the mean of 9 rounds that took turns, with 40 µs; poll: with the scheduler told
// each time; quiet: without looking first):
//
//	                          both    poll   quiet  neither
//	HTTP, 1 connection      18.1 k   9.3 k  10.3 k    9.1 k a second
//	connect, echo, close     5.9 k   4.9 k   4.8 k    4.8 k
//	echoes, 1 connection    12.9 k  14.5 k   9.3 k   12.3 k
//	echoes, 16 connections    94 k    97 k    96 k     98 k
//	HTTP, 16 connections      59 k    60 k    51 k     58 k
//
// And for how long, as ratios to 40 µs:
//
//	                        60 µs  80 µs  120 µs
//	HTTP, 1 connection       1.13   1.21    1.27
//	connect, echo, close     0.92   1.02    1.18
//	echoes, 1 connection     1.23   1.32    1.35
//	echoes, 16 connections   0.92   0.99    1.03
//	HTTP, 16 connections     1.01   1.02    0.98
//
// With 100 µs a download on one connection has 1.13 of its speed and 0.87 of its CPU time for a byte, an upload 1.08 and 0.93. To
// answer pings, the program took as much CPU time as without at 100 in a second, three quarters of it at 1,000 and half at
// 10,000, with 40 µs. At worst, when packets come at intervals a little shorter than it is long and nothing is done with them, a
// poll takes what is left of a processor between them: at one every 30 µs 2.8 s of CPU time in 3 s, in place of 0.95.
//
// Two programs beside it that compute all the time leave what there is to chance: in three runs HTTP on one connection was at
// 0.9 to 1.6 of what it was without all this, echoes at 0.5 to 1.8, connects at 0.7 to 1.1.
//
// # What was measured
//
// By scripts/bench on a machine with two processors that others share, in the mean of runs that
// took turns. What won:
//
//   - The runtime's poller in place of blocking reads: a loop that answers each packet echoed 15.0 k
//     bytes a second on one connection and 126 k on 16 through it, 11.1 k and 84 k through blocking reads.
//   - A packet's head and its body's pieces go out in one writev: copied into one buffer first,
//     a download takes 14.1 Gbit/s in place of 16.7. Of small packets no difference was to be seen.
//   - What can't block is called without telling Go's scheduler, which would wake more threads: 16
//     connections echo 81 k bytes a second, and 67 k with the scheduler told; 3.3 k connects, and 2.9 k.
//   - But it is told of long writes: a download takes 16.5 Gbit/s, and 15.0 if it is not.
//
// What lost:
//
//   - A reader of the device that looks for packets for 20 µs before it waits, and gives way to nobody: it echoes 14.6 k
//     bytes a second on one connection in place of 12.0, but 75 k on 16 in place of 92, and
//     serves 8.9 k and 46 k HTTP requests on 1 and 16 connections in place of 10.0 k and 54 k.
//   - A Read that looks for data for 20 µs before it waits: 10.8 k, 71 k, 7.3 k and 43 k.
//   - A reader of the device with a thread of its own, by runtime.LockOSThread: 5.2 k, 56 k, 4.2 k and
//     38 k, where it was 11.9 k, 95 k, 8.8 k and 53 k without.
//   - A Read that waits for data by reading the device itself, while the device's own reader stands by on a
//     nested epoll descriptor: it spares waking a goroutine, and echoed 13.8 k bytes a second on one
//     connection in place of 12.8 k, but 96 k on 16 in place of 106 k.
//   - A device out of the runtime's poller while its reader polls, by a nested epoll descriptor, so that a packet does not
//     wake another thread as well: 4 % more connects, 8 % more HTTP requests and 12 % fewer echoes on one connection,
//     all within the noise.
//
// Most of what is left to gain is in Go's scheduler, which wakes an idle thread for each goroutine
// made ready: with GOMAXPROCS=1 a server takes 5.2 k connects a second in place of 3.5 k, but
// echoes 9.9 k bytes a second in place of 11.6. That is for a program to choose.
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
