package tcp

import (
	"net/netip"
	"testing"
	"time"
)

func testTuple(localPort, remotePort uint16) tuple {
	return tuple{netip.AddrPortFrom(wireAddrs[0], localPort), netip.AddrPortFrom(wireAddrs[1], remotePort)}
}

// "ISN = M + F(localip, localport, remoteip, remoteport, secretkey)" where M is a "4 microsecond
// timer" (RFC 6528 3): the next incarnation of a connection begins beyond the last one.
func TestISNGrowsWithTime(t *testing.T) {
	t.Parallel()
	s := newSecret(nil)
	tp := testTuple(1, 2)
	first, offset := s.isn(tp, 1)
	for _, d := range []time.Duration{4 * time.Microsecond, time.Millisecond, time.Second, time.Hour} {
		iss, again := s.isn(tp, instant(1).add(d))
		if got := iss.Sub(first); got != int(d/(4*time.Microsecond)) {
			t.Errorf("after %v the ISN is %d further", d, got)
		}
		if again != offset {
			t.Errorf("the timestamps' offset changed from %d to %d", offset, again)
		}
	}
}

// Knowing the numbers of some connections tells nothing of another's: each differs
// by any part of the tuple, and by the secret.
func TestISNIsUnforeseeable(t *testing.T) {
	t.Parallel()
	s, other := newSecret(nil), newSecret(nil)
	base := testTuple(1, 2)
	seen := make(map[Seq]bool)
	offsets := make(map[uint32]bool)
	tuples := []tuple{
		base,
		testTuple(2, 1),
		testTuple(1, 3),
		testTuple(3, 2),
		{base.remote, base.local},
		{netip.AddrPortFrom(netip.MustParseAddr("::1"), 1), base.remote},
		{base.local, netip.AddrPortFrom(netip.MustParseAddr("10.0.0.3"), 2)},
	}
	for _, tp := range tuples {
		iss, offset := s.isn(tp, 1)
		seen[iss], offsets[offset] = true, true
	}
	iss, offset := other.isn(base, 1)
	seen[iss], offsets[offset] = true, true
	if len(seen) != len(tuples)+1 || len(offsets) != len(tuples)+1 {
		t.Errorf("%d numbers and %d offsets for %d", len(seen), len(offsets), len(tuples)+1)
	}
	// Successive ports are not successive numbers.
	for port := range uint16(100) {
		a, _ := s.isn(testTuple(port, 2), 1)
		b, _ := s.isn(testTuple(port+1, 2), 1)
		if d := b.Sub(a); d > -100 && d < 100 {
			t.Errorf("ports %d and %d are %d apart", port, port+1, d)
		}
	}
}
