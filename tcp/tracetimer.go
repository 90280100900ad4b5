package tcp

import "github.com/tinystack/tinystack/trace"

// timerRule is a timer's name, and what it is for.
type timerRule struct {
	name string
	rule trace.Rule
}

var (
	timerReorder   = timerRule{"reordering", "a segment that is only late has had the time to arrive, RFC 8985 6.3"}
	timerTailProbe = timerRule{"tail loss probe", "no ACK for two round trips, RFC 8985 7.2"}
	timerRexmit    = timerRule{"retransmission", "no ACK within the retransmission timeout, RFC 6298 5"}
	timerPersist   = timerRule{"persist", "the peer's window is shut, and what opens it may be lost, RFC 9293 3.8.6.1"}
	timerECN       = timerRule{"ECN", "cwnd is one segment, and the path marked it: another may go, RFC 3168 6.1.2"}
	timerAck       = timerRule{"delayed ACK", "an ACK waits no longer for data to go with, RFC 9293 3.8.6.3"}
	timerKeepAlive = timerRule{"keepalive", "time to see whether the peer is silent, RFC 9293 3.8.4"}
	timerLinger    = timerRule{"FIN-WAIT-2", "the peer does not close, and nobody here waits for it"}
	timerPacing    = timerRule{"pacing", "the next segments of the congestion window may go, RFC 9002 7.7"}
	timerSynAck    = timerRule{"SYN-ACK", "no ACK of the SYN-ACK, RFC 6298 5"}
	timerTimeWait  = timerRule{"TIME-WAIT", "nothing of the connection can be on the way any more, RFC 9293 3.6.1"}
)

// dueTimer returns the first of the timers that advance finds due, nil if there is none.
func (c *tcb) dueTimer(now instant) *timerRule {
	due := func(t instant) bool { return t != 0 && t <= now }
	switch {
	case c.fl != nil && due(c.fl.rack.due):
		return &timerReorder
	case c.fl != nil && due(c.fl.probeAt):
		return &timerTailProbe
	case due(c.rexmitAt) && c.persisting:
		return &timerPersist
	case due(c.rexmitAt) && c.ecn.has(ecnHold) && c.fl == nil:
		return &timerECN
	case due(c.rexmitAt):
		return &timerRexmit
	case due(c.ackDue):
		return &timerAck
	case due(c.keepAt):
		return &timerKeepAlive
	case due(c.lingerAt):
		return &timerLinger
	case due(c.pacedUntil()):
		return &timerPacing
	}
	return nil
}

// timerExpired tells of a timer, because of which the connection does what it does next.
func (c *Conn) timerExpired(now instant) {
	s := c.told()
	if s == nil {
		return
	}
	if t := c.tcb.dueTimer(now); t != nil { // else it fires early, for a deadline that has moved
		s.cause = c.emit(trace.Event{Kind: trace.Timer, Cause: s.cause, Name: t.name, Rule: t.rule})
	}
}

// timer tells of a timer of what is no connection yet, or any more.
func (l *Layer) timer(t tuple, r timerRule) trace.ID {
	if !l.trace.On() {
		return 0
	}
	return l.trace.Emit(trace.Event{Kind: trace.Timer, Conn: t.conn(), Name: r.name, Rule: r.rule})
}

// timeWaitOver tells that a connection's TIME-WAIT has passed.
func (l *Layer) timeWaitOver(t tuple) {
	if !l.trace.On() {
		return
	}
	l.trace.Emit(trace.Event{
		Kind: trace.StateChange, Cause: l.timer(t, timerTimeWait), Conn: t.conn(), Rule: stateRules[Closed],
		State: &trace.State{From: TimeWait.String(), To: Closed.String()},
	})
}
