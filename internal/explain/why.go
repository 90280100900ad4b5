package explain

import (
	"fmt"
	"strings"

	"github.com/tinystack/tinystack/trace"
)

// maxCauses is how many of a packet's causes are told; of more, those between are left out.
const maxCauses = 40

// why unfolds the causes of a packet of the host's wire, down to where all began.
func (s *story) why(n int) error {
	packets := s.log.wire()
	if n < 1 || n > len(packets) {
		return fmt.Errorf("there is no packet %d: they are 1 to %d", n, len(packets))
	}
	p := packets[n-1]
	s.page.station(s.now(), fmt.Sprintf("Why packet %d?", n))
	lines := s.causes(p)
	for i, line := range lines {
		if len(lines) > maxCauses && i == maxCauses-5 {
			s.page.say("... %s before that, down to:", plural(len(lines)-maxCauses, "cause"))
		}
		if len(lines) <= maxCauses || i < maxCauses-5 || i >= len(lines)-5 {
			s.page.paragraph(margin, margin+20, line)
		}
	}
	return nil
}

// causes are the packet's, a line each, the packet itself first. What routers forwarded is one.
// They end where what is not seen begins.
func (s *story) causes(p *numbered) (lines []string) {
	var through []string
	for e := p.sent; e != nil; e = s.log.event(e.Cause) {
		origin := s.log.originOf(e)
		if e.Packet != nil && e.Kind == trace.Sent && origin != e {
			through = append([]string{e.Node}, through...)
			continue
		}
		if len(through) > 0 && (e.Kind == trace.Received || e.Kind == trace.Routed) {
			continue // at a router
		}
		line := fmt.Sprintf("%9s  %-8s %s", s.page.at(e.Time), e.Node, s.what(e))
		if len(through) > 0 {
			line += ", forwarded by " + strings.Join(through, ", ")
			through = nil
		}
		if e.Kind == trace.Received && e.Cause == 0 {
			line += "; why it was sent is not ours to see"
		}
		if e.Rule != "" {
			line += " -- " + string(e.Rule)
		}
		lines = append(lines, line)
	}
	return lines
}

// what says what an event is, in a few words.
func (s *story) what(e *trace.Event) string {
	switch {
	case e.Packet != nil && e.Packet.TCP != nil:
		return fmt.Sprintf("%v %s%s", e.Kind, s.numberOf(e), segmentText(e.Packet.TCP))
	case e.Packet != nil:
		return fmt.Sprintf("%v %s%s to %v", e.Kind, s.numberOf(e), strings.ToUpper(e.Packet.Protocol), e.Packet.Dst)
	case e.State != nil:
		return fmt.Sprintf("state %s -> %s", e.State.From, e.State.To)
	case e.Route != nil:
		return fmt.Sprintf("route to %v: %v", e.Route.Dst, e.Route.Chosen.Dst)
	case e.DNS != nil:
		return fmt.Sprintf("%v %s %s %s", e.Kind, e.DNS.Name, e.DNS.Type, e.DNS.Code)
	case e.HTTP != nil && e.HTTP.Status != 0:
		return fmt.Sprintf("response %d", e.HTTP.Status)
	case e.HTTP != nil:
		return fmt.Sprintf("request %s %s", e.HTTP.Method, e.HTTP.URL)
	case e.Congestion != nil:
		return fmt.Sprintf("cwnd %d, %s", e.Congestion.Cwnd, e.Congestion.Phase)
	case e.Window != nil:
		return fmt.Sprintf("windows: the peer's %d, ours %d", e.Window.Peer, e.Window.Own)
	}
	return strings.TrimSpace(fmt.Sprintf("%v %s %s", e.Kind, e.Name, e.Text))
}

// reason is the event that led to a packet, but for the choice of a route, and of a datagram
// for the call that wrote it.
func (s *story) reason(e *trace.Event) *trace.Event {
	cause := s.log.event(e.Cause)
	for cause != nil && (cause.Kind == trace.Routed || cause.Kind == trace.Call && e.Packet.Protocol == "udp") {
		cause = s.log.event(cause.Cause)
	}
	return cause
}

// effect is the first event of what a packet was read for, nil if there is none.
func (s *story) effect(e *trace.Event) *trace.Event {
	events, _ := s.log.since(0)
	return first(events, func(x *trace.Event) bool { return x.Cause == e.ID && x.DNS != nil })
}

// numberOf is the number of a packet on the host's wire, with what goes before and after it.
func (s *story) numberOf(e *trace.Event) string {
	if p := s.log.packet(s.log.originOf(e)); p != nil {
		return fmt.Sprintf("packet %d, ", p.n)
	}
	return ""
}

// segmentText is a segment in short.
func segmentText(t *trace.Segment) string {
	text := flagNames(t.Flags) + fmt.Sprintf(" seq %d", t.Seq)
	if strings.Contains(t.Flags, ".") {
		text += fmt.Sprintf(" ack %d", t.Ack)
	}
	if t.Data > 0 {
		text += fmt.Sprintf(", %d bytes", t.Data)
	}
	return text
}
