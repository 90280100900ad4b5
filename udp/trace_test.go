package udp

import (
	"net/netip"
	"testing"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/trace"
)

// Each counter of a reason to drop has a rule.
func TestDropRules(t *testing.T) {
	t.Parallel()
	var l Layer
	reasons := []*uint64{
		&l.stats.NoPorts, &l.stats.InClosed, &l.stats.RcvbufErrors, &l.stats.InCsumErrors, &l.stats.InHdrErrors,
	}
	for _, reason := range reasons {
		if name := "Udp" + counter.Name(&l.stats, reason); dropRules[name] == "" {
			t.Errorf("%s has no rule", name)
		}
	}
	if len(dropRules) != len(reasons) {
		t.Errorf("%d rules for %d reasons", len(dropRules), len(reasons))
	}
}

// What is written is because of what the application says, else what came from there last, and
// what is remembered of that is bounded.
func TestStory(t *testing.T) {
	t.Parallel()
	var s story
	peer := func(port int) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(port))
	}
	want := func(port int, id trace.ID) {
		t.Helper()
		if got := s.cause(peer(port)); got != id {
			t.Errorf("to port %d it is because of event %d, not %d", port, got, id)
		}
	}
	want(1, 0)
	s.read(peer(1), 10)
	s.read(peer(2), 11)
	want(1, 10)
	want(1, 11) // answered: of what was read last
	s.because = 5
	want(2, 5)
	s.read(peer(3), 12) // which is news
	want(2, 11)
	s.read(peer(4), 0) // nobody listened
	want(4, 0)
	for port := range 3 * maxFrom {
		s.read(peer(port+1), 20)
	}
	if len(s.from) > maxFrom {
		t.Errorf("%d peers are remembered", len(s.from))
	}
}
