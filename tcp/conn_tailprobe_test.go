package tcp

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTailLossProbe(t *testing.T) { synctest.Test(t, testTailLossProbe) }

func testTailLossProbe(t *testing.T) {
	// "... retransmit the highest-sequence segment sent so far":
	// https://www.rfc-editor.org/rfc/rfc8985#section-7.3. The last three of ten are lost.
	tc := newTimedConn(t, setup{}, 10)
	tc.inject(sacks(7))
	tc.wantAfter("the last one again, after two round trips", 2*testRTT, again(9))
	time.Sleep(testRTT)
	tc.inject(sacks(7, [2]int{9, 10}))
	tc.want("what was sent long before it", again(7))
	time.Sleep(testRTT)
	tc.inject(sacks(8, [2]int{9, 10}))
	tc.want("and the next, for what arrived", again(8))
	time.Sleep(testRTT)
	tc.inject(sacks(10))
	tc.wantWindows("repaired without a timeout", 3000, 3000, "open")
	s := tc.layer.Stats()
	if s.LossProbes != 1 || s.RTOTimeouts != 0 || s.FastRecoveries != 1 {
		t.Errorf("%+v", s)
	}
}

func TestProbeRepairsTheLoss(t *testing.T) { synctest.Test(t, testProbeRepairsTheLoss) }

func testProbeRepairsTheLoss(t *testing.T) {
	// "... the sender can infer that ... the original or the probe was lost": it invokes a congestion control
	// response. https://www.rfc-editor.org/rfc/rfc8985#section-7.4. The last of ten is lost.
	tc := newTimedConn(t, setup{}, 10)
	tc.inject(sacks(9))
	tc.wantIdle("one segment: its ACK may be delayed")
	tc.inject(sacks(10))
	tc.write(10 * testMSS)
	tc.drain()
	time.Sleep(testRTT)
	tc.inject(sacks(18))
	tc.wantAfter("the last one again", 2*testRTT, again(19))
	time.Sleep(testRTT)
	before := tc.conn.Info().SndCwnd
	tc.inject(sacks(20)) // the original would have brought 19 before
	tc.write(testMSS)
	tc.want("more", again(20))
	tc.inject(sacks(21))
	if cwnd := tc.conn.Info().SndCwnd; cwnd > before*3/4 {
		t.Errorf("cwnd was %d and is %d", before, cwnd)
	}
	tc.wantCount("LossProbeRecoveries", func(s Stats) uint64 { return s.LossProbeRecoveries }, 1)
}

// A probe whose original arrived as well is no sign of loss: the peer reports a duplicate, or,
// without DSACK, acknowledges the same again.
func TestNeedlessProbe(t *testing.T) {
	for name, second := range map[string]seg{
		"DSACK":         sacks(10, [2]int{9, 10}),
		"duplicate ACK": sacks(10),
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testNeedlessProbe(t, second) }) })
	}
}

func testNeedlessProbe(t *testing.T, second seg) {
	tc := newTimedConn(t, setup{}, 10)
	tc.inject(sacks(8))
	tc.wantAfter("probe", 2*testRTT, again(9))
	before := tc.conn.Info().SndCwnd
	tc.inject(sacks(10))
	tc.inject(second)
	tc.write(testMSS)
	tc.want("more", again(10))
	tc.inject(sacks(11))
	if info := tc.conn.Info(); info.SndCwnd < before || info.CAState != "open" {
		t.Errorf("cwnd was %d and is %d, state %q", before, info.SndCwnd, info.CAState)
	}
	tc.wantCount("LossProbeRecoveries", func(s Stats) uint64 { return s.LossProbeRecoveries }, 0)
}

func TestProbeWithNewData(t *testing.T) { synctest.Test(t, testProbeWithNewData) }

func testProbeWithNewData(t *testing.T) {
	// "If there is a previously unsent segment AND the receive window allows": beyond cwnd, by one.
	// https://www.rfc-editor.org/rfc/rfc8985#section-7.3
	tc := newTestConn(t, setup{delay: testRTT})
	tc.write(20 * testMSS)
	tc.wantData("what cwnd allows", 1, 10*testMSS, testMSS)
	tc.wantAfter("a new segment", 2*testRTT, again(10))
	rto := tc.rto()
	tc.wantAfter("and then the timeout", rto, again(0))
	tc.wantCount("LossProbes", func(s Stats) uint64 { return s.LossProbes }, 1)
}

// The probe is a millisecond-scale thing also where a round trip is not: timers are no better.
func TestProbeTimeoutsFloor(t *testing.T) { synctest.Test(t, testProbeTimeoutsFloor) }

func testProbeTimeoutsFloor(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(2 * testMSS)
	tc.wantData("data", 1, 2*testMSS, testMSS)
	tc.wantAfter("probe", leastProbeTimeout, again(1))
}

// "If Now() + PTO > TCP_RTO_expiration(): PTO = TCP_RTO_expiration() - Now()"
// https://www.rfc-editor.org/rfc/rfc8985#section-7.2. Where two round trips take longer than a timeout the probe comes in its
// place, once, and what was lost at the end of a flight is repaired without slow start.
func TestProbeInPlaceOfTimeout(t *testing.T) { synctest.Test(t, testProbeInPlaceOfTimeout) }

func testProbeInPlaceOfTimeout(t *testing.T) {
	const rtt = 400 * ms
	tc := newTestConn(t, setup{delay: rtt})
	sent := 0
	send := func(n, arrives int) {
		tc.write(n * testMSS)
		tc.wantData("data", 1+sent*testMSS, n*testMSS, testMSS)
		time.Sleep(rtt)
		tc.inject(sacks(sent + arrives))
		sent += n
	}
	for range 30 { // the variance goes
		send(2, 2)
	}
	if rto := tc.rto(); rto >= 2*rtt {
		t.Fatalf("RTO %v", rto)
	}
	send(10, 8)
	tc.wantAfter("the last one again, when the timeout was due", tc.rto(), again(sent-1))
	time.Sleep(rtt)
	tc.inject(sacks(sent-2, [2]int{sent - 1, sent}))
	tc.want("the one before", again(sent-2))
	time.Sleep(rtt)
	tc.inject(sacks(sent))
	s := tc.layer.Stats()
	if s.LossProbes != 1 || s.RTOTimeouts != 0 || s.FastRecoveries != 1 {
		t.Errorf("%+v", s)
	}
	send(3, 0)
	tc.wantAfter("a probe", tc.rto()-rtt, again(sent-1))
	tc.wantAfter("a timeout", tc.rto(), again(sent-3))
}

// A user timeout that is due with the probe ends the connection.
func TestProbeAtUserTimeout(t *testing.T) { synctest.Test(t, testProbeAtUserTimeout) }

func testProbeAtUserTimeout(t *testing.T) {
	tc := newTimedConn(t, setup{}, 2)
	tc.inject(sacks(2))
	must(t, tc.conn.SetUserTimeout(15*ms))
	tc.write(2 * testMSS)
	tc.drain()
	time.Sleep(15 * ms)
	tc.drain()
	tc.wantState(Closed)
}

// The probe carries a FIN that is the last in flight.
func TestProbeOfFin(t *testing.T) { synctest.Test(t, testProbeOfFin) }

func testProbeOfFin(t *testing.T) {
	tc := newTimedConn(t, setup{}, 2)
	tc.write(testMSS)
	tc.drain()
	must(t, tc.conn.Close())
	fin := seg{flags: FIN | ACK, seq: 1 + 3*testMSS, ack: 1}
	tc.want("FIN", fin)
	tc.inject(sacks(2))
	tc.wantAfter("FIN again", 2*testRTT, fin)
	time.Sleep(testRTT)
	tc.inject(seg{seq: 1, ack: 1 + 2*testMSS, sack: [][2]int{{1 + 3*testMSS, 2 + 3*testMSS}}})
	tc.want("the data", again(2))
}

// What a probe has repaired is not taken back for a duplicate of what an earlier recovery sent.
func TestLateDuplicateUndoesNoProbeRepair(t *testing.T) {
	synctest.Test(t, testLateDuplicateUndoesNoProbeRepair)
}

func testLateDuplicateUndoesNoProbeRepair(t *testing.T) {
	tc := newTimedConn(t, setup{}, 10)
	tc.inject(sacks(0, [2]int{1, 8}))
	tc.want("fast retransmit", again(0))
	tc.inject(sacks(10))
	tc.write(5 * testMSS)
	tc.drain()
	time.Sleep(testRTT)
	tc.inject(sacks(13))
	tc.wantAfter("the last one again", 2*testRTT, again(14))
	tc.write(testMSS)
	tc.drain()
	tc.inject(sacks(16))
	tc.wantCount("LossProbeRecoveries", func(s Stats) uint64 { return s.LossProbeRecoveries }, 1)
	before := tc.conn.Info().SndCwnd
	tc.inject(sacks(16, [2]int{0, 1}))
	if cwnd := tc.conn.Info().SndCwnd; cwnd != before {
		t.Errorf("cwnd was %d and is %d", before, cwnd)
	}
	tc.wantCount("SpuriousRecoveries", func(s Stats) uint64 { return s.SpuriousRecoveries }, 0)
}
