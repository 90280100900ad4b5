package tcp

import (
	"fmt"
	"testing"
	"time"
)

// simWindows are tables 1 and 2 of RFC 9438 5.1 (https://www.rfc-editor.org/rfc/rfc9438#section-5.1): the
// average window in segments where one of so many packets is lost, for Reno and for CUBIC with C = 0.4.
var simWindows = []struct {
	rtt         time.Duration
	every       int
	reno, cubic float64
}{
	{100 * ms, 100, 12, 12},
	{100 * ms, 1000, 38, 38},
	{100 * ms, 10_000, 120, 187},
	{100 * ms, 100_000, 379, 1054},
	{10 * ms, 100, 12, 12},
	{10 * ms, 1000, 38, 38},
	{10 * ms, 10_000, 120, 120},
	{10 * ms, 100_000, 379, 379},
}

// The average window is the RFC's within 10 %. Its model is of a smooth saw-tooth: the tables' figures
// are 1.2/sqrt(p) for Reno and (C*3.7/1.2)^(1/4) * (RTT/p)^(3/4) for CUBIC. A connection loses a round trip in
// each recovery, and CUBIC comes down a little lower whenever fast convergence (4.7) takes a loss for one of a
// rival's. At one loss in 100 packets, where a saw-tooth has no more than eight round trips, the one lost
// and the whole segments count for more: there it is 25 %.
func TestSimAverageWindow(t *testing.T) {
	t.Parallel()
	for _, tt := range simWindows {
		for name, want := range map[string]float64{Reno: tt.reno, CUBIC: tt.cubic} {
			t.Run(fmt.Sprintf("%v/%d/%s", tt.rtt, tt.every, name), func(t *testing.T) {
				t.Parallel()
				if tt.every > 1000 {
					heavy(t)
				}
				tolerance := 0.1
				if tt.every == 100 {
					tolerance = 0.25
				}
				got := simAverageWindow(t, name, tt.rtt, tt.every, int(want))
				if got < want*(1-tolerance) || got > want*(1+tolerance) {
					t.Errorf("the window is %.1f segments in the mean, the RFC has %.0f", got, want)
				}
			})
		}
	}
}

// simAverageWindow loses one packet of so many of new data, on a path that has no limit but its round trip:
// what is sent in one is the window. The first loss comes when slow start is about there.
func simAverageWindow(t *testing.T, algorithm string, rtt time.Duration, every, first int) float64 {
	const settled, last = 5, 13 // losses
	s := newLeanSim(t, 1)
	a, _ := s.flow(Config{Congestion: algorithm, SendBuffer: maxBuffer, ReceiveBuffer: maxBuffer}, 0, rtt/2)
	a.total = 1 << 40
	highest, sent, losses := int64(0), 0, 0
	var since instant
	a.out.drop = func(_ int, h *Header) bool {
		at := a.sndPos(h.Seq)
		if at <= highest { // again
			return false
		}
		highest = at
		if sent++; sent != first+losses*every {
			return false
		}
		if losses++; losses == settled {
			since = s.now
		}
		return true
	}
	s.run(time.Hour, func() bool { return losses == last })
	return float64((last-settled)*every) * float64(rtt) / float64(s.now.sub(since))
}
