package tcp

import (
	"context"
	"fmt"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// story is what a connection knows of causes, and what was told of it last, from when
// somebody listens. The connection's lock guards it.
type story struct {
	cause   trace.ID // of what the connection does now
	arrived trace.ID // the segment with the latest data
	heard   trace.ID // the segment with the latest data that was read
	because trace.ID // of the application's next calls, as it says

	state      State
	window     trace.Window
	congestion trace.Congestion
}

const ruleRoute trace.Rule = "the longest matching prefix, then the lowest metric, RFC 1122 3.3.1"

// told returns the connection's story, nil if nobody listens.
func (c *Conn) told() *story {
	if !c.layer.trace.On() {
		return nil
	}
	if c.story == nil {
		c.story = &story{state: c.tcb.state, window: c.tcb.windowNow(), congestion: c.tcb.congestionNow()}
	}
	return c.story
}

// emit tells of an event on the connection.
func (c *Conn) emit(e trace.Event) trace.ID {
	e.Conn = c.tuple.conn()
	return c.layer.trace.Emit(e)
}

func (t tuple) conn() trace.Conn {
	return trace.Conn{Protocol: "tcp", Local: t.local, Remote: t.remote}
}

// because makes id the cause of what the connection does next.
func (c *Conn) because(id trace.ID) {
	if s := c.told(); s != nil {
		s.cause = id
	}
}

// received takes note of a segment, after the core had it.
func (c *Conn) received(s *segment) {
	st := c.told()
	if st == nil {
		return
	}
	if s.dropped != nil {
		c.layer.tellDrop(s)
	}
	st.cause = s.event()
	if s.dataLen() > 0 || s.Flags&(SYN|FIN) != 0 || st.arrived == 0 {
		st.arrived = s.event()
	}
}

// called tells of a call of the application, because of which the connection does
// what it does next.
func (c *Conn) called(name, text string) {
	s := c.told()
	if s == nil {
		return
	}
	cause := s.because
	if cause == 0 {
		cause = s.known()
	}
	s.cause = c.emit(trace.Event{Kind: trace.Call, Cause: cause, Name: name, Text: text})
}

func (c *Conn) calledWrite(n int) {
	if c.layer.trace.On() {
		c.called("write", fmt.Sprintf("%d bytes", n))
	}
}

// dialed tells of the call that opens the connection, and of the route it takes.
func (c *Conn) dialed(ctx context.Context) {
	s := c.told()
	if s == nil {
		return
	}
	s.because = trace.Cause(ctx)
	c.called("dial", "")
	if r, ok := c.route.(packet.Chooser); ok {
		s.cause = c.emit(trace.Event{Kind: trace.Routed, Cause: s.cause, Rule: ruleRoute, Route: r.Choice()})
	}
}

// hasRead takes note that the application has what arrived.
func (c *Conn) hasRead() {
	if s := c.story; s != nil && s.heard != s.arrived {
		s.heard, s.because = s.arrived, 0
	}
}

// explain completes a segment that is to be sent by its reason and its cause.
func (c *Conn) explain(s *segment) {
	if c.story == nil {
		return
	}
	s.cause = c.story.cause
	if s.why == whyNew {
		s.why = c.tcb.newWhy(s)
	}
}

// Heard returns the event that led to what was read last, or if nothing was, to the
// connection's being open.
func (c *Conn) Heard() trace.ID {
	c.mu.Lock()
	defer c.unlock()
	if c.story == nil {
		return 0
	}
	return c.story.known()
}

// known is the latest event that the application has seen the effect of.
func (s *story) known() trace.ID {
	if s.heard == 0 {
		return s.arrived
	}
	return s.heard
}

// Because makes id the cause of what the application does until it reads something new.
func (c *Conn) Because(id trace.ID) {
	c.mu.Lock()
	defer c.unlock()
	if s := c.told(); s != nil {
		s.because = id
	}
}

// opened tells that a SYN began a connection, and returns the cause of the answer.
func (l *Layer) opened(t tuple, s *segment) trace.ID {
	if l.trace.On() {
		l.trace.Emit(trace.Event{
			Kind: trace.StateChange, Cause: s.event(), Conn: t.conn(), Rule: stateRules[SynReceived],
			State: &trace.State{From: Listen.String(), To: SynReceived.String()},
		})
	}
	return s.event()
}

// drop counts a segment that ends here, and tells of it. That is then the cause of what
// else is done.
func (l *Layer) drop(s *segment, reason *uint64) {
	s.drop(reason)
	if l.trace.On() {
		l.tellDrop(s)
	}
}

func (l *Layer) tellDrop(s *segment) {
	name := "Tcp" + counter.Name(&l.stats, s.dropped)
	id := l.trace.Emit(trace.Event{Kind: trace.Dropped, Cause: s.event(), Name: name, Rule: dropRules[name]})
	if s.in != nil { // else it came late, before somebody listened
		s.in.Event = id
	}
}
