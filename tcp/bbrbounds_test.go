package tcp

import (
	"math"
	"testing"
)

// "RS.lost > RS.tx_in_flight * BBR.LossThresh", with the margin for chance; without SACK any loss.
func TestBBRTooHigh(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	for _, tt := range []struct {
		lost, inFlight int
		sack, want     bool
	}{
		{20, 1000, true, false},
		{28, 1000, true, false}, // 20 expected, and twice 4.5
		{29, 1000, true, true},
		{3, 50, true, false},
		{4, 50, true, true},
		{1, 1000, false, true},
		{0, 1000, false, false},
	} {
		r.sack = tt.sack
		if got := r.tooHigh(tt.lost*ccMSS, tt.inFlight*ccMSS); got != tt.want {
			t.Errorf("%d of %d lost, SACK %v: too high %v", tt.lost, tt.inFlight, tt.sack, got)
		}
	}
}

// "lost_prefix >= (BBR.LossThresh * inflight_prev - lost_prev) / (1 - BBR.LossThresh)" (5.5.10.2).
func TestBBRInflightAtLoss(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	s := lossSample{txRecord: txRecord{inFlight: 140 * ccMSS}, start: 0, end: 40 * ccMSS, lostSince: 41 * ccMSS}
	// 100 were in flight before it, of which 1 is lost; of 40 more 1 is the 2 % of 102 and a bit.
	if got := float64(r.inflightAtLoss(&s)) / ccMSS; math.Abs(got-101.02) > 0.01 {
		t.Errorf("losses exceed the threshold at %.2f segments", got)
	}
}

// A probe that loses too much ends: the bound is what was in flight, or 0.7 of what the path holds if
// that is more, and the next probe is a cautious one, which ends at the bound; when that went
// well the next one comes at once (5.3.3.6, 5.5.10.2).
func TestBBRProbeTooHigh(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	r.to(t, bbrUp, bbrRate)
	r.lost(r.now, 0)
	r.lose(8, 120*ccMSS)
	if r.state != bbrDown || !r.tooHighBefore || r.probeSample {
		t.Fatalf("state %d after losses, %+v", r.state, r.bbr)
	}
	if long := r.inflightLong / ccMSS; long < 105 || long > 120 {
		t.Errorf("the bound is %d segments", long)
	}
	long := r.inflightLong
	r.lose(20, 200*ccMSS)
	if r.inflightLong != long {
		t.Error("a second reaction to one probe")
	}
	r.recovered(r.now, 0)

	r.ack(bbrRate, func(a *ackInfo) { a.pipe = 80 * ccMSS })
	if r.state != bbrCruise {
		t.Fatalf("with little in flight: state %d", r.state)
	}
	if want := long - int(0.15*float64(long)); r.window() > want {
		t.Errorf("in cruise the window is %d, with headroom %d", r.window(), want)
	}
	r.to(t, bbrUp, bbrRate)
	r.round(bbrRate, func(a *ackInfo) { a.pipe = long })
	if r.state != bbrDown || !r.precautionary || r.tooHighBefore {
		t.Fatalf("the cautious probe: state %d, %+v", r.state, r.bbr)
	}
	r.round(bbrRate, nil)
	r.round(bbrRate, nil)
	if r.state != bbrRefill && r.state != bbrUp {
		t.Errorf("after a cautious probe that went well: state %d", r.state)
	}

	r = newBBRRun()
	r.to(t, bbrUp, bbrRate)
	r.lose(8, 20*ccMSS)
	if !near(float64(r.inflightLong), 0.7*100*ccMSS) {
		t.Errorf("losses with 20 segments in flight: the bound is %d", r.inflightLong)
	}
}

// In ProbeBW_UP the bound grows by 1, 2, 4, ... segments a round trip while it is what limits (5.3.3.5).
func TestBBRRaisesBound(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	r.to(t, bbrCruise, bbrRate)
	r.inflightLong = 100 * ccMSS
	r.to(t, bbrUp, bbrRate)
	r.cwnd = r.inflightLong
	var grown []int
	for range 6 {
		before := r.inflightLong
		r.round(bbrRate, func(a *ackInfo) { a.full, a.rate.inFlight = true, 0 })
		r.cwnd = r.inflightLong
		grown = append(grown, (r.inflightLong-before)/ccMSS)
	}
	for i := 2; i < len(grown); i++ {
		if ratio := float64(grown[i]) / float64(grown[i-1]); ratio < 1.5 || ratio > 3 {
			t.Fatalf("the bound grew by %v segments", grown)
		}
	}
	if r.state != bbrUp {
		t.Errorf("state %d: bounded, it can't know that the pipe is full", r.state)
	}
	long := r.inflightLong
	r.round(bbrRate, func(a *ackInfo) { a.rate.inFlight = long + 5*ccMSS })
	if r.inflightLong < long+5*ccMSS {
		t.Error("more in flight than the bound, and well: it is the bound")
	}
}

// Not probing, a round with many losses takes the bounds down to what arrives, to 0.7 at most
// (5.5.10.3); ProbeBW_REFILL forgets them (5.3.3.3).
func TestBBRLowerBounds(t *testing.T) {
	t.Parallel()
	const heavy = 20 // of 100
	r := newBBRRun()
	r.to(t, bbrCruise, bbrRate)
	r.round(bbrRate, nil)
	window := r.window()
	lossy := func(a *ackInfo) { a.rate.lost = heavy * ccMSS }
	r.lose(heavy, 100*ccMSS)
	r.round(0.8*bbrRate, lossy)
	r.round(0.8*bbrRate, lossy)
	if math.IsInf(r.bwShort, 1) || r.bwShort < 0.8*bbrRate || r.bwShort > bbrRate*1.02 || r.inflightShort > window {
		t.Errorf("bounds %.0f, %d", r.bwShort, r.inflightShort)
	}
	before, inFlight := r.bwShort, r.inflightShort
	for range 2 {
		r.lose(heavy, 100*ccMSS)
		r.round(0.1*bbrRate, lossy)
	}
	if r.bwShort < 0.7*0.7*before-1 || r.bwShort > 0.75*before || float64(r.inflightShort) < 0.48*float64(inFlight) {
		t.Errorf("two rounds that hardly deliver take the bounds from %.0f, %d to %.0f, %d", before, inFlight, r.bwShort, r.inflightShort)
	}
	if r.pacing() > r.bwShort || r.window() > max(r.inflightShort, 4*ccMSS) {
		t.Errorf("paced at %.0f, window %d", r.pacing(), r.window())
	}
	r.to(t, bbrRefill, bbrRate/2)
	if !math.IsInf(r.bwShort, 1) || r.inflightShort != math.MaxInt {
		t.Error("a new probe remembers the bounds")
	}
}

// One loss in a hundred, round after round, is no reason to slow down.
func TestBBRToleratesLoss(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	r.to(t, bbrCruise, bbrRate)
	for n := 0; r.state == bbrCruise && n < 100; n++ {
		r.lose(1, 100*ccMSS)
		r.round(0.99*bbrRate, func(a *ackInfo) { a.rate.lost = ccMSS })
	}
	if !math.IsInf(r.bwShort, 1) || r.inflightLong != math.MaxInt {
		t.Errorf("bounds %.0f, %d, %d", r.bwShort, r.inflightShort, r.inflightLong)
	}
}

// A recovery keeps the window of before; a needless one its bounds too, and a probe
// that it ended begins anew (5.6.4.4, 5.5.11.2, A.18, A.19).
func TestBBRRecovery(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	r.to(t, bbrUp, bbrRate)
	window := r.window()
	r.timedOut(r.now, window, 0)
	if r.window() != ccMSS {
		t.Errorf("after a timeout the window is %d", r.window())
	}
	r.timedOutAgain(0)
	r.lose(8, 120*ccMSS)
	if r.state != bbrDown || r.inflightLong == math.MaxInt {
		t.Fatalf("state %d", r.state)
	}
	r.undo(r.now)
	if r.window() != window || r.state != bbrRefill || r.inflightLong != math.MaxInt || !math.IsInf(r.bwShort, 1) {
		t.Errorf("undone: window %d of %d, state %d, bound %d", r.window(), window, r.state, r.inflightLong)
	}

	r.lost(r.now, 0)
	r.cwnd = 5 * ccMSS
	r.lost(r.now, 0) // more is lost in the same recovery
	r.recovered(r.now, 0)
	if r.window() != window {
		t.Errorf("recovered: the window is %d of %d", r.window(), window)
	}
	r.cwnd = 5 * ccMSS
	r.recovered(r.now, 0)
	if r.window() != 5*ccMSS {
		t.Error("recovered twice")
	}
}

// "OnEnterRTO(): [...] SaveStateUponLoss(); C.cwnd = C.inflight + 1" (5.6.4.4), one segment: a needless timeout
// in a fast recovery gives back what the window was, and not what the losses before it took away.
func TestBBRTimeoutInRecovery(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	r.to(t, bbrUp, bbrRate)
	window := r.window()
	r.lost(r.now, 0)
	r.lose(8, 120*ccMSS)
	long := r.inflightLong
	r.timedOut(r.now, window, 7*ccMSS)
	if r.window() != 8*ccMSS {
		t.Errorf("with 7 segments in flight the window is %d after a timeout", r.window())
	}
	r.undo(r.now)
	if r.window() != window || r.state != bbrDown || r.inflightLong != long {
		t.Errorf("undone: window %d of %d, state %d, bound %d of %d", r.window(), window, r.state, r.inflightLong, long)
	}
}

// A mark by ECN is as a round of losses (3.7).
func TestBBRECN(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	r.round(bbrRate, nil)
	r.ecnEcho(r.now, 100*ccMSS)
	r.round(bbrRate, nil)
	if r.state != bbrDrain && r.state != bbrDown {
		t.Errorf("a mark in Startup: state %d", r.state)
	}
	r = newBBRRun()
	r.to(t, bbrCruise, bbrRate)
	r.round(bbrRate, nil)
	r.ecnEcho(r.now, 100*ccMSS)
	r.round(0.9*bbrRate, nil)
	r.round(0.9*bbrRate, nil)
	if math.IsInf(r.bwShort, 1) {
		t.Error("a mark in ProbeBW_CRUISE sets no bound")
	}
	r.to(t, bbrUp, bbrRate)
	r.ecnEcho(r.now, 110*ccMSS)
	if r.state != bbrDown || r.inflightLong != 110*ccMSS {
		t.Errorf("a mark in ProbeBW_UP: state %d, bound %d", r.state, r.inflightLong)
	}
}
