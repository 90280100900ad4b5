package tcp

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// use acknowledges n bytes in a round trip that fills cwnd or not.
func use(cc congestion, now *instant, rtt time.Duration, n int, full bool) {
	*now = now.add(rtt)
	a := ackInfo{now: *now, acked: n, advanced: true, full: full, rtt: rtt, srtt: rtt, minRTT: rtt}
	a.rate.delivered = n
	cc.acked(a)
}

// grown is an algorithm with a window of 160 segments, in use.
func grown(name string) (congestion, instant) {
	cc, now := newCongestion(name, ccMSS, 1), instant(1)
	for cc.window() < 160*ccMSS {
		use(cc, &now, 100*ms, cc.window(), true)
	}
	return cc, now
}

// "cwnd is preserved", in RFC 7661 4.4: a pause costs nothing, and what follows is paced at cwnd
// in a round trip.
func TestWindowIsKeptOverIdle(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Reno, CUBIC} {
		cc, now := grown(name)
		if cc.pacing() != 0 {
			t.Errorf("%s: paced while cwnd is in use", name)
		}
		cc.restart(now.add(time.Second/2), time.Second/2, true)
		if cc.window() != 160*ccMSS || cc.pacing() != 0 {
			t.Errorf("%s: a short pause leaves %d, paced at %.0f", name, cc.window(), cc.pacing())
		}
		now = now.add(10 * time.Second)
		cc.restart(now, 10*time.Second, true)
		if cc.window() != 160*ccMSS || cc.pacing() != 1_600_000 {
			t.Errorf("%s: a pause leaves %d, paced at %.0f", name, cc.window(), cc.pacing())
		}
		use(cc, &now, 100*ms, 160*ccMSS, false)
		if cc.pacing() != 0 {
			t.Errorf("%s: still paced after a round trip that took the whole window", name)
		}
	}
}

// "ssthresh = max(ssthresh, 3*cwnd/4)", "cwnd = max(cwnd/2, IW)" after five minutes in
// doubt (RFC 7661 4.4.3), and again after five more.
func TestWindowHalvesAfterFiveMinutes(t *testing.T) {
	t.Parallel()
	for pause, want := range map[time.Duration]int{
		299 * time.Second: 160, 301 * time.Second: 80, 601 * time.Second: 40, 24 * time.Hour: 10,
	} {
		cc, now := grown(Reno)
		cc.(*reno).ssthresh = 1
		for range 2 { // asked twice it answers the same
			cc.restart(now.add(pause), pause, true)
		}
		if cc.window() != want*ccMSS {
			t.Errorf("after %v the window is %d", pause, cc.window())
		}
		if pause > 300*time.Second && cc.threshold() < cc.window() {
			t.Errorf("after %v ssthresh is %d", pause, cc.threshold())
		}
	}
}

// An application that uses less than half of cwnd for long puts it in doubt just so, though it
// never pauses; the sampling period is a second, or three round trips (RFC 7661 4.2).
func TestWindowOfSlowApplication(t *testing.T) {
	t.Parallel()
	cc, now := grown(CUBIC)
	begin := now
	for cc.pacing() == 0 {
		use(cc, &now, 100*ms, 5*ccMSS, false)
	}
	if d := now.sub(begin); d < time.Second/2 || d > 3*time.Second/2 {
		t.Errorf("in doubt after %v", d)
	}
	for now.sub(begin) < 4*time.Minute {
		use(cc, &now, 100*ms, 5*ccMSS, false)
	}
	if cc.window() != 160*ccMSS {
		t.Errorf("the window is %d after four minutes", cc.window())
	}
	for now.sub(begin) < 6*time.Minute {
		use(cc, &now, 100*ms, 5*ccMSS, false)
	}
	if cc.window() != 80*ccMSS {
		t.Errorf("the window is %d after six minutes", cc.window())
	}
}

// A loss takes a window in doubt down to a share of what was in use lately, not of the
// little that happened to be in flight (RFC 7661 4.4.1).
func TestLossOfWindowInDoubt(t *testing.T) {
	t.Parallel()
	cc, now := grown(Reno)
	for range 40 {
		use(cc, &now, 100*ms, 50*ccMSS, false)
	}
	cc.lost(now, ccMSS)
	if cc.window() != 25*ccMSS {
		t.Errorf("the window is %d", cc.window())
	}
	if cc.(*reno).pipeACK() == 0 {
		t.Error("nothing is known of the use of cwnd before the recovery")
	}
	cc.acked(ackInfo{now: now, acked: ccMSS, advanced: true, phase: recovery})
	if cc.(*reno).valid.turned != 0 || cc.pacing() != 0 {
		t.Error("pipeACK is defined after a loss")
	}
}

// "At the end of the recovery phase, the TCP sender MUST reset the cwnd [...]: cwnd = (Max(pipeACK,LossFlightSize) - R)/2. Where
// R is the volume of data that was successfully retransmitted during the recovery phase" (RFC 7661 4.4.1). That is for a window
// in doubt; it is no less than a segment, and ssthresh is the same. A recovery that was needless takes nothing off,
// nor does one after a timeout, which RFC 5681 governs.
func TestRecoveryOfWindowInDoubt(t *testing.T) {
	t.Parallel()
	const inUse, again = 50 * ccMSS, 20 * ccMSS
	for name, share := range map[string]float64{Reno: 0.5, CUBIC: 0.7} {
		for _, tt := range []struct {
			what   string
			use    int // in each round trip
			again  int
			end    func(cc congestion, now instant)
			window float64
		}{
			{"in doubt", inUse, again, nil, share * (inUse - again)},
			{"nothing arrived", inUse, 2 * inUse, nil, ccMSS},
			{"validated", 160 * ccMSS, again, nil, share * 160 * ccMSS},
			{"needless", inUse, again, func(cc congestion, now instant) { cc.undo(now) }, 160 * ccMSS},
			{"timed out", inUse, again, func(cc congestion, now instant) { cc.timedOut(now, inUse, 0) }, ccMSS},
		} {
			cc, now := grown(name)
			for range 40 {
				use(cc, &now, 100*ms, tt.use, false)
			}
			cc.lost(now, tt.use)
			if tt.end != nil {
				tt.end(cc, now)
			}
			cc.recovered(now, tt.again)
			if got := float64(cc.window()); math.Abs(got-tt.window) > 1 {
				t.Errorf("%s, %s: the window is %.0f after the recovery, want %.0f", name, tt.what, got, tt.window)
			}
			if got := cc.threshold(); tt.what == "in doubt" && got != cc.window() {
				t.Errorf("%s: ssthresh is %d", name, got)
			}
		}
	}
}

// After a recovery pipeACK is undefined, and so the window passes for validated "until the first new measurement of a
// pipeACK sample" (RFC 7661 4.2). A pause that follows it is one all the same: it leaves no sample in the sampling
// period, and the window goes out paced (4.4.2), and is halved after five minutes (4.4.3).
func TestWindowAfterRecoveryAndPause(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Reno, CUBIC} {
		cc, now := grown(name)
		cc.lost(now, 160*ccMSS)
		reduced := cc.window()
		cc.acked(ackInfo{now: now, acked: ccMSS, advanced: true, phase: recovery, srtt: 100 * ms, minRTT: 100 * ms})
		cc.recovered(now, 0)
		cc.restart(now.add(time.Second/2), time.Second/2, true)
		if cc.window() != reduced || cc.pacing() != 0 {
			t.Errorf("%s: half a second after the recovery cwnd is %d of %d, paced at %.0f", name, cc.window(), reduced, cc.pacing())
		}
		cc.restart(now.add(10*time.Second), 10*time.Second, true)
		if cc.window() != reduced || cc.pacing() != 10*float64(reduced) {
			t.Errorf("%s: ten seconds after it cwnd is %d of %d, paced at %.0f", name, cc.window(), reduced, cc.pacing())
		}
		cc.restart(now.add(301*time.Second), 301*time.Second, true)
		if cc.window() != reduced/2 {
			t.Errorf("%s: five minutes after it cwnd is %d of %d", name, cc.window(), reduced)
		}
	}
}

func TestPacedAfterIdle(t *testing.T) { synctest.Test(t, testPacedAfterIdle) }

func testPacedAfterIdle(t *testing.T) {
	// A window of 40 segments, kept over a pause, goes out over a round trip of 100 ms: two at a time,
	// each 5 ms, and the first ones at once.
	tc := newTestConn(t, setup{scale: 7, wnd: 1 << 20, delay: 100 * time.Millisecond})
	tc.write(40_000)
	tc.wantData("the initial window", 1, 10_000, testMSS)
	time.Sleep(100 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 10_001})
	tc.wantData("twice as much", 10_001, 20_000, testMSS)
	time.Sleep(100 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 30_001})
	tc.wantData("the rest", 30_001, 10_000, testMSS)
	time.Sleep(100 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 40_001})
	tc.wantWindows("grown", 40_000, math.MaxInt, "open")

	time.Sleep(time.Minute)
	tc.write(60_000)
	sent, begin := 0, time.Now()
	for time.Since(begin) < 150*time.Millisecond {
		for _, ok := tc.net.next(); ok; _, ok = tc.net.next() {
			sent += testMSS
		}
		if at := int(time.Since(begin) / time.Millisecond); sent > 4000+400*at || sent < min(400*at, 40_000) {
			t.Fatalf("%d ms after the pause %d bytes are sent", at, sent)
		}
		time.Sleep(time.Millisecond)
	}
	tc.wantWindows("kept", 40_000, math.MaxInt, "open")
	if i := tc.conn.Info(); i.PacingLimited < 80*time.Millisecond || i.Limited != LimitCwnd {
		t.Errorf("limited by pacing for %v, now by %v", i.PacingLimited, i.Limited)
	}
}

func TestLossAfterIdle(t *testing.T) { synctest.Test(t, testLossAfterIdle) }

func testLossAfterIdle(t *testing.T) {
	// Of a window of 20 segments, kept over a pause, ten go out and one is lost: "cwnd = (Max(pipeACK,LossFlightSize))/2" while
	// it is repaired, and nine halves of a segment after that (RFC 7661 4.4.1).
	tc := newTestConn(t, setup{cfg: Config{Congestion: Reno}, delay: 100 * ms})
	tc.write(30_000)
	tc.wantData("the initial window", 1, 10_000, testMSS)
	time.Sleep(100 * ms)
	tc.inject(seg{seq: 1, ack: 10_001})
	tc.wantData("twice as much", 10_001, 20_000, testMSS)
	time.Sleep(100 * ms)
	tc.inject(seg{seq: 1, ack: 30_001})
	tc.wantWindows("grown", 20_000, math.MaxInt, "open")
	time.Sleep(time.Minute)
	tc.write(10_000)
	time.Sleep(100 * ms) // it is paced
	tc.wantData("ten more", 30_001, 10_000, testMSS)
	tc.inject(sacks(30, [2]int{31, 40}))
	tc.want("one is lost", again(30))
	tc.wantWindows("reduced", 5000, 5000, "recovery")
	tc.inject(sacks(40))
	tc.wantWindows("repaired", 4500, 4500, "open")
}

// A window that was halved for want of use grows from there.
func TestCubicAfterNonValidatedPeriod(t *testing.T) {
	t.Parallel()
	c := newCongestion(CUBIC, 1000, 1).(*cubic)
	c.cwnd, c.ssthresh = 200000, 100000
	now := instant(time.Second)
	una := int64(0)
	ack := func() {
		una += 2000
		c.acked(ackInfo{
			now: now, una: una, nxt: una + 200000, acked: 2000, advanced: true, full: true,
			rtt: 10 * ms, srtt: 10 * ms, minRTT: 10 * ms, rate: rateSample{delivered: c.cwnd},
		})
		now = now.add(100 * time.Microsecond)
	}
	for range 100 {
		ack()
	}
	now = now.add(6 * time.Minute)
	c.restart(now, 6*time.Minute, true)
	halved := c.cwnd
	for range 75 {
		ack()
	}
	if c.cwnd > 160000 {
		t.Errorf("cwnd %d after it was halved to %d", c.cwnd, halved)
	}
}

// What was in doubt when a recovery or a reduction for a mark began has no part in what a timeout within it, or a mark,
// makes of the window.
func TestDoubtEndsWithTimeoutAndMark(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(*windows){
		"a timeout in a recovery": func(w *windows) { w.timedOutAgain(0) },
		"a mark":                  func(w *windows) { w.marked(0.5, 20_000) },
	} {
		w := windows{mss: 1000, cwnd: 10_000, ssthresh: 10_000, doubted: 10_000}
		f(&w)
		before := w.cwnd
		if w.recovered(0, 9000); w.cwnd != before {
			t.Errorf("%s left %d bytes, and the end of the recovery %d", name, before, w.cwnd)
		}
	}
}
