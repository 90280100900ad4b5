// Package trace tells what happened in a stack and why: the event that every layer
// emits, and who listens to it.
//
// A [Tracer] gives events their numbers and hands them to its subscribers. A [Node]
// is its end at one host or router; a stack without one, or with one that nobody
// listens to, pays a nil check, or an atomic load, for each thing that it might
// have told:
//
//	if l.trace.On() {
//		in.Event = l.trace.Emit(trace.Event{Kind: trace.Dropped, Cause: in.Event, Rule: rule})
//	}
//
// # Causes
//
// Each event names the one that led to it, so that every packet has a story:
// an ACK was sent because a segment was received, which was sent, at another node,
// because a timer expired there. Within a node the event goes with the packet
// (packet.In.Event, packet.Out.Mark), between nodes of one process over the
// wire ([Mark]), and from an application's call to the next in its context ([WithCause])
// or in the connection ([Endpoint]). Every packet sent and every drop has a
// cause and a rule; the calls of an application, and what comes from outside of
// what is traced, may have none.
//
// # Who owns what
//
// The tracer owns the count of events and the list of subscribers, nothing else;
// a [Ring] owns the events it holds. An event is not changed once it was emitted,
// and belongs to all who have it. Subscribers are called one at a time, in the
// order of the events, by the goroutine that emits, which may hold a
// connection's lock: they are quick and call nothing of the stack.
//
// # Left out
//
// This package knows no protocol: what it says of a packet, the layers filled in.
// It reads no events back but for its own JSON ([Event]'s fields), and it samples
// nothing: who listens gets every event.
package trace
