package explain

import (
	"fmt"

	"github.com/tinystack/tinystack/trace"
)

// round is what a sender sent before it heard of any of it: a flight of one round trip.
type round struct {
	segments []*segment
	bytes    int
}

// roundsOf cuts what the server sent into rounds: a new one begins with what is sent after
// the first segment of the one before was acknowledged.
func roundsOf(flow []*segment) (rounds []*round) {
	for _, g := range withData(flow, false) {
		if len(rounds) == 0 || heardOf(flow, rounds[len(rounds)-1].segments[0], g) {
			rounds = append(rounds, &round{})
		}
		r := rounds[len(rounds)-1]
		r.segments, r.bytes = append(r.segments, g), r.bytes+g.tcp().Data
	}
	return rounds
}

// heardOf reports whether the server had got an ACK of its segment one, or beyond, when it
// sent its segment two.
func heardOf(flow []*segment, one, two *segment) bool {
	for _, a := range flow {
		if a.host && a.got != nil && a.got.ID < two.sent.ID && int32(a.tcp().Ack-one.end()) >= 0 {
			return true
		}
	}
	return false
}

// tellRounds tells how the server came to send faster, if it had so much to send.
func (s *story) tellRounds(t *tab, flow []*segment) {
	if !s.world.whole() {
		s.tellEchoedRounds(t, flow)
		return
	}
	rounds := roundsOf(flow)
	s.mostRounds = max(s.mostRounds, len(rounds))
	if len(rounds) < 2 {
		return
	}
	s.initialCwnd = initialWindow(rounds[0])
	events, _ := s.log.since(0)
	s.page.item("slow start", "how much the path bears nobody knows. The server may have cwnd bytes under way (ten segments at first, RFC 6928), "+
		"and as many more as are acknowledged: twice as much each round trip (RFC 5681 3.1), up to the window that the host offers.")
	s.page.row("round   begins at   segments   bytes sent   cwnd        phase")
	for i, r := range rounds {
		end := r.segments[len(r.segments)-1].sent
		cwnd, phase := fmt.Sprint(initialWindow(rounds[0])), "slow start"
		if c := last(events, end.ID, like(end, trace.CongestionChange)); c != nil {
			cwnd, phase = fmt.Sprint(c.Congestion.Cwnd), c.Congestion.Phase
		}
		s.page.row("%5d%12s%11d%13d%7s        %s", i+1, s.page.at(r.segments[0].sent.Time), len(r.segments), r.bytes, cwnd, phase)
	}
	s.tellWindow(events, rounds)
}

// initialWindow is what a sender may have under way at first (RFC 6928 2), where r is its
// first flight.
func initialWindow(r *round) int {
	mss := 0
	for _, g := range r.segments {
		mss = max(mss, g.tcp().Data)
	}
	return min(10*mss, max(2*mss, 14600))
}

// like matches events of one kind at the node of e, of the connection that e is of.
func like(e *trace.Event, kind trace.Kind) func(*trace.Event) bool {
	return func(x *trace.Event) bool { return x.Kind == kind && x.Node == e.Node && x.Conn == e.Conn }
}

// tellWindow says whether the host's window was in the way.
func (s *story) tellWindow(events []*trace.Event, rounds []*round) {
	end := rounds[len(rounds)-1].segments[0].sent
	w := last(events, end.ID, like(end, trace.WindowChange))
	if w == nil {
		return
	}
	cwnd := initialWindow(rounds[0])
	if c := last(events, end.ID, like(end, trace.CongestionChange)); c != nil {
		cwnd = c.Congestion.Cwnd
	}
	if w.Window.Peer < cwnd {
		s.page.item("", "The host's window, %d bytes, is smaller than cwnd: it is the limit, not the path.", w.Window.Peer)
		return
	}
	s.page.item("", "The host's window is %d bytes: it was never in the way.", w.Window.Peer)
}

// tellLosses tells what was lost, and what came of it.
func (s *story) tellLosses(flow []*segment) {
	if !s.world.whole() {
		s.tellSeenLosses(flow)
		return
	}
	for i, g := range flow {
		if g.lost {
			s.page.item("lost", "packet %d, %s: %s", g.n, describe(g), s.repair(g, flow[i+1:]))
		}
	}
}

// describe says what a segment is.
func describe(g *segment) string {
	t := g.tcp()
	who := "the server's"
	if g.host {
		who = "the host's"
	}
	if t.Data == 0 {
		return fmt.Sprintf("%s %s", who, flagNames(t.Flags))
	}
	return fmt.Sprintf("%s %d bytes from %d on", who, t.Data, t.Seq)
}

// repair says how a lost segment was made good.
func (s *story) repair(g *segment, later []*segment) string {
	for _, h := range later {
		switch {
		case h.host != g.host:
		case g.end() != g.tcp().Seq && h.tcp().Seq == g.tcp().Seq && h.end() != h.tcp().Seq:
			return fmt.Sprintf("sent again %s later as packet %d (%s)", ms(h.sent.Time.Sub(g.sent.Time)), h.n, h.sent.Rule)
		case g.end() == g.tcp().Seq && int32(h.tcp().Ack-g.tcp().Ack) >= 0:
			return fmt.Sprintf("packet %d acknowledges as much and more, so nothing was missed", h.n)
		}
	}
	return "nothing has made it good yet"
}
