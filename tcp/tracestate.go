package tcp

import (
	"math"

	"github.com/tinystack/tinystack/trace"
)

// observe tells what has changed since it was told last.
func (c *Conn) observe() {
	if c.story == nil || !c.layer.trace.On() {
		return
	}
	s := c.story
	if state := c.tcb.state; state != s.state {
		c.emit(trace.Event{
			Kind: trace.StateChange, Cause: s.cause, Rule: stateRules[state],
			State: &trace.State{From: s.state.String(), To: state.String()},
		})
		s.state = state
	}
	if w := c.tcb.windowNow(); w != s.window {
		c.emit(trace.Event{Kind: trace.WindowChange, Cause: s.cause, Rule: ruleWindow, Window: &w})
		s.window = w
	}
	now := c.tcb.congestionNow()
	if old := s.congestion; now.Cwnd != old.Cwnd || now.Ssthresh != old.Ssthresh || now.Phase != old.Phase {
		told := now
		c.emit(trace.Event{Kind: trace.CongestionChange, Cause: s.cause, Rule: phaseRules[now.Phase], Congestion: &told})
		s.congestion = now
	}
}

const ruleWindow trace.Rule = "how much more the receiver has room for, RFC 9293 3.8.6"

// windowNow is the windows that the two ends were told last; nothing before there are any.
func (c *tcb) windowNow() (w trace.Window) {
	if c.state.synchronized() {
		w = trace.Window{Peer: c.sndWnd, Own: int(c.rcvEdge - c.lastAckSent)}
	}
	return w
}

// congestionNow is where congestion control stands; nothing before it has begun.
func (c *tcb) congestionNow() (now trace.Congestion) {
	if c.cc == nil {
		return now
	}
	now = trace.Congestion{
		Algorithm: c.cc.name(), Phase: c.phaseName(), Cwnd: c.cwnd(), InFlight: c.inFlight(),
		MSS: c.mss(c.tsLen()), SRTT: c.rtt.srtt, RTO: c.rto(),
	}
	if t := c.cc.threshold(); t != math.MaxInt {
		now.Ssthresh = t
	}
	return now
}

// phaseName is what loss recovery or else congestion control is doing.
func (c *tcb) phaseName() string {
	switch {
	case c.phase == loss:
		return "loss"
	case c.phase == cwr && !c.cc.ownsRecovery():
		return "reduction"
	case c.phase == recovery && !c.cc.ownsRecovery():
		return "recovery"
	}
	return c.cc.stage()
}

// phaseRules are what congestion control follows in each phase.
var phaseRules = map[string]trace.Rule{
	"slow start":              "slow start: cwnd grows by as much as is acknowledged, RFC 5681 3.1",
	"conservative slow start": "conservative slow start: a queue seems to build, and cwnd grows by a quarter of that, RFC 9406 4.2",
	"congestion avoidance":    "congestion avoidance: cwnd grows slowly, RFC 5681 3.1, RFC 9438 4",
	"reduction":               "the path has marked a packet: cwnd shrinks as for a loss, RFC 3168 6.1.2",
	"recovery":                "fast recovery: cwnd shrinks to ssthresh, RFC 6675 5, RFC 6937",
	"loss":                    "after a timeout: cwnd begins anew with one segment, RFC 5681 3.1",
	"startup":                 "BBR starts up: the rate doubles each round trip until it is the path's, draft-ietf-ccwg-bbr-06 5.3.1",
	"drain":                   "BBR drains the queue that its start has built, draft-ietf-ccwg-bbr-06 5.3.2",
	"probe bandwidth: down":   "BBR sends slower than the path for a while, draft-ietf-ccwg-bbr-06 5.3.3.1",
	"probe bandwidth: cruise": "BBR sends as fast as the path delivers, draft-ietf-ccwg-bbr-06 5.3.3.2",
	"probe bandwidth: refill": "BBR fills the path before it asks for more, draft-ietf-ccwg-bbr-06 5.3.3.3",
	"probe bandwidth: up":     "BBR sends faster than the path, to see whether it takes more, draft-ietf-ccwg-bbr-06 5.3.3.4",
	"probe round trip":        "BBR has the queue run empty, to see the shortest round trip, draft-ietf-ccwg-bbr-06 5.3.4",
}

// stateRules are what brings a connection to each state.
var stateRules = [...]trace.Rule{
	Closed:      "the connection is over, RFC 9293 3.3.2",
	SynSent:     "active open: a SYN is sent, RFC 9293 3.5",
	SynReceived: "a SYN was received, and a SYN-ACK is the answer, RFC 9293 3.5",
	Established: "both ends have agreed on where their streams begin, RFC 9293 3.5",
	FinWait1:    "the application has closed: a FIN is sent, RFC 9293 3.6",
	FinWait2:    "our FIN is acknowledged, RFC 9293 3.6",
	CloseWait:   "the peer has closed: its FIN was received, RFC 9293 3.6",
	Closing:     "the FINs crossed, RFC 9293 3.6",
	LastAck:     "the application has closed too: a FIN is sent, RFC 9293 3.6",
	TimeWait:    "both FINs are done with: wait for what is still on the way, RFC 9293 3.6.1",
}
