package explain

import (
	"fmt"
	"time"

	"github.com/tinystack/tinystack/trace"
)

// patience is how long a run waits for a connection to end: some round trips, or the
// timeout of a lost FIN.
const patience = 3 * time.Second

// closeTab closes the connection, and tells how that goes.
func (s *story) closeTab(t *tab) {
	began := s.now()
	_, from := s.log.since(0)
	t.close()
	s.awaitClose(t)
	events, _ := s.log.since(from)
	if e := first(events, func(e *trace.Event) bool {
		return e.Kind == trace.StateChange && e.Node == nodeHost && e.Conn == t.id() && e.State.To == "TIME-WAIT"
	}); e != nil {
		s.spans = append(s.spans, span{name: "TCP close", began: began, end: e.Time})
	}
	s.page.station(began, "The close: each end says that it has no more to send")
	flow := s.during(t, from)
	for _, g := range flow {
		s.tellClosing(g)
	}
	if len(flow) == 3 {
		s.page.item("", "Four steps in three segments: the server had its own FIN ready when it was to acknowledge the host's, and sent both in one.")
	}
	s.tellLosses(flow)
	s.tellStates(events, t)
}

// awaitClose waits until both ends have nothing to send any more.
func (s *story) awaitClose(t *tab) {
	const step = 5 * time.Millisecond
	for range patience / step {
		if s.closed(t) {
			return
		}
		time.Sleep(step)
	}
}

// closed reports whether the server has heard the last of the connection.
func (s *story) closed(t *tab) bool {
	events, _ := s.log.since(0)
	c := reversed(t.id())
	return first(events, func(e *trace.Event) bool {
		return e.Kind == trace.StateChange && e.Node == nodeWeb && e.Conn == c && e.State.To == "CLOSED"
	}) != nil
}

func (s *story) tellClosing(g *segment) {
	t := g.tcp()
	switch {
	case g.has('F') && g.host:
		s.tellSegment("FIN", g, "the browser is done: it sends no more than up to %d", t.Seq)
	case g.has('F'):
		s.tellSegment("FIN", g, "the server is done too, at %d; next it expects %d", t.Seq, t.Ack)
	case g.has('R'):
		s.tellSegment("RST", g, "the connection is given up")
	default:
		s.tellSegment("ACK", g, "next I expect %d: a FIN counts for one", t.Ack)
	}
}

// tellStates says through which states both ends went.
func (s *story) tellStates(events []*trace.Event, t *tab) {
	for _, end := range []struct {
		node, label string
		conn        trace.Conn
	}{{nodeHost, "host", t.id()}, {nodeWeb, "server", reversed(t.id())}} {
		path := ""
		for _, e := range events {
			if e.Kind == trace.StateChange && e.Node == end.node && e.Conn == end.conn {
				if path == "" {
					path = e.State.From
				}
				path += fmt.Sprintf(" -> %s", e.State.To)
			}
		}
		s.page.item(end.label, "%s", path)
	}
	s.page.say("Who closes first waits: the host keeps the connection in TIME-WAIT for 60 seconds more, in case its last ACK is lost and the FIN comes " +
		"again, and so that nothing that is late is taken for a new connection's (RFC 9293 3.6.1). It costs a few bytes of memory, and the page is there already.")
}
