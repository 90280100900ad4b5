package explain

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tinystack/tinystack/trace"
)

// patience is how long a run waits for a connection to end: some round trips, or the
// timeout of a lost FIN.
const patience = 3 * time.Second

// States that the story has words for.
const (
	stateEstablished = "ESTABLISHED"
	stateTimeWait    = "TIME-WAIT"
	stateLastAck     = "LAST-ACK"
	stateClosed      = "CLOSED"
)

// closeTab closes the connection, and tells how that goes.
func (s *story) closeTab(ctx context.Context, t *tab) {
	began := s.now()
	t.close()
	s.awaitClose(ctx, t)
	events, _ := s.log.since(0)
	if e := first(events, func(e *trace.Event) bool {
		return e.Kind == trace.StateChange && e.Node == nodeHost && e.Conn == t.id() && e.State.To == stateTimeWait
	}); e != nil && e.Time.After(began) {
		s.spans = append(s.spans, span{name: "TCP close", began: began, end: e.Time})
	}
	s.page.station(began, "The close: each end says that it has no more to send")
	s.tellClose(t)
}

// awaitClose waits until both ends have nothing to send any more, as far as that is seen, or
// ctx is done: the close is told up to there.
func (s *story) awaitClose(ctx context.Context, t *tab) {
	const step = 5 * time.Millisecond
	end := ending{conn: t.id(), whole: s.world.whole()}
	events, seen := s.log.since(0)
	for range patience / step {
		if end.among(events) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(step):
		}
		events, seen = s.log.since(seen)
	}
}

// tellClose tells how the connection ended: what came from the first FIN or RST on.
func (s *story) tellClose(t *tab) {
	flow := s.log.flow(t.id())
	for len(flow) > 0 && !flow[0].has('F') && !flow[0].has('R') {
		flow = flow[1:]
	}
	fins, reset := 0, false
	for _, g := range flow {
		s.tellClosing(g, fins)
		if g.has('F') {
			fins++
		}
		reset = reset || g.has('R')
	}
	if len(flow) == 3 && fins == 2 && flow[1].has('F') {
		one, other := "host", "server"
		if !flow[0].host {
			one, other = other, one
		}
		s.page.item("", "Four steps in three segments: the %s had its own FIN ready when it was to acknowledge the %s's, and sent both in one.", other, one)
	}
	s.tellLosses(flow)
	s.tellStates(t, reset)
}

// tellClosing tells of a segment after so many FINs.
func (s *story) tellClosing(g *segment, fins int) {
	t := g.tcp()
	who := "server"
	if g.host {
		who = "browser"
	}
	name := "FIN"
	if t.Data > 0 {
		name = "data, FIN"
	}
	switch at := g.end() - 1; {
	case g.has('F') && fins == 0:
		s.tellSegment(name, g, "the %s is done: it sends no more than up to %d", who, at)
	case g.has('F'):
		s.tellSegment(name, g, "the %s is done too, at %d; next it expects %d", who, at, t.Ack)
	case g.has('R'):
		s.tellSegment("RST", g, "the connection is given up")
	case t.Data > 0:
		s.tellSegment("data", g, "%d bytes from %d on", t.Data, t.Seq)
	default:
		s.tellSegment("ACK", g, "next I expect %d: a FIN counts for one", t.Ack)
	}
}

// tellStates says through which states both ends went, and what is left of the connection.
func (s *story) tellStates(t *tab, reset bool) {
	events, _ := s.log.since(0)
	ours := path(events, nodeHost, t.id())
	s.page.item("host", "%s", ours)
	if s.world.whole() {
		s.page.item("server", "%s", path(events, nodeWeb, reversed(t.id())))
	} else {
		s.page.item("server", "what it made of this is not ours to see")
	}
	switch {
	case strings.Contains(ours, stateTimeWait):
		s.page.say("Who closes first waits: the host keeps the connection in TIME-WAIT for 60 seconds more, in case its last ACK is lost and the FIN comes " +
			"again, and so that nothing that is late is taken for a new connection's (RFC 9293 3.6.1). It costs a few bytes of memory, and the page is there already.")
	case reset:
		s.page.say("A RST ends a connection at once, and nothing is kept of it (RFC 9293 3.10.7.4).")
	case strings.HasSuffix(ours, stateLastAck+" -> "+stateClosed):
		s.page.say("Who closes first waits, and that was the server: it keeps the connection in TIME-WAIT, so that nothing that is late is taken for " +
			"a new connection's (RFC 9293 3.6.1). The host remembers nothing of it.")
	default:
		s.page.say("The server has not ended its side yet, and the story waits no longer.")
	}
}

// path is the states that an end of a connection went through from ESTABLISHED on.
func path(events []*trace.Event, node string, c trace.Conn) string {
	text := ""
	for _, e := range events {
		if e.Kind != trace.StateChange || e.Node != node || e.Conn != c {
			continue
		}
		if text == "" && e.State.From == stateEstablished {
			text = e.State.From
		}
		if text != "" {
			text += fmt.Sprintf(" -> %s", e.State.To)
		}
	}
	return text
}
