package explain

import "fmt"

// maxLosses is how many losses of a response are told.
const maxLosses = 8

// tellSeenLosses tells what one end knows of losses, where the wire's are not told: what the
// host sent again, and where what came from the server was not in its order.
func (s *story) tellSeenLosses(flow []*segment) {
	var lines []string
	sent := map[uint32]*segment{} // by the first sequence number
	var in inOrder
	for _, g := range flow {
		line := ""
		if g.host && g.has('.') && !in.begun {
			in.begun, in.next = true, g.tcp().Ack
		}
		switch before := sent[g.tcp().Seq]; {
		case g.end() == g.tcp().Seq:
		case !g.host:
			line = in.take(g)
		case before != nil:
			line = fmt.Sprintf("packet %d, %s: sent again %s later as packet %d (%s)", before.n, describe(before), ms(g.sent.Time.Sub(before.sent.Time)), g.n, g.sent.Rule)
		default:
			sent[g.tcp().Seq] = g
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	for _, line := range lines[:min(len(lines), maxLosses)] {
		s.page.item("losses", "%s", line)
	}
	if n := len(lines) - maxLosses; n > 0 {
		s.page.item("", "and so on, %s more", plural(n, "time"))
	}
}

// inOrder puts the server's segments in their order.
type inOrder struct {
	begun bool
	next  uint32     // the sequence number that comes next
	early []*segment // above it, in the order in which they came
	hole  *segment   // the first of those since all was in order
}

// take takes the segment that came next, and returns what is to be told of it, "" if it came in
// its order.
func (r *inOrder) take(g *segment) string {
	if !r.begun {
		r.begun, r.next = true, g.tcp().Seq
	}
	switch {
	case int32(g.end()-r.next) <= 0:
		return fmt.Sprintf("packet %d, %s: they were there already. The server took them, or the ACK of them, for lost, or they were doubled on the way", g.n, describe(g))
	case int32(g.tcp().Seq-r.next) > 0:
		r.early = append(r.early, g)
		if r.hole != nil {
			return ""
		}
		r.hole = g
		return fmt.Sprintf("packet %d, %s, came before the %d bytes ahead of them: those were lost on the way, or overtaken",
			g.n, describe(g), g.tcp().Seq-r.next)
	}
	r.next = g.end()
	r.join()
	if r.hole == nil || len(r.early) > 0 {
		return ""
	}
	waited := g.sent.Time.Sub(r.hole.sent.Time)
	r.hole = nil
	return fmt.Sprintf("packet %d, %s, fills the gap %s later", g.n, describe(g), ms(waited))
}

// join takes of the early segments those that come next now.
func (r *inOrder) join() {
	for joined := true; joined; {
		joined = false
		var rest []*segment
		for _, g := range r.early {
			if int32(g.tcp().Seq-r.next) > 0 {
				rest = append(rest, g)
				continue
			}
			if int32(g.end()-r.next) > 0 {
				r.next, joined = g.end(), true
			}
		}
		r.early = rest
	}
}
