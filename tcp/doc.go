// Package tcp is the Transmission Control Protocol (RFC 9293), in two halves.
//
// The core, tcb, is pure: (now, segment) → state, segments to send, next deadline. It has
// no lock, no goroutine and no clock, so that it runs as it is in virtual time, in a
// simulator and under a fuzzer. Around it, [Conn] has the lock, the timer and the calls
// that wait; [Listener] the two queues of a passive open; [Layer] the table of
// connections, and what is common to all.
//
// # The way of a segment
//
// The goroutine that reads the device calls [Layer.Receive], which finds the connection
// and, under its lock, runs the core and sends what that gives rise to. Write does the
// same on the application's goroutine. There is no queue and no other goroutine in
// between; but what only acknowledges and finds the connection locked is left to whoever has the lock.
// An ACK that may wait is sent when the reader has no more packets at hand, one for all of them; only
// then is who waits in Read woken, but for super-segments.
//
//	layer.go      from the network and to it; table.go: the connections; affinity.go: the device's queue
//	late.go       ACKs that come while the connection is locked
//	listener.go   accepting; synqueue.go: half-open connections
//	dial.go       an active open; conn.go, readwrite.go, connopts.go: the calls
//	receive.go    RFC 9293 3.10.7.4, a function for each step
//	open.go       SYN options, the handshake, SYN-SENT (3.10.7.3)
//	ack.go        the ACK field: what has arrived, SACK, the send window
//	ecn.go        marks of the path: agreed on, echoed, obeyed (RFC 3168)
//	recovery.go   the phases of loss recovery, and the timeout; repair.go: what it remembers
//	rack.go       what is lost, by time (RFC 8985); delivery.go: what an ACK tells of transmissions
//	reorder.go    how long to wait for a segment that was overtaken; tailprobe.go: tail loss probes
//	prr.go        cwnd within a fast recovery; undo.go: telling that a recovery was needless
//	output.go     next, the only sender
//	timers.go     nextTimeout and advance: retransmission, persist
//	alarm.go      waking at a deadline that is near; wheel.go: or far
//	keepalive.go  probes of a silent peer
//	user.go       what the application's calls do to the state
//	control.go    ICMP errors
//	flight.go     what has been sent and not acknowledged: the scoreboard
//	ring.go       the send buffer; sndtune.go: how much it takes
//	rcvtune.go    how large the receive window becomes; memory.go: what all buffers take together
//	recvqueue.go  data for Read; reassembly.go: data beyond a gap
//	timewait.go   what is left of a connection in TIME-WAIT
//	fifo.go       the queue that both kinds of record stand in
//	congestion.go what an algorithm of congestion control is told; switchcc.go: another one
//	windows.go    what reno.go and cubic.go have in common; hystart.go, cwv.go
//	bbr.go        BBR; bbrpath.go: its model of the path; bbrbounds.go: what losses say of it
//	bbrstart.go   its states: Startup and Drain; bbrcycle.go, bbrrtt.go
//	bbrcontrol.go the pace and the window that follow from the model
//	rtt.go        round-trip time and retransmission timeout (RFC 6298)
//	pacing.go     when it goes out; rate.go: how fast it arrives
//	limits.go     what keeps the sender from sending more
//	why.go        the reasons to send and to drop, and the rules they follow
//	trace.go      what a connection tells, and because of what (package trace)
//
// # Who owns what
//
// The tcb owns the buffers of its connection; they exist only while they hold something,
// so that an idle connection is one small struct, without a timer. Received data stays in the packet's
// buffer if it fills at least a quarter of it, and is copied otherwise. A connection in
// TIME-WAIT is a record that the layer owns; what a [Conn] may still hold for Read stays
// with it. The layer counts what all buffers take (Config.Memory); each connection tells it
// when that changes by a page, and is told how scarce memory is. A half-open connection is a record in its listener's queue.
//
// # Choices
//
//   - The retransmission timeout is at least srtt + 200 ms, as in Linux, where RFC 6298
//     asks for one second (Config.MinRTO).
//   - TIME-WAIT lasts 60 s, where RFC 9293 3.6.1 asks for 240 s (Config.TimeWait). A
//     connection in FIN-WAIT-2 that the application has closed ends after 60 s, and a
//     SYN-ACK is sent for 63 s, where 3.8.3 asks for 3 min. All are as in Linux.
//   - Keepalive is on, every 15 s, as package net has it, where RFC 9293 3.8.4 has it off
//     unless asked for (Config.KeepAlive).
//   - There is an ACK for two full segments (RFC 5681 4.2), or for all that came in a batch.
//   - A RST must have exactly the sequence number expected, a SYN in an open connection is
//     never taken (RFC 5961); answers to bad segments are limited to one in 500 ms for
//     each connection.
//   - A segment without the timestamp agreed on is dropped (RFC 7323 3.2). One that is a tick behind
//     is taken, and so is an ACK that was but overtaken, as in Linux, where RFC 7323 5.3 has none.
//   - Duplicate ACKs without SACK reduce pipe as SACK blocks do, in place of inflating cwnd,
//     so that one rule sends in both kinds of recovery.
//   - Where SACK was agreed on and duplicate ACKs come without a block, three in a row, a box on the way
//     takes them out: the sender goes on as without SACK until one comes.
//   - RACK believes that a retransmission has arrived once the least round-trip time is over; the
//     echoed timestamp, which RFC 8985 6.2 asks too, only tells of what the ACK field covers, for
//     it is an old one while there is a gap. With three segments sacked and no reordering
//     seen it does not wait.
//   - A tail loss probe waits for 10 ms at the least. Of a flight of one segment there is none: the
//     retransmission timeout, srtt + 200 ms, comes as soon, where RFC 8985 7.2 has the probe in its place.
//   - F-RTO takes data that arrives and was sent only once, before the timeout, for proof
//     that it was needless, already in the first ACK, as Linux does.
//   - A window that is not in use is kept for five minutes, and goes out paced (RFC 7661),
//     where Linux halves it for each timeout of silence (RFC 2861, which is historic). Else
//     CUBIC and Reno are not paced: in simulation it gains them nothing. HyStart++ has no limit
//     to what an ACK adds to cwnd (L), for an ACK may stand for a super-segment.
//   - A window that was full in the last round trip is validated, whatever pipeACK is by then, and so is
//     one no larger than the initial window. A loss takes a share of what was in flight, or
//     lately acknowledged in a round trip if that is more, in the validated phase and at a timeout too, where
//     RFC 5681 (4) has FlightSize: the end of a burst is no measure. Linux takes a share of cwnd.
//   - BBR keeps to the draft but for two things. The first is what it makes of losses: how many of a
//     flight are lost must exceed 2 % by more than chance explains, two standard deviations: of a hundred
//     segments three are no measure. As many are tolerated while it does not probe, too. And what arrived is
//     compared with what was sent, which at 0.9 of the bandwidth is less. So 1 % of
//     random loss costs it next to nothing, as in Linux, whose BBR is the first version.
//   - The second is what is left open, or seems better. A mark of ECN is as a round of losses: the draft
//     says no more than that it must count. As in Linux, what aggregation adds to the window is 100 ms of
//     bandwidth at most, and begins anew with a restart from idle, and probes come no more often
//     than those of a Reno flow of four segments. What may be undone is what the recovery found, not what
//     each of its rounds did. Before there is a sample of bandwidth the path is thought to hold the
//     initial window. What a DSACK reports is not counted as delivered: the sender can't check it, and it
//     would raise the rate. What is paced and late may go up to 10 ms of it at once, and waits for
//     no longer than a second.
//   - A sender whose buffer is more than half full is not limited by its application, as far as
//     the rate of delivery goes: the buffer is.
//   - The ACK of a FIN waits for ours, as other ACKs wait for data, and as in Linux: if the
//     application closes at once, three segments end the connection.
//   - A window probe carries a byte of data (RFC 9293 3.8.6.1); a FIN that only a closed
//     window holds back is sent. While either is beyond the window, or the peer has taken the window back,
//     an ACK or a RST has the number of the window's edge in place of SND.NXT, as in Linux: the peer
//     would drop one beyond it.
//   - ECN is agreed to where the peer asks, and not asked for (Config.ECN). A RST in answer to a
//     SYN that asks for it ends the attempt, where RFC 3168 6.1.1.1 allows another without; a
//     SYN that had no answer is sent again without. After a timeout slow start goes on with ACKs that echo a
//     mark, though 6.1.2 has no ACK with an echo raise cwnd: they do so until new data says CWR, which
//     comes after all that is sent again.
//   - Any ICMP error about it ends an attempt to connect, as RFC 5461 describes. On an open
//     connection it is remembered as the reason if that times out (RFC 5927).
//
// # What was measured
//
// By benchmarks of package stack (scale_bench_test.go) on a machine with two processors, in
// ratios of runs that took turns. What won:
//
//   - The table of connections is keyed by a 64-bit keyed hash in place of the tuple, which has 64
//     bytes and is in the connection anyway, and routes out of one interface share what they have in
//     common: an idle connection lost 143 of 1319 bytes of heap, and with 100,000 open an echo took 8.6 µs
//     in place of 10.7.
//   - Connections wait for far deadlines on wheels, and have a timer only for near ones: 130 bytes
//     less each, and a million of them leave the runtime's timers alone. With 100,000 busy ones
//     the wheels cost what the runtime's timers did: either way the links of the neighbours are not in
//     the processor's cache.
//   - A deadline that moves later moves no timer. One is set for 4 % of the segments of
//     an echo, and 2.5 % of those of a transfer, at a round-trip time of 1 ms.
//   - What a waiting Read needs, and what HyStart++ measures, is not there before there is a Read or data: 96
//     bytes.
//   - An alarm that a connection gives back runs on, and the next that needs one sets it only if it goes off too
//     late: a connection that lives for less than 40 ms sets no timer. A read deadline keeps its timer likewise: to
//     move it twice, as an HTTP server does, takes 0.20 µs in place of 0.38.
//
// And over TUN, by scripts/bench, in the mean of six runs that took turns:
//
//   - The device's reader waits for no Write and no Read of a connection: ACKs that come meanwhile are taken by the Write,
//     and Read copies without the lock. Down on one connection 19.0 Gbit/s in place of 15.3, for 0.4 s of a
//     processor's time for a GB in place of 0.5; up 24.5 and 22.6 (five runs).
//   - One ACK for what came in a batch: an upload takes 22.9 Gbit/s on one connection, and 20.0 with an
//     ACK for each super-segment. On four the batches are short: 28.9 and 28.7.
//   - Small data goes straight into the buffer of a Read that waits: 16 connections echo 89 k bytes a second, and 75 k
//     by way of the queue.
//   - ReadFrom and WriteTo, which io.Copy finds: 12.6 Gbit/s down and 27.5 up in place of 11.6 and 22.3, for
//     0.64 and 0.28 s of a processor's time for a GB in place of 0.71 and 0.38.
//   - Compiling for a profile: 89 k echoes a second on 16 connections in place of 80 k, 8.3 k HTTP requests on one in
//     place of 7.6 k; an upload 22.9 Gbit/s in place of 21.9.
//
// What gained nothing, and was left out:
//
//   - Super-segments copied straight into the buffer of a Read that waits, too: uploads of 23.7 and 30.7 Gbit/s on one
//     connection and four, 23.5 and 32.6 by way of the queue, which keeps them where they lie; 0.35 s for a GB both.
//   - Ticks of 16 ms on wheels of 1024 slots, so that delayed ACKs wait there too (9.1, 8.8, 8.7 µs an
//     echo with 100,000 open; with 32 ms 9.1, 8.1, 8.3).
//   - A sharded account of memory: with four connections and segments of 1448 bytes the account
//     takes 2 % of the time, with super-segments too little to be seen. With four connections the
//     only lock that is waited for is a connection's own, by its Write, for 5 % of the time.
//   - A lazier collector of garbage: its share in a transfer is 0.3 % at most, as data has no part in what
//     is allocated. With GOGC=400, or GOGC=off and GOMEMLIMIT=1GiB, connections were accepted as fast
//     as without, but for the noise.
//
// # Left out
//
// Urgent data is delivered in line (RFC 6093). SYN cookies, accurate ECN (RFC 9768), fast
// open, RFC 6675's rules 3 and 4 of NextSeg, MTU probing without ICMP (RFC 4821).
// Without SACK losses are found by duplicate ACKs (RFC 6582), with neither
// RACK-TLP nor PRR.
package tcp
