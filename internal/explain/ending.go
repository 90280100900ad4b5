package explain

import "github.com/tinystack/tinystack/trace"

// ending looks for the end of a connection in the events, each of which it is shown once.
type ending struct {
	conn  trace.Conn // as the host has it
	whole bool       // the server's events are there, too
	fin   *segment   // the server's
	acked bool       // that one, by the host
	waits bool       // the host is in TIME-WAIT
	over  bool
}

// among takes more events in, and reports whether the server has heard the last of the
// connection; if that is not seen, whether the host has sent it.
func (d *ending) among(events []*trace.Event) bool {
	for _, e := range events {
		switch {
		case e.Kind == trace.StateChange:
			d.enters(e)
		case d.whole, e.Conn != d.conn, e.Packet == nil, e.Packet.TCP == nil:
		case e.Kind == trace.Sent, e.Kind == trace.Received:
			d.passes(&segment{host: e.Kind == trace.Sent, sent: e})
		}
	}
	return d.over || d.acked && d.waits
}

// enters takes note of a change of state.
func (d *ending) enters(e *trace.Event) {
	switch {
	case d.whole:
		d.over = d.over || e.Node == nodeWeb && e.Conn == reversed(d.conn) && e.State.To == stateClosed
	case e.Node == nodeHost && e.Conn == d.conn:
		d.over = d.over || e.State.To == stateClosed
		d.waits = d.waits || e.State.To == stateTimeWait
	}
}

// passes takes note of a segment on the host's wire.
func (d *ending) passes(g *segment) {
	if g.host {
		d.acked = d.acked || d.fin != nil && g.tcp().Ack == d.fin.end()
	} else if g.has('F') {
		d.fin = g
	}
}
