package explain

import (
	"strings"

	"github.com/tinystack/tinystack/trace"
)

// tellRoute tells which way the first packet of a connection took, at each node.
func (s *story) tellRoute(from int) {
	events, _ := s.log.since(from)
	syn := first(events, func(e *trace.Event) bool { return e.Kind == trace.Sent && e.Packet.TCP != nil })
	chosen := first(events, func(e *trace.Event) bool {
		return e.Kind == trace.Routed && e.Node == nodeHost && e.Conn.Protocol == "tcp"
	})
	if chosen == nil || syn == nil {
		return
	}
	s.page.station(chosen.Time, "The route: which way to "+chosen.Route.Dst.String()+"?")
	s.page.say("Each node looks in its own table, and of the routes that fit takes the one with the longest prefix: the most exact. " +
		"It knows the next hop, not the way.")
	s.page.row("%-6s%-19s%-26s%-8s%s", "", "route to", "", "out of", "passed over")
	s.tellChoice(chosen)
	for _, e := range events {
		if e.Kind == trace.Routed && e.Node != nodeHost && e.Route.Dst == syn.Packet.Dst && s.follows(e, syn) {
			s.tellChoice(e)
		}
	}
	if !s.world.whole() && chosen.Route.Chosen.Gateway.IsValid() {
		s.page.say("Which way %v and those behind it choose is not ours to see; tinystack traceroute finds out who they are.", chosen.Route.Chosen.Gateway)
	}
	if at := first(events, s.arrived(syn)); at == nil {
		return
	}
	s.page.say("What comes back is routed by the same tables, to %v.", syn.Packet.Src)
}

// arrived matches the packet's being received where it was sent to.
func (s *story) arrived(origin *trace.Event) func(*trace.Event) bool {
	return func(e *trace.Event) bool {
		return e.Kind == trace.Received && e.Conn == reversed(origin.Conn) && s.follows(e, origin)
	}
}

// follows reports whether e is of what became of the packet that was sent by origin.
func (s *story) follows(e, origin *trace.Event) bool {
	for e != nil && e.ID > origin.ID {
		e = s.log.event(e.Cause)
	}
	return e == origin
}

// tellChoice tells of one node's.
func (s *story) tellChoice(e *trace.Event) {
	r := e.Route
	if !r.Chosen.Dst.IsValid() {
		s.page.row("%-6snone: the packet ends here, and an ICMP message says so", e.Node)
		return
	}
	next := "there: it is on this wire"
	if r.Chosen.Gateway.IsValid() {
		next = "via " + r.Chosen.Gateway.String()
	}
	s.page.row("%-6s%-19v%-26s%-7s %s", e.Node, r.Chosen.Dst, next, r.Chosen.Interface, passedOver(r.Passed))
}

// passedOver names the routes that fit too.
func passedOver(routes []trace.RouteEntry) string {
	var list []string
	for _, r := range routes {
		list = append(list, r.Dst.String())
	}
	if len(list) == 0 {
		return ""
	}
	return "not " + strings.Join(list, ", ")
}
