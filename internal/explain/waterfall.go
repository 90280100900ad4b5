package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/tinystack/tinystack/trace"
)

// span is a part of the trip.
type span struct {
	name       string
	began, end time.Time
	get        bool // a page
}

func (s *story) span(name string, began time.Time) {
	s.spans = append(s.spans, span{name: name, began: began, end: s.now()})
}

// waterfall draws what took how long, in round trips to the web server where it is known how
// long one takes.
func (s *story) waterfall() {
	if len(s.spans) == 0 {
		return
	}
	total := s.spans[len(s.spans)-1].end.Sub(s.page.start)
	rtt := s.roundTrip()
	s.page.station(s.now(), "Where the time went")
	if rtt > 0 {
		s.page.row("%-22s%10s%7s", "", "", "RTTs")
	}
	for _, sp := range s.spans {
		s.page.row("%-22s%10s%7s  %s", clip(sp.name, 21), ms(sp.end.Sub(sp.began)), inRTTs(sp.end.Sub(sp.began), rtt), bar(sp, s.page.start, total))
	}
	s.page.row("%-22s%10s%7s", "all", ms(total), inRTTs(total, rtt))
	switch {
	case rtt > 0 && s.world.whole():
		s.page.say("A round trip to the server takes %s. Almost all of the time is waiting for one: what makes a page fast is to need fewer.", ms(rtt))
	case rtt > 0:
		s.page.say("A round trip to the server takes %s, as the first handshake has it: what makes a page fast is to need fewer.", ms(rtt))
	}
}

func clip(text string, n int) string {
	if len(text) > n {
		return text[:n-3] + "..."
	}
	return text
}

func inRTTs(d, rtt time.Duration) string {
	if rtt <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(d)/float64(rtt))
}

// bar is where in the whole a span lies.
func bar(sp span, start time.Time, total time.Duration) string {
	const width = columns - margin - 41
	at := func(t time.Time) int { return int(float64(width) * float64(t.Sub(start)) / float64(max(total, 1))) }
	from, to := at(sp.began), at(sp.end)
	return strings.Repeat(" ", min(from, width-1)) + strings.Repeat("#", max(1, to-from))
}

// roundTrip is how long the first handshake took to come back, 0 if none did.
func (s *story) roundTrip() time.Duration {
	events, _ := s.log.since(0)
	syn := first(events, func(e *trace.Event) bool {
		return e.Kind == trace.Sent && e.Node == nodeHost && e.Packet.TCP != nil && e.Packet.TCP.Flags == "S"
	})
	back := first(events, func(e *trace.Event) bool {
		return e.Kind == trace.Received && e.Node == nodeHost && e.Packet.TCP != nil && e.Packet.TCP.Flags == "S."
	})
	if syn == nil || back == nil {
		return 0
	}
	return back.Time.Sub(syn.Time)
}
