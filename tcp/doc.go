// Package tcp is the Transmission Control Protocol (RFC 9293), in two halves.
//
// The core, tcb, is pure: (now, segment) → state, segments to send, next
// deadline. It has no lock, no goroutine and no clock, so that it runs as it is
// in virtual time, in a simulator and under a fuzzer. Around it, [Conn] has the
// lock, the timer and the calls that wait; [Listener] the two queues of a
// passive open; [Layer] the table of connections, and what is common to all.
//
// # The way of a segment
//
// The goroutine that reads the device calls [Layer.Receive], which finds the
// connection and, under its lock, runs the core and sends what that gives rise to. Write
// does the same on the application's goroutine. There is no queue and no other
// goroutine in between. An ACK that may wait is sent when the reader has no more
// packets at hand, one for all of them.
//
//	receive.go    RFC 9293 3.10.7.4, a function for each step
//	open.go       SYN options, the handshake, SYN-SENT (3.10.7.3)
//	ack.go        the ACK field: what has arrived, SACK, the send window
//	recovery.go   what is lost, and what cwnd makes of it
//	output.go     next, the only sender
//	timers.go     nextTimeout and advance: retransmission, persist, keepalive
//	user.go       what the application's calls do to the state
//	flight.go     what has been sent and not acknowledged: the scoreboard
//	ring.go       the send buffer
//	recvqueue.go  data for Read; reassembly.go: data beyond a gap
//	cubic.go, reno.go, congestion.go, rtt.go
//	limits.go     what keeps the sender from sending more, and how fast its data arrives
//
// # Who owns what
//
// The tcb owns the buffers of its connection; they exist only while they hold
// something, so that an idle connection is one small struct. Received data stays
// in the packet's buffer if it fills at least a quarter of it, and is copied
// otherwise. A connection in TIME-WAIT is a record that the layer owns; what a
// [Conn] may still hold for Read stays with it. A half-open connection is a record in its
// listener's queue.
//
// # Choices
//
//   - The retransmission timeout is at least srtt + 200 ms, as in Linux, where RFC 6298
//     asks for one second (Config.MinRTO).
//   - A RST must have exactly the sequence number expected, a SYN in an open
//     connection is never taken (RFC 5961); answers to bad segments are limited to one in
//     500 ms for each connection.
//   - A segment without the timestamp agreed on is dropped (RFC 7323 3.2).
//   - Duplicate ACKs without SACK reduce pipe as SACK blocks do, in place of inflating cwnd,
//     so that one rule sends in both kinds of recovery.
//   - A window probe carries a byte of data (RFC 9293 3.8.6.1); a FIN that only a closed window holds
//     back is sent.
//   - Keepalive is on, every 15 s, as package net has it.
//   - ICMP errors end an attempt to connect, and are remembered on an open connection as the reason if it
//     times out (RFC 5927).
//
// # Left out
//
// Urgent data is delivered in line (RFC 6093). RACK-TLP, PRR, pacing, BBR, SYN
// cookies, ECN, fast open, F-RTO and Eifel, RFC 6675's rules 3 and 4 of NextSeg, MTU probing without
// ICMP (RFC 4821), buffers that tune themselves.
package tcp
