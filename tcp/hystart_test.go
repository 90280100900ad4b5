package tcp

import (
	"math"
	"testing"
	"time"
)

// hyRound acknowledges a window, an ACK for each segment, with round-trip times from rtt on.
func hyRound(cc congestion, now *instant, una *int64, rtt time.Duration) {
	n := cc.window() / ccMSS
	nxt := *una + int64(cc.window())
	for i := range n {
		*una += ccMSS
		*now = now.add(rtt / time.Duration(n))
		cc.acked(ackInfo{
			now: *now, una: *una, nxt: nxt + int64(i)*ccMSS, acked: ccMSS, advanced: true, full: true,
			rtt: rtt + time.Duration(i%3)*time.Microsecond, srtt: rtt, minRTT: rtt,
		})
	}
}

// hyStart runs rounds with these round-trip times in ms, and returns the windows after each.
func hyStart(name string, rtts ...time.Duration) (cc congestion, windows []int) {
	cc = newCongestion(name, ccMSS, 1)
	now, una := instant(1), int64(1)
	for _, rtt := range rtts {
		hyRound(cc, &now, &una, rtt*ms)
		windows = append(windows, cc.window()/ccMSS)
	}
	return cc, windows
}

// "RttThresh = max(MIN_RTT_THRESH, min(lastRoundMinRTT / MIN_RTT_DIVISOR, MAX_RTT_THRESH))" (RFC 9406 4.2):
// an eighth of the round trip, from 4 to 16 ms, and just below it nothing happens.
func TestHyStartThreshold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		before, after time.Duration
		slows         bool
	}{
		{10, 13, false},
		{10, 14, true},
		{80, 89, false},
		{80, 90, true},
		{400, 415, false},
		{400, 416, true},
	} {
		_, w := hyStart(Reno, tt.before, tt.before, tt.after)
		if doubled := w[2] >= 2*w[1]; doubled == tt.slows {
			t.Errorf("after a round of %d ms one of %d ms makes the window %d from %d", tt.before, tt.after, w[2], w[1])
		}
	}
}

// In conservative slow start the window grows by a quarter of what is acknowledged, for
// CSS_ROUNDS rounds; then ssthresh is cwnd, and congestion avoidance begins.
func TestHyStartEndsSlowStart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Reno, CUBIC} {
		cc, w := hyStart(name, 100, 100, 100, 120, 120, 120, 120, 120, 120, 120)
		if w[2] != 80 || w[3] > 110 {
			t.Fatalf("%s: windows %v", name, w)
		}
		for i := 4; i < 8; i++ {
			if grow := float64(w[i]) / float64(w[i-1]); math.Abs(grow-1.25) > 0.03 {
				t.Errorf("%s: round %d of conservative slow start grows by %.2f: %v", name, i, grow, w)
			}
		}
		if cc.threshold() == math.MaxInt || w[9] > w[8]+3 {
			t.Errorf("%s: after five rounds ssthresh is %d, the windows %v", name, cc.threshold(), w)
		}
	}
}

// "if currentRoundMinRTT < cssBaselineMinRtt ... resume slow start": it was jitter.
func TestHyStartGoesOn(t *testing.T) {
	t.Parallel()
	cc, w := hyStart(Reno, 100, 100, 120, 100, 100)
	if cc.threshold() != math.MaxInt || w[4] < 2*w[3]-2 {
		t.Errorf("ssthresh %d, windows %v", cc.threshold(), w)
	}
}

// "For CSS rounds in which at least N_RTT_SAMPLE RTT samples": with fewer the delay says nothing.
func TestHyStartNeedsSamples(t *testing.T) {
	t.Parallel()
	h := hystart{}
	next := int64(0)
	round := func(samples int, rtt time.Duration) (grow int) {
		next += 100
		for i := range samples {
			grow, _ = h.growth(&ackInfo{una: next + int64(i), nxt: next + 100, rtt: rtt}, 1000)
		}
		return grow
	}
	round(8, 100*ms)
	if grow := round(7, 200*ms); grow != 1000 {
		t.Errorf("seven samples: %d of 1000 bytes", grow)
	}
	round(8, 200*ms)
	if grow := round(8, 300*ms); grow != 250 {
		t.Errorf("eight samples: %d of 1000 bytes", grow)
	}
}

// "An implementation SHOULD use HyStart++ only for the initial slow start" (RFC 9406 4.3).
func TestHyStartOnlyAtFirst(t *testing.T) {
	t.Parallel()
	cc := newCongestion(Reno, ccMSS, 1)
	now, una := instant(1), int64(1)
	for range 4 {
		hyRound(cc, &now, &una, 100*ms)
	}
	cc.timedOut(now, cc.window(), 0)
	if cc.(*reno).hystart != nil {
		t.Fatal("it is kept after the first slow start")
	}
	for rtt := 100 * ms; cc.window() < cc.threshold(); rtt += 50 * ms {
		before := cc.window()
		hyRound(cc, &now, &una, rtt)
		if cc.window() < min(2*before, cc.threshold()) {
			t.Fatalf("the window went from %d to %d", before, cc.window())
		}
	}
}
