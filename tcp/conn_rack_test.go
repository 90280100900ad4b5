package tcp

import (
	"testing"
	"testing/synctest"
	"time"
)

// testRTT is the round-trip time of conversations about time; the reordering window is
// a quarter of it.
const testRTT = 20 * time.Millisecond

// newTimedConn makes a connection over a path of testRTT that has sent segments one round
// trip ago.
func newTimedConn(t *testing.T, s setup, segments int) *testConn {
	t.Helper()
	s.delay = testRTT
	tc := newTestConn(t, s)
	tc.write(segments * testMSS)
	tc.wantData("data", 1, segments*testMSS, testMSS)
	time.Sleep(testRTT)
	return tc
}

// again is a retransmission of segment i, from 0 on.
func again(i int) seg { return seg{seq: 1 + i*testMSS, ack: 1, n: testMSS} }

// sacks acknowledges the first n segments, and the ranges of segments given, each from one
// up to another.
func sacks(n int, ranges ...[2]int) seg {
	s := seg{seq: 1, ack: 1 + n*testMSS}
	for _, r := range ranges {
		s.sack = append(s.sack, [2]int{1 + r[0]*testMSS, 1 + r[1]*testMSS})
	}
	return s
}

func TestReorderingWindow(t *testing.T) { synctest.Test(t, testReorderingWindow) }

func testReorderingWindow(t *testing.T) {
	// "RACK.reo_wnd ... RACK waits for a 'reordering window' before marking it lost":
	// https://www.rfc-editor.org/rfc/rfc8985#section-6.2
	tc := newTimedConn(t, setup{}, 4)
	tc.inject(sacks(0, [2]int{1, 2}))
	tc.wantIdle("it may have been overtaken")
	tc.wantAfter("a quarter of the round trip later", testRTT/4, again(0))
	tc.wantCount("FastRecoveries", func(s Stats) uint64 { return s.FastRecoveries }, 1)
}

func TestOvertakenSegmentArrives(t *testing.T) { synctest.Test(t, testOvertakenSegmentArrives) }

func testOvertakenSegmentArrives(t *testing.T) {
	// "If ... RACK.reordering_seen is FALSE": three segments that arrived are enough; once it is
	// seen, the window is waited for: https://www.rfc-editor.org/rfc/rfc8985#section-6.2
	tc := newTimedConn(t, setup{}, 10)
	tc.inject(sacks(0, [2]int{1, 2}))
	time.Sleep(testRTT/4 - time.Nanosecond)
	tc.inject(sacks(2))
	time.Sleep(testRTT / 4)
	tc.wantIdle("nothing was lost")
	tc.inject(sacks(2, [2]int{3, 8}))
	tc.wantIdle("this path is known to reorder")
	tc.wantAfter("the window is over", testRTT/4, again(2))
}

func TestLostRetransmissionIsFound(t *testing.T) { synctest.Test(t, testLostRetransmissionIsFound) }

func testLostRetransmissionIsFound(t *testing.T) {
	// "RACK ... can detect lost retransmissions": https://www.rfc-editor.org/rfc/rfc8985#section-3.1
	tc := newTimedConn(t, setup{}, 10)
	tc.write(20 * testMSS)
	tc.inject(sacks(0, [2]int{1, 8}))
	tc.want("fast retransmit", again(0))
	time.Sleep(time.Millisecond)
	tc.inject(sacks(0, [2]int{1, 10}))
	fresh := tc.take("new data, sent after it")
	if got := fresh.Seq.Sub(tc.irs); got != 1+10*testMSS {
		t.Fatalf("sent %d", got)
	}
	tc.drain()
	time.Sleep(testRTT)
	tc.inject(sacks(0, [2]int{1, 11}))
	tc.want("the retransmission is lost, too", again(0))
	tc.wantCount("RTOTimeouts", func(s Stats) uint64 { return s.RTOTimeouts }, 0)
}

func TestDSACKWidensTheWindow(t *testing.T) { synctest.Test(t, testDSACKWidensTheWindow) }

func testDSACKWidensTheWindow(t *testing.T) {
	// "RACK.reo_wnd_mult += 1" for each round with a DSACK:
	// https://www.rfc-editor.org/rfc/rfc8985#section-6.2
	tc := newTimedConn(t, setup{}, 2)
	tc.inject(sacks(0, [2]int{1, 2}))
	tc.wantAfter("too early", testRTT/4, again(0))
	tc.inject(sacks(2))
	tc.inject(sacks(2, [2]int{0, 1})) // it arrived twice
	tc.write(2 * testMSS)
	tc.drain()
	time.Sleep(testRTT)
	tc.inject(sacks(2, [2]int{3, 4}))
	tc.wantAfter("half a round trip", testRTT/2, again(2))
}

// The window never exceeds the smoothed round-trip time, and is narrow again after 16
// recoveries without a DSACK.
func TestReorderingWindowsLimits(t *testing.T) {
	t.Parallel()
	var r reordering
	for i := range int64(1000) {
		r.widen(10*i, 10*i+20) // each second one is of the same round
	}
	if r.wide != 255 {
		t.Errorf("widened %d times", r.wide)
	}
	r = reordering{}
	r.widen(1, 10)
	r.widen(9, 20)
	if r.wide != 1 {
		t.Errorf("widened %d times in a round", r.wide)
	}
	for i := range widePersist {
		if r.wide != 1 {
			t.Errorf("narrow after %d recoveries", i)
		}
		r.recovered()
	}
	if r.wide != 0 {
		t.Error("wide for ever")
	}
	c := tcb{cfg: &Config{}, fl: newFlight(), rep: &repair{reorder: reordering{seen: true, wide: 200}}}
	c.rtt.update(1, testRTT)
	if got := c.reorderWindow(); got != testRTT {
		t.Errorf("the window is %v", got)
	}
}
