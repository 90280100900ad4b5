package tcp

import (
	"testing"
	"testing/synctest"
	"time"
)

// The four rows of the acceptability table
// (https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4, table 6).

func TestAcceptableEmptySegments(t *testing.T) { synctest.Test(t, testAcceptableEmptySegments) }

func testAcceptableEmptySegments(t *testing.T) {
	// "0 | >0 | RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND"
	tc := newTestConn(t, setup{cfg: Config{ReceiveBuffer: 10000}})
	tc.write(100)
	tc.want("data", seg{seq: 1, ack: 1, n: 100})
	for i, seq := range []int{-1, 1, 5000, 10000} {
		tc.inject(seg{seq: seq, ack: 2 + i})
		if seq < 1 {
			tc.want("before the window", seg{seq: 101, ack: 1})
			time.Sleep(time.Millisecond)
			continue
		}
		if got := tc.conn.Info().BytesAcked; got != uint64(1+i) {
			t.Errorf("the ACK at %d was not taken: %d", seq, got)
		}
	}
	time.Sleep(badSegmentInterval)
	tc.drain()
	tc.inject(seg{seq: 10002, ack: 51})
	tc.want("beyond the window", seg{seq: 101, ack: 1})
	if got := tc.conn.Info().BytesAcked; got > 10 {
		t.Errorf("its ACK was taken")
	}
}

func TestZeroWindowTakesAcksAndResets(t *testing.T) {
	synctest.Test(t, testZeroWindowTakesAcksAndResets)
}

func testZeroWindowTakesAcksAndResets(t *testing.T) {
	// "If the RCV.WND is zero, no segments will be acceptable, but special allowance
	// should be made to accept valid ACKs, URGs, and RSTs."
	tc := newTestConn(t, setup{cfg: Config{ReceiveBuffer: 4096}})
	tc.fillWindow(4096)
	tc.write(10)
	tc.want("data", seg{seq: 1, ack: 4097, n: 10, wnd: -1})

	// ">0 | 0 | not acceptable": its ACK counts all the same.
	tc.inject(seg{seq: 4097, ack: 6, n: 1000})
	tc.want("data beyond the window", seg{seq: 11, ack: 4097, wnd: -1})
	if info := tc.conn.Info(); info.RecvQueue != 4096 || info.BytesAcked != 5 {
		t.Errorf("%+v", info)
	}
	// "0 | 0 | SEG.SEQ = RCV.NXT"
	tc.inject(seg{seq: 4097, ack: 11})
	tc.wantIdle("an ACK")
	if info := tc.conn.Info(); info.BytesAcked != 10 {
		t.Errorf("%+v", info)
	}
	tc.inject(seg{flags: RST, seq: 4097})
	tc.wantState(Closed)
}

// fillWindow has the peer send n bytes, which nobody reads, and takes the ACKs.
func (tc *testConn) fillWindow(n int) {
	tc.t.Helper()
	for at := 1; at <= n; at += 1000 {
		tc.inject(seg{seq: at, ack: 1, n: min(1000, n+1-at)})
	}
	time.Sleep(40 * time.Millisecond)
	tc.drain()
}

func TestZeroWindowTakesFin(t *testing.T) { synctest.Test(t, testZeroWindowTakesFin) }

func testZeroWindowTakesFin(t *testing.T) {
	// A FIN needs no room; Linux takes it too, so that a close is not held up.
	tc := newTestConn(t, setup{cfg: Config{ReceiveBuffer: 4096}})
	tc.fillWindow(4096)
	tc.inject(seg{flags: FIN | ACK, seq: 4097, ack: 1})
	tc.wantAfter("ACK of the FIN", 40*time.Millisecond, seg{seq: 1, ack: 4098})
	tc.wantState(CloseWait)
	tc.read(4096)
	tc.wantIdle("no window update after a FIN")
}

func TestTrimLeft(t *testing.T) { synctest.Test(t, testTrimLeft) }

func testTrimLeft(t *testing.T) {
	// "If a segment's contents straddle the boundary between old and new, only the
	// new parts are processed."
	tc := newTestConn(t, setup{noDelAck: true})
	tc.inject(seg{seq: 1, ack: 1, n: 100})
	tc.want("ACK", seg{seq: 1, ack: 101})
	tc.inject(seg{flags: FIN | ACK, seq: 51, ack: 1, n: 100})
	tc.want("ACK of what is new, DSACK of what is old", seg{seq: 1, ack: 152, sack: [][2]int{{51, 101}}})
	tc.read(150)
	tc.wantState(CloseWait)
}

func TestTrimRight(t *testing.T) { synctest.Test(t, testTrimRight) }

func testTrimRight(t *testing.T) {
	tc := newTestConn(t, setup{cfg: Config{ReceiveBuffer: 4096}})
	tc.fillWindow(4000)
	tc.inject(seg{flags: FIN | ACK, seq: 4001, ack: 1, n: 1000})
	tc.want("what fits, without the FIN", seg{seq: 1, ack: 4097, wnd: -1})
	tc.wantState(Established)
	tc.wantCount("InOutOfWindow", func(s Stats) uint64 { return s.InOutOfWindow }, 1)
	tc.read(4096)
	tc.want("the window opens", seg{seq: 1, ack: 4097, wnd: 4096})
	tc.inject(seg{flags: FIN | ACK, seq: 4097, ack: 1, n: 904})
	tc.wantAfter("the rest", 40*time.Millisecond, seg{seq: 1, ack: 5002})
	tc.read(904)
}

func TestOldDuplicate(t *testing.T) { synctest.Test(t, testOldDuplicate) }

func testOldDuplicate(t *testing.T) {
	// "If an incoming segment is not acceptable, an acknowledgment should be sent in reply"
	tc := newTestConn(t, setup{noDelAck: true})
	tc.inject(seg{seq: 1, ack: 1, n: 1000}, seg{seq: 1001, ack: 1, n: 1000})
	tc.want("ACKs", seg{seq: 1, ack: 1001}, seg{seq: 1, ack: 2001})
	// https://www.rfc-editor.org/rfc/rfc2883#section-4.1: the duplicate is the first block.
	tc.inject(seg{seq: 1, ack: 1, n: 1000})
	tc.want("DSACK", seg{seq: 1, ack: 2001, sack: [][2]int{{1, 1001}}})
	tc.inject(seg{seq: 2001, ack: 1, n: 10})
	tc.want("and only once", seg{seq: 1, ack: 2011})
	tc.wantCount("DSACKSent", func(s Stats) uint64 { return s.DSACKSent }, 1)
	tc.wantCount("InDuplicate", func(s Stats) uint64 { return s.InDuplicate }, 1)
}

func TestOutOfOrder(t *testing.T) { synctest.Test(t, testOutOfOrder) }

func testOutOfOrder(t *testing.T) {
	// "The first SACK block ... MUST specify the contiguous block of data containing
	// the segment which triggered this ACK" https://www.rfc-editor.org/rfc/rfc2018#section-4
	tc := newTestConn(t, setup{})
	a, b, c, d, e := [2]int{1001, 2001}, [2]int{3001, 4001}, [2]int{5001, 6001}, [2]int{7001, 8001}, [2]int{9001, 10001}
	tc.inject(seg{seq: a[0], ack: 1, n: 1000})
	tc.want("one", seg{seq: 1, ack: 1, sack: [][2]int{a}})
	tc.inject(seg{seq: b[0], ack: 1, n: 1000})
	tc.want("two, the most recent first", seg{seq: 1, ack: 1, sack: [][2]int{b, a}})
	tc.inject(seg{seq: c[0], ack: 1, n: 1000})
	tc.want("three", seg{seq: 1, ack: 1, sack: [][2]int{c, b, a}})
	tc.inject(seg{seq: d[0], ack: 1, n: 1000})
	tc.want("four", seg{seq: 1, ack: 1, sack: [][2]int{d, c, b, a}})
	tc.inject(seg{seq: e[0], ack: 1, n: 1000})
	tc.want("four is all that fits", seg{seq: 1, ack: 1, sack: [][2]int{e, d, c, b}})

	// What joins two blocks is reported as one.
	tc.inject(seg{seq: 6001, ack: 1, n: 1000})
	tc.want("c and d are one", seg{seq: 1, ack: 1, sack: [][2]int{{5001, 8001}, e, b}})
	if info := tc.conn.Info(); info.RcvOooPack != 6 || info.OutOfOrderBytes != 6000 || info.RecvQueue != 0 {
		t.Errorf("%+v", info)
	}

	// "an immediate ACK when the incoming segment fills in all or part of a gap"
	// https://www.rfc-editor.org/rfc/rfc5681#section-4.2
	tc.inject(seg{seq: 1, ack: 1, n: 1000})
	tc.want("up to the second gap", seg{seq: 1, ack: 2001, sack: [][2]int{{5001, 8001}, e, b}})
	tc.inject(seg{seq: 2001, ack: 1, n: 1000})
	tc.want("up to the third", seg{seq: 1, ack: 4001, sack: [][2]int{{5001, 8001}, e}})
	tc.inject(seg{seq: 4001, ack: 1, n: 1000}, seg{seq: 8001, ack: 1, n: 1000})
	tc.want("all of it", seg{seq: 1, ack: 8001, sack: [][2]int{e}}, seg{seq: 1, ack: 10001})
	tc.read(10000)
}

func TestSackBeside(t *testing.T) { synctest.Test(t, testSackBeside) }

// Beside timestamps three blocks fit (RFC 2018 3), and the data gives way to them.
func testSackBeside(t *testing.T) {
	tc := newTestConn(t, setup{ts: true})
	for at := 1001; at < 9001; at += 2000 {
		tc.inject(seg{seq: at, ack: 1, n: 900})
	}
	tc.drain()
	tc.write(1000)
	// "the sender MUST reduce the TCP data length to account for any IP or TCP options
	// that it is including in the packets that it sends" https://www.rfc-editor.org/rfc/rfc6691#section-2
	blocks := [][2]int{{7001, 7901}, {5001, 5901}, {3001, 3901}}
	tc.want("data beside", seg{seq: 1, ack: 1, n: 1000 - 12 - 28, sack: blocks},
		seg{seq: 961, ack: 1, n: 40, sack: blocks})
}

func TestNoSackUnlessAgreed(t *testing.T) { synctest.Test(t, testNoSackUnlessAgreed) }

func testNoSackUnlessAgreed(t *testing.T) {
	tc := newTestConn(t, setup{noSACK: true})
	tc.inject(seg{seq: 1001, ack: 1, n: 1000}, seg{seq: 1001, ack: 1, n: 1000})
	tc.want("duplicate ACKs", seg{seq: 1, ack: 1}, seg{seq: 1, ack: 1})
}

// The cases of RFC 2883 4 (https://www.rfc-editor.org/rfc/rfc2883#section-4).

func TestDsackBeyondAGap(t *testing.T) { synctest.Test(t, testDsackBeyondAGap) }

func testDsackBeyondAGap(t *testing.T) {
	// 4.1.2: a duplicate of data held out of order is reported before its own block.
	tc := newTestConn(t, setup{})
	tc.inject(seg{seq: 1001, ack: 1, n: 1000}, seg{seq: 3001, ack: 1, n: 1000}, seg{seq: 4001, ack: 1, n: 1000})
	tc.drain()
	tc.inject(seg{seq: 3001, ack: 1, n: 1000})
	tc.want("DSACK, its block, the other", seg{seq: 1, ack: 1, sack: [][2]int{{3001, 4001}, {3001, 5001}, {1001, 2001}}})
	tc.wantCount("InDuplicate", func(s Stats) uint64 { return s.InDuplicate }, 1)
}

func TestDsackBelowAGap(t *testing.T) { synctest.Test(t, testDsackBelowAGap) }

func testDsackBelowAGap(t *testing.T) {
	// 4.1.1: a duplicate below the ACK, beside a block of data beyond a gap.
	tc := newTestConn(t, setup{noDelAck: true})
	tc.inject(seg{seq: 1, ack: 1, n: 1000}, seg{seq: 2001, ack: 1, n: 1000})
	tc.drain()
	tc.inject(seg{seq: 1, ack: 1, n: 1000})
	tc.want("DSACK and SACK", seg{seq: 1, ack: 1001, sack: [][2]int{{1, 1001}, {2001, 3001}}})
}

func TestDsackOfAPart(t *testing.T) { synctest.Test(t, testDsackOfAPart) }

func testDsackOfAPart(t *testing.T) {
	// 4.2.1: part of the segment is a duplicate of what was acknowledged.
	tc := newTestConn(t, setup{noDelAck: true})
	tc.inject(seg{seq: 1, ack: 1, n: 1000})
	tc.drain()
	tc.inject(seg{seq: 501, ack: 1, n: 1000})
	tc.want("the part below the ACK", seg{seq: 1, ack: 1501, sack: [][2]int{{501, 1001}}})

	// 4.2.2: part of the segment is a duplicate of data beyond a gap.
	tc.inject(seg{seq: 3001, ack: 1, n: 1000})
	tc.drain()
	tc.inject(seg{seq: 3501, ack: 1, n: 1000})
	tc.want("the part that was held", seg{seq: 1, ack: 1501, sack: [][2]int{{3501, 4001}, {3001, 4501}}})

	// The segment that fills the gap brings something again.
	tc.inject(seg{seq: 1501, ack: 1, n: 1600})
	tc.want("the part that was held", seg{seq: 1, ack: 4501, sack: [][2]int{{3001, 3101}}})
	tc.read(4500)
}

func TestDsackOfTwoParts(t *testing.T) { synctest.Test(t, testDsackOfTwoParts) }

func testDsackOfTwoParts(t *testing.T) {
	// 4.2.3: of several duplicate parts, the first is reported.
	tc := newTestConn(t, setup{})
	tc.inject(seg{seq: 1001, ack: 1, n: 500}, seg{seq: 2001, ack: 1, n: 500})
	tc.drain()
	tc.inject(seg{seq: 1001, ack: 1, n: 1500})
	tc.want("the first part", seg{seq: 1, ack: 1, sack: [][2]int{{1001, 1501}, {1001, 2501}}})
}

func TestSynIsNoDuplicateData(t *testing.T) { synctest.Test(t, testSynIsNoDuplicateData) }

func testSynIsNoDuplicateData(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.inject(seg{flags: SYN | ACK, ack: 1, opts: tc.synOptions()})
	tc.want("a challenge ACK without DSACK", seg{seq: 1, ack: 1})
}

func TestFinOutOfOrder(t *testing.T) { synctest.Test(t, testFinOutOfOrder) }

func testFinOutOfOrder(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.inject(seg{flags: FIN | ACK, seq: 1001, ack: 1, n: 500})
	tc.want("the FIN is beyond the gap", seg{seq: 1, ack: 1, sack: [][2]int{{1001, 1501}}})
	tc.wantState(Established)
	tc.inject(seg{flags: FIN | ACK, seq: 1501, ack: 1})
	tc.want("again, alone", seg{seq: 1, ack: 1, sack: [][2]int{{1001, 1501}}})
	// Nothing can come after it: a peer that sends more is not believed.
	tc.inject(seg{seq: 1501, ack: 1, n: 100})
	tc.want("beyond the FIN", seg{seq: 1, ack: 1, sack: [][2]int{{1001, 1501}}})
	tc.inject(seg{seq: 1, ack: 1, n: 1000})
	tc.want("data and FIN", seg{seq: 1, ack: 1502})
	tc.wantState(CloseWait)
	tc.read(1500)
}

// Delayed ACKs.

func TestDelayedAckTimer(t *testing.T) { synctest.Test(t, testDelayedAckTimer) }

func testDelayedAckTimer(t *testing.T) {
	// "an ACK SHOULD be generated for at least every second full-sized segment, and
	// MUST be generated within 500 ms of the arrival of the first unacknowledged packet"
	// https://www.rfc-editor.org/rfc/rfc5681#section-4.2
	tc := newTestConn(t, setup{})
	tc.inject(seg{seq: 1, ack: 1, n: 1000})
	tc.wantAfter("one segment: after 40 ms", 40*time.Millisecond, seg{seq: 1, ack: 1001})
	tc.inject(seg{seq: 1001, ack: 1, n: 1000})
	time.Sleep(20 * time.Millisecond)
	tc.inject(seg{seq: 2001, ack: 1, n: 1000})
	tc.want("two segments: at once", seg{seq: 1, ack: 3001})
	time.Sleep(time.Second)
	tc.wantIdle("no timer is left")
	tc.inject(seg{seq: 3001, ack: 1, n: 10})
	time.Sleep(20 * time.Millisecond)
	tc.inject(seg{seq: 3011, ack: 1, n: 10})
	tc.wantAfter("small ones: by the first one's timer", 20*time.Millisecond, seg{seq: 1, ack: 3021})
	tc.wantCount("DelayedAcks", func(s Stats) uint64 { return s.DelayedAcks }, 2)
}

func TestDelayedAckGoesWithData(t *testing.T) { synctest.Test(t, testDelayedAckGoesWithData) }

func testDelayedAckGoesWithData(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.inject(seg{seq: 1, ack: 1, n: 1000})
	tc.wantIdle("delayed")
	tc.write(10)
	tc.want("piggybacked", seg{seq: 1, ack: 1001, n: 10})
	tc.inject(seg{seq: 1001, ack: 11})
	time.Sleep(time.Second)
	tc.wantIdle("nothing is left to acknowledge")
}

func TestAckAtBatchEnd(t *testing.T) { synctest.Test(t, testAckAtBatchEnd) }

func testAckAtBatchEnd(t *testing.T) {
	// "if the TCP endpoint is processing a series of queued segments, it MUST process
	// them all before sending any ACK segments" (MUST-59)
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	tc := newTestConn(t, setup{})
	tc.batch = true
	for at := 1; at < 9001; at += 1000 {
		tc.inject(seg{seq: at, ack: 1, n: 1000})
	}
	tc.wantIdle("in the batch")
	tc.in.EndBatch()
	tc.want("one ACK for all", seg{seq: 1, ack: 9001})
	time.Sleep(time.Second)
	tc.wantIdle("and no other")
}

// A Read that waits goes on at the end of the batch, for the reader of the device would
// keep it from the processor; after a super-segment at once, to copy beside the reader,
// also if an earlier segment of the batch has left it waiting.
func TestReadWokenAtBatchEnd(t *testing.T) { synctest.Test(t, testReadWokenAtBatchEnd) }

func testReadWokenAtBatchEnd(t *testing.T) {
	tc := newTestConn(t, setup{})
	woken := 0
	read := func() error { _, err := tc.conn.Read(make([]byte, 4000)); woken++; return err }
	first := tc.background(read)
	synctest.Wait()
	tc.batch = true
	tc.inject(seg{seq: 1, ack: 1, n: 100})
	if synctest.Wait(); woken != 0 {
		t.Error("woken within the batch")
	}
	tc.in.EndBatch()
	if err := first(); err != nil {
		t.Error(err)
	}
	second := tc.background(read)
	synctest.Wait()
	tc.inject(seg{seq: 101, ack: 1, n: 100})
	tc.injectSuper(seg{seq: 201, ack: 1, n: 3000}, 1000)
	if err := second(); err != nil {
		t.Error(err)
	}
}

// The end of the stream is told at the end of the batch, too, and a reset.
func TestReadEndsAtBatchEnd(t *testing.T) {
	for _, end := range []seg{{seq: 1, ack: 1, flags: FIN | ACK}, {seq: 1, flags: RST}} {
		synctest.Test(t, func(t *testing.T) {
			tc := newTestConn(t, setup{})
			read := tc.background(func() error { _, err := tc.conn.Read(make([]byte, 1)); return err })
			synctest.Wait()
			tc.batch = true
			tc.inject(end)
			tc.in.EndBatch()
			if err := read(); err == nil {
				t.Errorf("after %v: no error", end.flags)
			}
		})
	}
}

func TestDelayedAckOff(t *testing.T) { synctest.Test(t, testDelayedAckOff) }

func testDelayedAckOff(t *testing.T) {
	tc := newTestConn(t, setup{noDelAck: true})
	tc.inject(seg{seq: 1, ack: 1, n: 1})
	tc.want("at once", seg{seq: 1, ack: 2})
}

// What a peer can make us hold out of order is bounded by the window and in number.
func TestOutOfOrderIsBounded(t *testing.T) { synctest.Test(t, testOutOfOrderIsBounded) }

func testOutOfOrderIsBounded(t *testing.T) {
	tc := newTestConn(t, setup{scale: 7})
	tc.inject(seg{seq: 1, ack: 1})
	for i := range maxSegmentsHeld + 10 {
		tc.inject(seg{seq: 11 + 2*i, ack: 1, n: 1})
	}
	tc.drain()
	if n := tc.conn.Info().OutOfOrderPieces; n > maxSegmentsHeld {
		t.Errorf("%d pieces are held", n)
	}
	tc.wantCount("OfoPruned", func(s Stats) uint64 { return s.OfoPruned }, 10)
}

// On the smallest path there is room for one block beside the timestamps.
func TestSACKFitsThePath(t *testing.T) { synctest.Test(t, testSACKFitsThePath) }

func testSACKFitsThePath(t *testing.T) {
	tc := newTestConn(t, setup{mtu: 68, ts: true})
	for at := 3; at < 12; at += 4 {
		tc.inject(seg{seq: at, ack: 1, n: 1})
		tc.want("the newest block", seg{seq: 1, ack: 1, sack: [][2]int{{at, at + 1}}})
	}
}
