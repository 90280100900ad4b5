package tcp

import (
	"fmt"
	"math"
	"testing"
	"time"
)

const ccMSS = 1000

// ackOf acknowledges n bytes, as of a sender that its window holds back.
func ackOf(cc congestion, now instant, n int, rtt time.Duration) {
	cc.acked(ackInfo{now: now, acked: n, advanced: true, full: true, rtt: rtt, srtt: rtt, minRTT: rtt})
}

// roundTrip acknowledges a whole window, a segment at a time, over one round trip.
func roundTrip(cc congestion, now *instant, rtt time.Duration) {
	n := cc.window() / ccMSS
	for range n {
		*now = now.add(rtt / time.Duration(n))
		ackOf(cc, *now, ccMSS, rtt)
	}
}

// "IW = min (10*MSS, max (2*MSS, 14600))" (RFC 6928 2).
func TestInitialWindowBySegmentSize(t *testing.T) {
	t.Parallel()
	for mss, want := range map[int]int{48: 480, 536: 5360, 1448: 14480, 1460: 14600, 1461: 14600, 7300: 14600, 8960: 17920, 65000: 130000} {
		if got := newCongestion("", mss, 1).window(); got != want {
			t.Errorf("with an MSS of %d the window is %d, want %d", mss, got, want)
		}
	}
}

func TestSlowStartDoubles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Reno, CUBIC} {
		cc, now := newCongestion(name, ccMSS, 1), instant(1)
		for want := 10 * ccMSS; want < 1<<20; want *= 2 {
			if cc.window() != want {
				t.Fatalf("%s: window %d, want %d", name, cc.window(), want)
			}
			roundTrip(cc, &now, 100*ms)
		}
		if cc.threshold() != math.MaxInt {
			t.Errorf("%s: ssthresh %d before a loss", name, cc.threshold())
		}
	}
}

// In congestion avoidance the window grows by a segment each round trip (RFC 5681 3.1).
func TestRenoGrowsByOneSegment(t *testing.T) {
	t.Parallel()
	cc, now := newCongestion(Reno, ccMSS, 1), instant(1)
	cc.lost(1, 20*ccMSS) // halves what is in flight, as far as cwnd allows
	if cc.window() != 5*ccMSS || cc.threshold() != 5*ccMSS {
		t.Fatalf("after a loss: cwnd %d, ssthresh %d", cc.window(), cc.threshold())
	}
	for want := 6 * ccMSS; want < 60*ccMSS; want += ccMSS {
		roundTrip(cc, &now, 100*ms)
		if cc.window() != want {
			t.Fatalf("window %d, want %d", cc.window(), want)
		}
	}
}

// "ssthresh = max (FlightSize / 2, 2*SMSS)" (RFC 5681 (4)); CUBIC keeps 0.7 of it (RFC 9438 4.6).
func TestReductions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		share      float64
		inFlight   int
		wantThresh int
	}{
		{Reno, 0.5, 10 * ccMSS, 5 * ccMSS},
		{Reno, 0.5, 6 * ccMSS, 3 * ccMSS},
		{Reno, 0.5, 1, 2 * ccMSS},
		{CUBIC, 0.7, 10 * ccMSS, 7 * ccMSS},
		{CUBIC, 0.7, 5 * ccMSS, 3500},
		{CUBIC, 0.7, 1, 2 * ccMSS},
	} {
		cc := newCongestion(tt.name, ccMSS, 1)
		cc.lost(1, tt.inFlight)
		if cc.threshold() != tt.wantThresh || cc.window() != tt.wantThresh {
			t.Errorf("%s: a loss with %d in flight: cwnd %d, ssthresh %d", tt.name, tt.inFlight, cc.window(), cc.threshold())
		}
		cc = newCongestion(tt.name, ccMSS, 1)
		cc.timedOut(1, tt.inFlight, 0)
		if cc.threshold() != tt.wantThresh || cc.window() != ccMSS {
			t.Errorf("%s: a timeout with %d in flight: cwnd %d, ssthresh %d", tt.name, tt.inFlight, cc.window(), cc.threshold())
		}
		// "when a TCP sender detects segment loss using the retransmission timer and the given segment
		// has already been retransmitted ... at least once, the value of ssthresh is held constant".
		cc.timedOutAgain(0)
		if cc.threshold() != tt.wantThresh || cc.window() != ccMSS {
			t.Errorf("%s: a second timeout: cwnd %d, ssthresh %d", tt.name, cc.window(), cc.threshold())
		}
	}
}

// After a timeout slow start goes on to ssthresh, and no further.
func TestSlowStartAfterTimeout(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Reno, CUBIC} {
		cc, now := newCongestion(name, ccMSS, 1), instant(1)
		cc.timedOut(1, 10*ccMSS, 0)
		thresh := cc.threshold()
		for range 2 {
			roundTrip(cc, &now, 100*ms)
		}
		if cc.window() != 4*ccMSS {
			t.Errorf("%s: two round trips after a timeout the window is %d", name, cc.window())
		}
		roundTrip(cc, &now, 100*ms)
		if cc.window() < thresh || cc.window() > thresh+ccMSS {
			t.Errorf("%s: window %d, ssthresh %d", name, cc.window(), thresh)
		}
	}
}

// cubicAt starts congestion avoidance at a window of from segments after a loss at wMax.
func cubicAt(wMax int) (*cubic, instant) {
	c := newCongestion(CUBIC, ccMSS, 1).(*cubic)
	c.cwnd = wMax * ccMSS
	c.lost(1, wMax*ccMSS)
	return c, instant(time.Hour)
}

// The window follows W_cubic(t) = C*(t-K)^3 + W_max, K = cbrt((W_max - cwnd_epoch)/C) (RFC 9438
// figures 1 and 2), computed here on its own: on long paths the Reno-friendly window is below.
func TestCubicFollowsItsCurve(t *testing.T) {
	t.Parallel()
	for _, wMax := range []int{200, 1000, 5000} {
		c, now := cubicAt(wMax)
		const rtt = 200 * ms
		begin := now
		k := math.Cbrt(0.3 * float64(wMax) / 0.4)
		for now.sub(begin).Seconds() < 2*k {
			roundTrip(c, &now, rtt)
			at := now.sub(begin).Seconds() - k
			want := 0.4*at*at*at + float64(wMax)
			// The window aims at where the curve is a round trip ahead, and gets there in one.
			if got := c.segments(); math.Abs(got-want) > 0.03*want {
				t.Fatalf("W_max %d: %.1f s into the stage the window is %.1f, the curve at %.1f", wMax, now.sub(begin).Seconds(), got, want)
			}
		}
		if c.segments() < float64(wMax) {
			t.Errorf("after twice K the window is %.1f of %d", c.segments(), wMax)
		}
	}
}

// "target ... 1.5 * cwnd" is the most a round trip may aim for (RFC 9438 4.2).
func TestCubicGrowthIsBounded(t *testing.T) {
	t.Parallel()
	c, now := cubicAt(100)
	roundTrip(c, &now, 100*ms)
	now = now.add(10 * time.Minute) // the curve is far above by now
	before := c.window()
	roundTrip(c, &now, 100*ms)
	if after := c.window(); after > before*165/100 { // e^(1/2), for each ACK starts from the new window
		t.Errorf("the window went from %d to %d in a round trip", before, after)
	}
}

// On short paths CUBIC grows no slower than Reno would with the same average:
// alpha = 3*(1-beta)/(1+beta) segments each round trip, one once it is back at
// where it was (RFC 9438 4.3).
func TestCubicRenoFriendly(t *testing.T) {
	t.Parallel()
	c, now := cubicAt(20)
	const rtt = 2 * ms
	alpha := 3 * 0.3 / 1.7
	for n := 1; n <= 11; n++ {
		roundTrip(c, &now, rtt)
		if want := 14 + alpha*float64(n); math.Abs(c.segments()-want) > 0.5 {
			t.Fatalf("after %d round trips the window is %.2f, want %.2f", n, c.segments(), want)
		}
	}
	before := c.segments()
	for range 10 {
		roundTrip(c, &now, rtt)
	}
	if got := c.segments() - before; math.Abs(got-10) > 1 {
		t.Errorf("beyond where it was it grew by %.2f segments in ten round trips", got)
	}
}

// "if cwnd < W_max and fast convergence is enabled, further reduce W_max: W_max = cwnd * (1 + beta)/2"
// (RFC 9438 4.7).
func TestCubicFastConvergence(t *testing.T) {
	t.Parallel()
	c, _ := cubicAt(100)
	if c.wMax != 100 {
		t.Fatalf("W_max %v", c.wMax)
	}
	c.lost(1, 70*ccMSS)
	if math.Abs(c.wMax-70*0.85) > 0.01 || c.window() != 49*ccMSS {
		t.Errorf("W_max %v, window %d", c.wMax, c.window())
	}
	c.cwnd = 200 * ccMSS
	c.lost(1, 200*ccMSS)
	if c.wMax != 200 {
		t.Errorf("above the last one W_max is %v", c.wMax)
	}
}

// "In the first congestion avoidance stage after a timeout ... K is set to 0, and W_max is set to
// the congestion window size at the beginning of the current congestion avoidance stage" (RFC 9438 4.8).
func TestCubicAfterTimeout(t *testing.T) {
	t.Parallel()
	c, now := cubicAt(1000)
	c.timedOut(1, 700*ccMSS, 0)
	for c.window() < c.threshold() {
		roundTrip(c, &now, 200*ms)
	}
	begin, from := now, c.segments()
	for range 100 {
		roundTrip(c, &now, 200*ms)
		at := now.sub(begin).Seconds()
		if want := 0.4*at*at*at + from; math.Abs(c.segments()-want) > 0.03*want+2 {
			t.Fatalf("%.1f s into the stage the window is %.1f, the curve at %.1f", at, c.segments(), want)
		}
	}
}

// "In rare cases, when the detection happens long after a spurious loss event and the current cwnd is already higher than
// cwnd_prior, CUBIC SHOULD continue to use the current and the most recent values" (RFC 9438 4.9.2).
func TestCubicUndoneLate(t *testing.T) {
	t.Parallel()
	for late, want := range map[bool]float64{false: 0, true: 100} {
		c, now := cubicAt(100)
		for late && c.segments() < 110 {
			roundTrip(c, &now, 100*ms)
		}
		before := c.segments()
		c.undo(now)
		if c.wMax != want || c.segments() < 100 || late && c.segments() != before {
			t.Errorf("late %v: undone at %.1f segments, W_max is %v, cwnd %.1f", late, before, c.wMax, c.segments())
		}
	}
}

// "t ... MUST NOT include these periods" in which the application was the limit and cwnd
// was not looked at, though something was sent (RFC 9438 5.8): the curve goes on where it was.
func TestCubicAfterApplicationLimit(t *testing.T) {
	t.Parallel()
	c, now := cubicAt(1000)
	steady, then := cubicAt(1000)
	for range 5 {
		roundTrip(c, &now, 100*ms)
		roundTrip(steady, &then, 100*ms)
	}
	now = now.add(time.Hour)
	for range 5 {
		roundTrip(c, &now, 100*ms)
		roundTrip(steady, &then, 100*ms)
	}
	if a, b := c.window(), steady.window(); max(a-b, b-a) > 5*ccMSS {
		t.Errorf("after an hour without need for more the window is %d, without that hour %d", a, b)
	}
}

// A new segment size, as of a path that changed, moves no window.
func TestCubicAfterNewMSS(t *testing.T) {
	t.Parallel()
	c, now := cubicAt(1000)
	for range 5 {
		roundTrip(c, &now, 100*ms)
	}
	for _, mss := range []int{500, 9000, 1000} {
		before, wMax := c.window(), c.wMax*float64(c.mss)
		c.setMSS(mss)
		ackOf(c, now, mss, 100*ms)
		if c.window() < before || c.window() > before+2*mss || math.Abs(c.wMax*float64(mss)-wMax) > 1 {
			t.Errorf("MSS %d: the window went from %d to %d, W_max from %.0f bytes to %.0f", mss, before, c.window(), wMax, c.wMax*float64(mss))
		}
	}
}

// Windows stay sane whatever happens in whatever order.
func TestCongestionStaysSane(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		d := seeded(seed)
		cc := newCongestion([]string{Reno, CUBIC}[seed%2], ccMSS, 1)
		now, mss := instant(1), ccMSS
		for range 300 {
			now = now.add(time.Duration(d.n(100)) * ms * time.Duration(1+d.n(3)*d.n(1000)))
			what := d.n(12)
			before := cc.window()
			switch what {
			case 0:
				cc.lost(1, d.n(2*cc.window()))
			case 1:
				cc.timedOut(1, d.n(2*cc.window()), 0)
			case 2:
				cc.timedOutAgain(0)
			case 3:
				cc.restart(now, time.Minute, true)
			case 4:
				mss = 36 + d.n(9000)
				cc.setMSS(mss)
			default:
				n := d.n(min(cc.window(), 1<<20) + 1)
				ackOf(cc, now, n, time.Duration(d.n(500))*ms)
				if cc.window() < before || cc.window() > before+n+mss {
					t.Fatalf("%T: an ACK of %d took the window from %d to %d, %+v", cc, n, before, cc.window(), cc)
				}
			}
			if cc.window() < mss || cc.threshold() < mss && what < 2 {
				t.Fatalf("%T: step %d gives cwnd %d, ssthresh %d, MSS %d", cc, what, cc.window(), cc.threshold(), mss)
			}
		}
	}
}

func TestCheckCongestion(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", CUBIC, Reno} {
		if err := checkCongestion(name); err != nil {
			t.Error(err)
		}
	}
	if err := checkCongestion("vegas"); err == nil || fmt.Sprint(err) != `tcp: unknown congestion control "vegas": want "cubic", "reno" or "bbr"` {
		t.Error(err)
	}
}
