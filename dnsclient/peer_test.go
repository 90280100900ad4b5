package dnsclient

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// epoch is when the tests without a clock of their own begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// The round trip is smoothed as in https://www.rfc-editor.org/rfc/rfc6298#section-2.
func TestPeerRoundTrip(t *testing.T) {
	t.Parallel()
	var p peer
	if got := p.timeout(epoch); got != firstTimeout {
		t.Errorf("of an unknown server %v", got)
	}
	p.answered(epoch, 200*time.Millisecond)
	p.answered(epoch, 400*time.Millisecond)
	if p.srtt != 225*time.Millisecond || p.rttvar != 125*time.Millisecond {
		t.Errorf("smoothed to %v, variance %v", p.srtt, p.rttvar)
	}
	if got := p.timeout(epoch); got != 950*time.Millisecond {
		t.Errorf("the timeout is %v, want a handshake and an answer, and 4 variances", got)
	}
	var near, far peer
	near.answered(epoch, time.Millisecond)
	far.answered(epoch, 2*time.Second)
	if near.timeout(epoch) != leastTimeout || far.timeout(epoch) != mostTimeout {
		t.Errorf("out of bounds: %v, %v", near.timeout(epoch), far.timeout(epoch))
	}
	if later := epoch.Add(memory); p.timeout(later) != firstTimeout || p.expected(later) != 0 {
		t.Error("what was measured long ago still counts")
	}
}

// A server that does not answer is given twice the time, and then left alone, for
// longer and longer, but never for more than five minutes: it "MUST NOT be deemed
// dead" then, https://www.rfc-editor.org/rfc/rfc2308#section-7.2.
func TestPeerRests(t *testing.T) {
	t.Parallel()
	var p peer
	now, rests := epoch, []time.Duration{}
	for i, want := range []time.Duration{firstTimeout, 2 * firstTimeout, mostTimeout} {
		if got := p.timeout(now); got != want || now.Before(p.resting) {
			t.Errorf("question %d: %v, want %v; rests until %v", i, got, want, p.resting)
		}
		p.timedOut(now)
	}
	for range 7 {
		rests = append(rests, p.resting.Sub(now))
		now = p.resting
		p.timedOut(now)
	}
	if got := fmt.Sprint(rests); got != "[15s 30s 1m0s 2m0s 4m0s 5m0s 5m0s]" {
		t.Errorf("rests for %s", got)
	}
	p.answered(now, time.Millisecond)
	if now.Before(p.resting) || p.timeout(now) != leastTimeout {
		t.Error("an answer does not end it")
	}
}

func TestPeerLame(t *testing.T) {
	t.Parallel()
	var p peer
	for i := range 10 * maxLameZones {
		zone := fmt.Sprintf("z%d.", i)
		p.setLame(epoch, zone)
		if !p.isLame(epoch, zone) || p.isLame(epoch, "other.") {
			t.Fatalf("%s is not lame, or another is", zone)
		}
	}
	if len(p.lame) != maxLameZones {
		t.Errorf("%d zones are kept", len(p.lame))
	}
	later := epoch.Add(lameTime)
	if p.isLame(later, "z159.") {
		t.Error("lame for ever")
	}
	if p.setLame(later, "new."); len(p.lame) != 1 {
		t.Errorf("%d zones are kept, most are old", len(p.lame))
	}
}

func TestPeersOrder(t *testing.T) {
	t.Parallel()
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	list := make([]candidate, 6)
	for i := range list {
		list[i] = candidate{fmt.Sprintf("ns%d.", i), addr(i)}
	}
	s := newPeers(rand.NewPCG(1, 2))
	order := func(now time.Time) string {
		awake, resting := s.order(list, "example.", now)
		text := ""
		for _, c := range awake {
			text += c.name
		}
		text += " "
		for _, c := range resting {
			text += c.name
		}
		return text
	}
	s.get(addr(0)).answered(epoch, 300*time.Millisecond)
	s.get(addr(1)).answered(epoch, 20*time.Millisecond)
	s.get(addr(2)).setLame(epoch, "example.")
	for range maxSilent {
		s.get(addr(3)).timedOut(epoch.Add(time.Second))
		s.get(addr(4)).timedOut(epoch)
	}
	if got := order(epoch.Add(time.Second)); got != "ns5.ns1.ns0. ns4.ns3." {
		t.Errorf("%s", got)
	}
	s.get(addr(5)).timedOut(epoch)
	if got := order(epoch.Add(time.Second)); got != "ns1.ns0.ns5. ns4.ns3." {
		t.Errorf("with one that did not answer once: %s", got)
	}
	first := map[string]int{}
	list = list[:3]
	for range 300 { // all are unknown again
		awake, _ := s.order(list, "example.", epoch.Add(time.Hour))
		first[awake[0].name]++
	}
	for _, c := range list {
		if first[c.name] < 60 {
			t.Errorf("%s is first %d times of 300", c.name, first[c.name])
		}
	}
}

// However many servers there are, those used last are remembered.
func TestPeersAreBounded(t *testing.T) {
	t.Parallel()
	s := newPeers(nil)
	busy := netip.MustParseAddr("192.0.2.1")
	s.answered(busy, time.Millisecond)
	for i := range 2 * maxPeers {
		s.answered(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), time.Second)
		s.timeout(busy)
	}
	if len(s.byIP) != maxPeers || s.used.Len() != maxPeers {
		t.Errorf("%d are kept, %d in order", len(s.byIP), s.used.Len())
	}
	if got := s.timeout(busy); got != leastTimeout {
		t.Errorf("the one in use is forgotten: %v", got)
	}
}
