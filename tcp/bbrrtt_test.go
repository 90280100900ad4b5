package tcp

import (
	"testing"
	"time"
)

// ProbeRTT comes when no shorter round trip was seen for 5 s; it halves what is in flight for 200 ms
// and a round trip (5.3.4, A.10).
func TestBBRProbeRTT(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	r.to(t, bbrCruise, bbrRate)
	window := r.window()
	r.rtt, r.steady = 101*ms, true // never as short as before
	begin := r.probeMinAt
	r.to(t, bbrRTT, bbrRate)
	if d := r.now.sub(begin); d < 5*time.Second || d > 5200*ms {
		t.Errorf("ProbeRTT after %v", d)
	}
	if r.pacingGain != 1 || r.cwndGain != 0.5 || !near(float64(r.window()), 50*ccMSS) {
		t.Errorf("gains %v and %v, window %d", r.pacingGain, r.cwndGain, r.window())
	}
	r.round(bbrRate, func(a *ackInfo) { a.pipe = 51 * ccMSS })
	if r.doneAt != 0 {
		t.Error("the wait has begun with too much in flight")
	}
	begin = r.now
	for n := 0; r.state == bbrRTT && n < 100; n++ {
		r.round(bbrRate/2, func(a *ackInfo) { a.rtt = 90 * ms })
	}
	if d := r.now.sub(begin); d < 300*ms || d > 500*ms {
		t.Errorf("ProbeRTT lasted %v", d)
	}
	if r.state != bbrCruise || r.minRTT != 90*ms || r.window() < window*9/10 {
		t.Errorf("then state %d, min_rtt %v, window %d of %d", r.state, r.minRTT, r.window(), window)
	}
	// What was sent meanwhile says nothing of the bandwidth.
	if !near(r.maxBW(), bbrRate) {
		t.Errorf("max_bw %.0f", r.maxBW())
	}
}

// In Startup ProbeRTT leads back to Startup (A.20).
func TestBBRProbeRTTInStartup(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	idle := func(a *ackInfo) { a.rate.appLimited, a.rtt = true, 101*ms }
	for n := 0; r.state == bbrStartup && n < 100; n++ {
		r.round(bbrRate/10, idle)
	}
	if r.state != bbrRTT {
		t.Fatalf("state %d", r.state)
	}
	for n := 0; r.state == bbrRTT && n < 100; n++ {
		r.round(bbrRate/100, idle)
	}
	if r.state != bbrStartup || r.pacingGain != 2.77 {
		t.Errorf("state %d, gain %v", r.state, r.pacingGain)
	}
}

// The shortest round trip of ten seconds counts (5.5.7.2): a longer path is found out by ProbeRTT.
func TestBBRMinRTTFilter(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	r.to(t, bbrCruise, bbrRate)
	r.rtt, r.steady = 150*ms, true
	begin := r.now
	for r.minRTT != 150*ms {
		r.round(bbrRate, func(a *ackInfo) {
			if r.state == bbrRTT {
				a.pipe = 10 * ccMSS
			}
		})
		if r.now.sub(begin) > 20*time.Second {
			t.Fatalf("min_rtt is %v", r.minRTT)
		}
	}
	if d := r.now.sub(begin); d < 8*time.Second || d > 12*time.Second {
		t.Errorf("found out after %v", d)
	}
}

// Idle in ProbeRTT for its time, it is over at the restart (5.4.1).
func TestBBRIdleInProbeRTT(t *testing.T) {
	t.Parallel()
	r := newBBRRun()
	r.to(t, bbrCruise, bbrRate)
	r.rtt, r.steady = 101*ms, true
	r.to(t, bbrRTT, bbrRate)
	r.round(bbrRate/2, nil)
	r.now = r.now.add(time.Second)
	r.restart(r.now, time.Second, true)
	if r.state != bbrCruise {
		t.Errorf("state %d", r.state)
	}
}
