package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/tinystack/tinystack/trace"
)

// tick is that of the timestamps of this stack.
const tick = time.Millisecond

// echoedRounds cuts what the server sent into rounds, as the host can tell: each segment
// echoes the timestamp of what the server had heard last (RFC 7323 3.2), so a new round begins with the
// first one that echoes an ACK of the round before. Without
// timestamps there are none.
func echoedRounds(flow []*segment) (rounds []*round) {
	var heard *uint32 // the timestamp of the first ACK of the last round
	for _, g := range flow {
		val, echo, ok := timestamps(g)
		switch {
		case !ok:
		case !g.host && g.tcp().Data > 0:
			if len(rounds) == 0 || heard != nil && int32(echo-*heard) >= 0 {
				rounds, heard = append(rounds, &round{}), nil
			}
			r := rounds[len(rounds)-1]
			r.segments, r.bytes = append(r.segments, g), r.bytes+g.tcp().Data
		case g.host && heard == nil && len(rounds) > 0 && acknowledges(g, val, rounds[len(rounds)-1].segments[0]):
			heard = &val
		}
	}
	return rounds
}

// acknowledges reports whether a, of that timestamp, acknowledges all of g, and can be told
// from what g echoes.
func acknowledges(a *segment, val uint32, g *segment) bool {
	_, echo, _ := timestamps(g)
	return int32(a.tcp().Ack-g.end()) >= 0 && int32(val-echo) > 0
}

// timestamps are those of a segment, if it has any.
func timestamps(g *segment) (val, echo uint32, ok bool) {
	_, text, ok := strings.Cut(g.tcp().Options, "TS ")
	if !ok {
		return 0, 0, false
	}
	n, err := fmt.Sscanf(text, "val %d ecr %d", &val, &echo)
	return val, echo, err == nil && n == 2
}

// tellEchoedRounds tells how the server came to send faster, by what came of it.
func (s *story) tellEchoedRounds(t *tab, flow []*segment) {
	rounds := echoedRounds(flow)
	if len(rounds) < 2 {
		return
	}
	if rtt := t.conn.Info().MinRTT; rtt <= 2*tick {
		s.page.item("slow start", "a round trip, %s, is too short for the rounds to be told apart by the timestamps that the server echoes.", ms(rtt))
		return
	}
	s.page.item("slow start", "how much the path bears nobody knows. The server has some segments under way at first (ten by RFC 6928), and as many more "+
		"as are acknowledged: twice as much each round trip (RFC 5681 3.1), up to the window that the host offers. Its cwnd is its own; "+
		"the timestamps that it echoes tell the rounds apart.")
	s.page.row("round     arrives   segments        bytes")
	most := 0
	for i, r := range rounds {
		most = max(most, r.bytes)
		if i < maxRounds-1 || i == len(rounds)-1 {
			s.page.row("%5d%12s%11d%13d", i+1, s.page.at(r.segments[0].sent.Time), len(r.segments), r.bytes)
		} else if i == maxRounds-1 {
			s.page.row("  ...   %s", plural(len(rounds)-maxRounds, "round")+" more")
		}
	}
	s.tellOwnWindow(rounds[len(rounds)-1].segments[0].sent, most)
}

// maxRounds is how many of a response's are told.
const maxRounds = 16

// tellOwnWindow says whether the host's window was in the way of rounds of so many bytes.
func (s *story) tellOwnWindow(end *trace.Event, most int) {
	events, _ := s.log.since(0)
	window, changed := 0, like(end, trace.WindowChange)
	for _, e := range events {
		if changed(e) {
			window = max(window, e.Window.Own)
		}
	}
	switch {
	case window == 0:
	case most > window*2/3:
		s.page.item("", "The host's window, %d bytes at the most, is about what came in a round: it is the limit, not the path.", window)
	default:
		s.page.item("", "The host's window is %d bytes: it was not in the way.", window)
	}
}
