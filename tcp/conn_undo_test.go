package tcp

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/packet"
)

// echoOf is what acknowledges up to segment n with the echo of a timestamp sent at that time.
func (tc *testConn) echoOf(n int, tsVal uint32, ranges ...[2]int) seg {
	s := sacks(n, ranges...)
	o := Options{}
	tc.fillOptions(&o, &s)
	o.TSEcr = tsVal
	s.opts = &o
	return s
}

func TestEifelUndoesFastRecovery(t *testing.T) { synctest.Test(t, testEifelUndoesFastRecovery) }

func testEifelUndoesFastRecovery(t *testing.T) {
	// "(4) If the value of the Timestamp Echo Reply field ... is smaller than the value of RetransmitTS":
	// https://www.rfc-editor.org/rfc/rfc3522#section-3.2. The first of ten is late, not lost.
	tc := newTimedConn(t, setup{ts: true, mtu: testMTU + 12, mss: testMSS + 12}, 10)
	first := tc.lastTSVal
	tc.inject(tc.echoOf(0, first, [2]int{1, 6}))
	tc.want("fast retransmit", again(0))
	if info := tc.conn.Info(); info.CAState != "recovery" || info.SndSsthresh != 5000 {
		t.Fatalf("%+v", info)
	}
	time.Sleep(time.Millisecond)
	tc.inject(tc.echoOf(10, first))
	info := tc.conn.Info()
	if info.CAState != "open" || info.SndCwnd < 10000 || info.SndSsthresh < 1<<30 {
		t.Errorf("cwnd %d, ssthresh %d, %s", info.SndCwnd, info.SndSsthresh, info.CAState)
	}
	tc.wantCount("SpuriousRecoveries", func(s Stats) uint64 { return s.SpuriousRecoveries }, 1)
}

// An ACK that echoes the retransmission's timestamp undoes nothing.
func TestRealLossIsNotUndone(t *testing.T) { synctest.Test(t, testRealLossIsNotUndone) }

func testRealLossIsNotUndone(t *testing.T) {
	tc := newTimedConn(t, setup{ts: true, mtu: testMTU + 12, mss: testMSS + 12}, 10)
	tc.inject(tc.echoOf(0, tc.lastTSVal, [2]int{1, 6}))
	tc.want("fast retransmit", again(0))
	time.Sleep(testRTT)
	tc.inject(tc.echoOf(10, tc.lastTSVal))
	tc.wantWindows("halved", 5000, 5000, "open")
	tc.wantCount("SpuriousRecoveries", func(s Stats) uint64 { return s.SpuriousRecoveries }, 0)
}

func TestDSACKUndoesFastRecovery(t *testing.T) { synctest.Test(t, testDSACKUndoesFastRecovery) }

func testDSACKUndoesFastRecovery(t *testing.T) {
	// "If all retransmitted segments ... are reported ... as duplicates":
	// https://www.rfc-editor.org/rfc/rfc3708. Two segments are late.
	tc := newTimedConn(t, setup{}, 10)
	tc.inject(sacks(0, [2]int{2, 8}))
	tc.want("fast retransmit", again(0))
	tc.inject(sacks(2, [2]int{2, 9}))
	tc.drain()
	tc.inject(sacks(10))
	if cwnd := tc.conn.Info().SndCwnd; cwnd != 5000 {
		t.Fatalf("cwnd is %d", cwnd)
	}
	sent := int(tc.conn.Info().TotalRetrans)
	for i := range sent {
		if tc.conn.Info().SndCwnd >= 10000 {
			t.Fatalf("undone after %d of %d duplicates", i, sent)
		}
		tc.inject(sacks(10, [2]int{i, i + 1}))
	}
	if info := tc.conn.Info(); info.SndCwnd < 10000 || info.CAState != "open" {
		t.Errorf("cwnd %d, %s", info.SndCwnd, info.CAState)
	}
	tc.wantCount("SpuriousRecoveries", func(s Stats) uint64 { return s.SpuriousRecoveries }, 1)
}

// What the path's MTU has sent again, outside of a recovery, is none of an older recovery's.
func TestDSACKAfterPathShrank(t *testing.T) { synctest.Test(t, testDSACKAfterPathShrank) }

func testDSACKAfterPathShrank(t *testing.T) {
	tc := newTimedConn(t, setup{}, 10)
	tc.inject(sacks(0, [2]int{1, 8}))
	tc.want("fast retransmit", again(0))
	tc.inject(sacks(8), sacks(10, [2]int{0, 1}))
	tc.wantCount("SpuriousRecoveries", func(s Stats) uint64 { return s.SpuriousRecoveries }, 1)
	tc.write(testMSS)
	tc.want("data", again(10))
	tc.control(1+10*testMSS, &packet.Control{Err: syscall.EMSGSIZE, MTU: 640})
	tc.wantData("again, in pieces the path takes", 1+10*testMSS, testMSS, 600)
	tc.inject(sacks(11, [2]int{10, 11}))
	tc.wantCount("SpuriousRecoveries", func(s Stats) uint64 { return s.SpuriousRecoveries }, 1)
}

// Some of what was sent again arrived twice, and some did not: that was lost.
func TestDSACKOfSomeUndoesNothing(t *testing.T) { synctest.Test(t, testDSACKOfSomeUndoesNothing) }

func testDSACKOfSomeUndoesNothing(t *testing.T) {
	tc := newTimedConn(t, setup{}, 10)
	tc.inject(sacks(0, [2]int{1, 2}, [2]int{3, 8}))
	tc.want("the first hole", again(0))
	tc.inject(sacks(0, [2]int{1, 2}, [2]int{3, 9}))
	tc.want("the second", again(2))
	tc.inject(sacks(10, [2]int{2, 3}))
	tc.wantWindows("halved", 5000, 5000, "open")
	tc.inject(sacks(10, [2]int{20, 21}), sacks(10, [2]int{-5, -4}))
	tc.wantWindows("reports of what was not sent again count for nothing", 5000, 5000, "open")
}

func TestFRTO(t *testing.T) { synctest.Test(t, testFRTO) }

func testFRTO(t *testing.T) {
	// A delay makes the timer expire; then the ACKs of the first transmissions arrive.
	// "(2.b) ... transmit up to two new (previously unsent) segments"; "(3.b) If ... either
	// the cumulative acknowledgment or SACK information ... acknowledges data that was not
	// retransmitted after the timeout": https://www.rfc-editor.org/rfc/rfc5682#section-3.1
	tc := newTimedConn(t, setup{}, 1)
	tc.inject(sacks(1))
	tc.write(20 * testMSS)
	tc.drain()
	time.Sleep(2 * testRTT) // the probe
	tc.drain()
	before := tc.conn.Info().SndCwnd
	time.Sleep(tc.rto())
	tc.want("timeout", again(1))
	if info := tc.conn.Info(); info.CAState != "loss" || info.SndCwnd != testMSS {
		t.Fatalf("%+v", info)
	}
	tc.inject(sacks(2))
	sent := tc.take("new data, not old")
	if at := sent.Seq.Sub(tc.irs); at < 1+11*testMSS {
		t.Fatalf("sent from %d", at)
	}
	tc.drain()
	tc.inject(sacks(3))
	info := tc.conn.Info()
	if info.CAState != "open" || info.SndCwnd < before || info.Backoff != 0 || info.Lost != 0 {
		t.Errorf("cwnd was %d; now: %d, %s, backoff %d, lost %d", before, info.SndCwnd, info.CAState, info.Backoff, info.Lost)
	}
	s := tc.layer.Stats()
	if s.SpuriousRTOs != 1 || s.RetransSegs != 1 {
		t.Errorf("%+v", s)
	}
}

// newTimedOutConn is a connection without SACK that has had no answer to the first ten of so many segments.
func newTimedOutConn(t *testing.T, segments int) *testConn {
	t.Helper()
	tc := newTestConn(t, setup{delay: testRTT, noSACK: true})
	tc.write(segments * testMSS)
	tc.wantData("data", 1, 10*testMSS, testMSS)
	tc.wantAfter("timeout", tc.rto(), again(0))
	return tc
}

func TestFRTORealLoss(t *testing.T) { synctest.Test(t, testFRTORealLoss) }

func testFRTORealLoss(t *testing.T) {
	// "(3.a) ... If the acknowledgment ... is a duplicate ... continue with the conventional
	// algorithm": https://www.rfc-editor.org/rfc/rfc5682#section-3.1. All of ten are lost.
	tc := newTimedOutConn(t, 20)
	tc.inject(sacks(1))
	tc.want("two new ones", again(10), again(11))
	tc.inject(sacks(1))
	tc.want("the loss was real", again(1))
	tc.inject(sacks(2))
	if info := tc.conn.Info(); info.CAState != "loss" || info.SndCwnd > 4*testMSS {
		t.Errorf("%+v", info)
	}
	tc.wantCount("SpuriousRTOs", func(s Stats) uint64 { return s.SpuriousRTOs }, 0)
}

func TestFRTOWithoutSACK(t *testing.T) { synctest.Test(t, testFRTOWithoutSACK) }

func testFRTOWithoutSACK(t *testing.T) {
	// "(3.b) If the acknowledgment advances the window ... the timeout was spurious":
	// https://www.rfc-editor.org/rfc/rfc5682#section-2.1
	tc := newTimedOutConn(t, 20)
	tc.inject(sacks(1))
	tc.want("two new ones", again(10), again(11))
	tc.inject(sacks(2))
	if info := tc.conn.Info(); info.CAState != "open" || info.SndCwnd < 10*testMSS {
		t.Errorf("cwnd %d, %s", info.SndCwnd, info.CAState)
	}
	tc.wantCount("SpuriousRTOs", func(s Stats) uint64 { return s.SpuriousRTOs }, 1)
}

// Where a duplicate ACK has come without the SACK blocks agreed on, what the next ACK covers may have arrived before
// the timeout: it is no sign that this was needless.
func TestFRTOWithoutBlocks(t *testing.T) { synctest.Test(t, testFRTOWithoutBlocks) }

func testFRTOWithoutBlocks(t *testing.T) {
	tc := newTimedConn(t, setup{}, 10)
	tc.write(testMSS)
	tc.inject(sacks(0), sacks(0))
	time.Sleep(testRTT)
	tc.want("the probe", again(10))
	time.Sleep(tc.rto())
	tc.want("timeout", again(0))
	tc.inject(sacks(11))
	tc.wantCount("SpuriousRTOs", func(s Stats) uint64 { return s.SpuriousRTOs }, 0)
	if info := tc.conn.Info(); info.SndSsthresh > 10*testMSS {
		t.Errorf("%+v", info)
	}
}

// Without new data to send, or in a recovery, F-RTO is not tried.
func TestNoFRTO(t *testing.T) { synctest.Test(t, testNoFRTO) }

func testNoFRTO(t *testing.T) {
	tc := newTimedOutConn(t, 10)
	tc.inject(sacks(1))
	tc.want("slow start", again(1), again(2))
	tc.inject(sacks(3))
	tc.wantCount("SpuriousRTOs", func(s Stats) uint64 { return s.SpuriousRTOs }, 0)
}

// Timestamps tell at the first ACK, and make the timeout a sample of the delay.
func TestEifelUndoesTimeout(t *testing.T) { synctest.Test(t, testEifelUndoesTimeout) }

func testEifelUndoesTimeout(t *testing.T) {
	tc := newTimedConn(t, setup{ts: true, mtu: testMTU + 12, mss: testMSS + 12}, 1)
	first := tc.lastTSVal
	rto := tc.rto()
	time.Sleep(rto - testRTT)
	tc.want("timeout", again(0))
	time.Sleep(10 * time.Millisecond)
	tc.inject(tc.echoOf(1, first))
	info := tc.conn.Info()
	if info.CAState != "open" || info.SndCwnd < 10*testMSS || info.Backoff != 0 {
		t.Errorf("cwnd %d, %s, backoff %d", info.SndCwnd, info.CAState, info.Backoff)
	}
	if info.RTO <= rto {
		t.Errorf("the timeout was %v and is %v, with a round trip longer than that", rto, info.RTO)
	}
}

// New data that the peer's window has no room for does not keep F-RTO waiting.
func TestFRTOSmallWindow(t *testing.T) { synctest.Test(t, testFRTOSmallWindow) }

func testFRTOSmallWindow(t *testing.T) {
	tc := newTimedOutConn(t, 20)
	s := sacks(1)
	s.wnd = 9500
	tc.inject(s)
	tc.want("old data", again(1))
}
