package explain

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/tinystack/tinystack/trace"
)

// summary is a trip in numbers.
type summary struct {
	took, slowest         time.Duration // all of it; the longest GET
	packets, lost, resent int
	rounds                int
	segment               int // bytes of data in the largest segment
	cwnd                  int // the largest that the server's came to, bytes
	err                   error
}

// plainTrip takes the trip without any change, silently; the channel has what came of it.
func plainTrip(ctx context.Context, seed uint64, u *url.URL) <-chan summary {
	done := make(chan summary, 1)
	go func() {
		s, err := newStory(Config{Seed: seed}, io.Discard)
		if err != nil {
			done <- summary{err: err}
			return
		}
		defer s.close()
		done <- s.summary(s.trip(ctx, u))
	}()
	return done
}

// summary counts what the trip came to.
func (s *story) summary(err error) summary {
	sum := summary{err: err}
	if n := len(s.spans); n > 0 {
		sum.took = s.spans[n-1].end.Sub(s.page.start)
	}
	for _, sp := range s.spans {
		if sp.get {
			sum.slowest = max(sum.slowest, sp.end.Sub(sp.began))
		}
	}
	for _, p := range s.log.wire() {
		sum.packets++
		if p.lost {
			sum.lost++
		}
		if t := p.origin.Packet.TCP; t != nil {
			sum.segment = max(sum.segment, t.Data)
		}
	}
	sum.resent, sum.rounds, sum.cwnd = s.resent(), s.mostRounds, max(s.initialCwnd, s.largestCwnd())
	return sum
}

// resent is how many segments of the host and the server were sent again.
func (s *story) resent() (n int) {
	type start struct {
		conn trace.Conn
		seq  uint32
	}
	seen := map[start]bool{}
	for _, p := range s.log.wire() {
		t := p.origin.Packet.TCP
		if t == nil || t.Data == 0 && t.Flags != "S" && t.Flags != "S." {
			continue
		}
		k := start{p.origin.Conn, t.Seq}
		if seen[k] {
			n++
		}
		seen[k] = true
	}
	return n
}

func (s *story) largestCwnd() (most int) {
	events, _ := s.log.since(0)
	for _, e := range events {
		if e.Kind == trace.CongestionChange && e.Node == nodeWeb {
			most = max(most, e.Congestion.Cwnd)
		}
	}
	return most
}

// compare tells what the change has changed.
func (s *story) compare(what string, plain, changed summary) {
	s.page.station(s.now(), "What it changed: "+what)
	if plain.err != nil {
		s.page.say("The plain trip fails, too: %v.", plain.err)
		return
	}
	s.page.row("%-34s%16s%16s", "", "plain", "changed")
	row := func(name string, a, b any) {
		mark := ""
		if a != b {
			mark = "  *"
		}
		s.page.row("%-34s%16v%16v%s", name, a, b, mark)
	}
	row("the trip", ms(plain.took), ms(changed.took))
	row("the longest GET", ms(plain.slowest), ms(changed.slowest))
	row("its round trips", plain.rounds, changed.rounds)
	row("packets on the host's wire", plain.packets, changed.packets)
	row("  lost there", plain.lost, changed.lost)
	row("  sent again", plain.resent, changed.resent)
	row("bytes of data in a segment", plain.segment, changed.segment)
	row("the server's largest cwnd", fmt.Sprint(plain.cwnd), fmt.Sprint(changed.cwnd))
	if changed.err != nil {
		s.page.say("The changed trip failed: %v.", changed.err)
	}
}
