package tcp

import (
	"testing"
	"testing/synctest"
	"time"
)

// SACK was agreed on, but a box on the way takes the blocks out: the third duplicate ACK tells, as without SACK
// (https://www.rfc-editor.org/rfc/rfc6582#section-3.2).
func TestDuplicateAcksWithoutBlocks(t *testing.T) {
	synctest.Test(t, testDuplicateAcksWithoutBlocks)
}

func testDuplicateAcksWithoutBlocks(t *testing.T) {
	tc := newTimedConn(t, setup{}, 10)
	tc.inject(sacks(0), sacks(0))
	tc.wantIdle("they may be copies of an ACK")
	tc.inject(sacks(0))
	tc.want("the third", again(0))
	tc.inject(sacks(4))
	tc.want("a partial ACK", again(4))
	tc.inject(sacks(10))
	tc.wantWindows("halved", 5000, 5000, "open")
	tc.write(10 * testMSS)
	tc.drain()
	tc.inject(sacks(10, [2]int{12, 13}, [2]int{11, 12}, [2]int{13, 14}))
	tc.want("blocks come again, and tell at once", again(10))
}

func TestFastRetransmitSACK(t *testing.T) { synctest.Test(t, testFastRetransmitSACK) }

func testFastRetransmitSACK(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc6675#section-5
	tc := newTestConn(t, setup{delay: 20 * time.Millisecond})
	tc.write(20000)
	tc.wantData("initial window", 1, 10000, 1000)
	time.Sleep(20 * time.Millisecond)
	// "(3.2) ... the sender SHOULD send one segment of previously unsent data per
	// duplicate ACK": limited transmit, https://www.rfc-editor.org/rfc/rfc3042#section-2
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 2001}}})
	tc.want("limited transmit", seg{seq: 10001, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 3001}}})
	tc.want("limited transmit", seg{seq: 11001, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 4001}}})
	tc.want("fast retransmit", seg{seq: 1, ack: 1, n: 1000})
	tc.wantIdle("pipe is above cwnd")
	// Flight was 12000, of which limited transmit's part does not count (RFC 5681 3.2 (2)). cwnd
	// is pipe, 8000, and what proportional rate reduction adds: 1000 arrived, times 5/12.
	tc.wantWindows("in recovery", 8417, 5000, "recovery")
	if n := tc.conn.Info().InNetwork; n != 9000 {
		t.Errorf("pipe is %d", n)
	}
	// Five more segments arrive; from pipe 4000 on there is room.
	for right := 5001; right <= 8001; right += 1000 {
		tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, right}}})
	}
	tc.wantIdle("pipe is cwnd")
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 9001}}})
	tc.want("new data", seg{seq: 12001, ack: 1, n: 1000})
	// "An incoming cumulative ACK for a sequence number greater than RecoveryPoint signals the end"
	tc.inject(seg{seq: 1, ack: 12001})
	tc.wantWindows("recovered", 5000, 5000, "open")
	tc.wantData("new data", 13001, 4000, 1000)
	s := tc.layer.Stats()
	if s.FastRecoveries != 1 || s.RetransSegs != 1 || s.RTOTimeouts != 0 || s.DupAcksReceived != 8 {
		t.Errorf("counted %+v", s)
	}
}

func TestSACKSeveralHoles(t *testing.T) { synctest.Test(t, testSACKSeveralHoles) }

func testSACKSeveralHoles(t *testing.T) {
	// Segments 1, 3 and 5 of ten are lost. https://www.rfc-editor.org/rfc/rfc8985#section-6.2
	tc := newTestConn(t, setup{delay: 20 * time.Millisecond})
	tc.write(10000)
	tc.wantData("initial window", 1, 10000, 1000)
	time.Sleep(20 * time.Millisecond)
	tc.inject(
		seg{seq: 1, ack: 1, sack: [][2]int{{1001, 2001}}},
		seg{seq: 1, ack: 1, sack: [][2]int{{3001, 4001}, {1001, 2001}}},
	)
	tc.wantIdle("not yet")
	// "a segment is considered lost if some segment sent later has been delivered", once
	// DupThresh have: all three holes are found at once.
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{5001, 6001}, {3001, 4001}, {1001, 2001}}})
	tc.want("the first hole", seg{seq: 1, ack: 1, n: 1000})
	tc.wantWindows("in recovery", 5000, 5000, "recovery")
	tc.wantIdle("pipe is full")
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{5001, 7001}, {3001, 4001}, {1001, 2001}}})
	tc.want("the second for what arrived", seg{seq: 2001, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{5001, 8001}, {3001, 4001}, {1001, 2001}}})
	tc.want("the third", seg{seq: 4001, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 2001, sack: [][2]int{{5001, 10001}, {3001, 4001}}})
	tc.wantIdle("all holes were filled once")
	tc.inject(seg{seq: 1, ack: 4001, sack: [][2]int{{5001, 10001}}})
	tc.wantWindows("a partial ACK", 5000, 5000, "recovery")
	tc.inject(seg{seq: 1, ack: 10001})
	tc.wantWindows("recovered", 5000, 5000, "open")
	tc.wantIdle("all arrived")
	if n := tc.layer.Stats().RetransSegs; n != 3 {
		t.Errorf("%d segments were sent again, want 3", n)
	}
}

// A retransmission that is lost too, with nothing sent after it to tell, takes the timer.
func TestLostRetransmission(t *testing.T) { synctest.Test(t, testLostRetransmission) }

func testLostRetransmission(t *testing.T) {
	tc := newTestConn(t, setup{delay: 20 * time.Millisecond})
	tc.write(10000)
	tc.wantData("initial window", 1, 10000, 1000)
	time.Sleep(20 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 5001}}})
	tc.want("fast retransmit", seg{seq: 1, ack: 1, n: 1000})
	rto := tc.rto()
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 9001}}})
	tc.wantAfter("RTO in recovery", rto, seg{seq: 1, ack: 1, n: 1000})
	if info := tc.conn.Info(); info.SndCwnd != 1000 || info.SndSsthresh != 5000 || info.CAState != "loss" || info.Sacked != 8000 {
		t.Errorf("ssthresh is lowered once; cwnd, in loss, is a segment: %+v", info)
	}
	// What is sacked is not sent again; the last segment is.
	tc.inject(seg{seq: 1, ack: 9001})
	tc.want("the last", seg{seq: 9001, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 10001})
	if state := tc.conn.Info().CAState; state != "open" {
		t.Errorf("state is %q", state)
	}
}

func TestReneging(t *testing.T) { synctest.Test(t, testReneging) }

func testReneging(t *testing.T) {
	// "the data receiver is permitted to discard data in its queue that has not been
	// acknowledged to the data sender, even if the data has already been reported in a
	// SACK option" https://www.rfc-editor.org/rfc/rfc2018#section-8
	tc := newTestConn(t, setup{delay: 20 * time.Millisecond})
	tc.write(3000)
	tc.wantData("data", 1, 3000, 1000)
	time.Sleep(20 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 3001}}})
	tc.wantAfter("the first, once the reordering window is over", 5*time.Millisecond, seg{seq: 1, ack: 1, n: 1000})
	time.Sleep(20 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 1001}) // and not the rest: it was dropped
	tc.wantIdle("it may still be under way")
	tc.wantAfter("it was taken back", tc.rto(), seg{seq: 1001, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 2001})
	tc.want("the rest", seg{seq: 2001, ack: 1, n: 1000})
	tc.wantCount("SackReneges", func(s Stats) uint64 { return s.SackReneges }, 1)
}

// SACK blocks that make no sense are ignored.
func TestBadSACK(t *testing.T) { synctest.Test(t, testBadSACK) }

func testBadSACK(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(10000)
	tc.wantData("data", 1, 10000, 1000)
	for _, b := range [][2]int{{5001, 5001}, {6001, 5001}, {9001, 10002}, {-10000, 5001}, {20001, 30001}, {1 << 30, -1 << 30}} {
		tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{b}})
		tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1, 1}, b}})
	}
	tc.wantIdle("ignored")
	if info := tc.conn.Info(); info.Sacked != 0 || info.CAState != "open" || info.DSACKDups != 0 {
		t.Errorf("%+v", info)
	}
}

func TestDSACKReceived(t *testing.T) { synctest.Test(t, testDSACKReceived) }

func testDSACKReceived(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc2883#section-4: it is no news of what is missing.
	tc := newTestConn(t, setup{})
	tc.write(10000)
	tc.wantData("data", 1, 10000, 1000)
	tc.inject(seg{seq: 1, ack: 2001})
	tc.inject(seg{seq: 1, ack: 2001, sack: [][2]int{{1, 1001}}})
	tc.inject(seg{seq: 1, ack: 2001, sack: [][2]int{{1001, 2001}}})
	tc.inject(seg{seq: 1, ack: 2001, sack: [][2]int{{501, 1501}}})
	tc.inject(seg{seq: 1, ack: 2001, sack: [][2]int{{4001, 5001}, {3001, 6001}}})
	if info := tc.conn.Info(); info.DSACKDups != 4 || info.CAState != "recovery" || info.Sacked != 3000 {
		t.Errorf("%+v", info)
	}
}

// Without SACK: NewReno.

func TestFastRetransmitNewReno(t *testing.T) { synctest.Test(t, testFastRetransmitNewReno) }

func testFastRetransmitNewReno(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc6582#section-3.2. Segments 1 and 5 of ten are lost.
	tc := newTestConn(t, setup{noSACK: true})
	tc.write(30000)
	tc.wantData("initial window", 1, 10000, 1000)
	dup := seg{seq: 1, ack: 1}
	tc.inject(dup)
	tc.want("limited transmit", seg{seq: 10001, ack: 1, n: 1000})
	tc.inject(dup)
	tc.want("limited transmit", seg{seq: 11001, ack: 1, n: 1000})
	tc.inject(dup)
	tc.want("the third duplicate ACK", seg{seq: 1, ack: 1, n: 1000})
	tc.wantWindows("in recovery", 5000, 5000, "recovery")
	// The other five of ten, and the two of limited transmit, arrive. cwnd is "inflated"
	// by one segment each: 12 - 3 - 4 = 5 in the network, and then there is room.
	for range 4 {
		tc.inject(dup)
		tc.wantIdle("the network is as full as cwnd allows")
	}
	for at := 12001; at <= 14001; at += 1000 {
		tc.inject(dup)
		tc.want("room", seg{seq: at, ack: 1, n: 1000})
	}
	// "Partial acknowledgments: ... retransmit the first unacknowledged segment."
	tc.inject(seg{seq: 1, ack: 4001})
	s := tc.take("a partial ACK")
	if s.Seq.Sub(tc.irs) != 4001 || len(s.data) != 1000 {
		t.Fatalf("got %v", tc.describe(&s))
	}
	tc.drain()
	if state := tc.conn.Info().CAState; state != "recovery" {
		t.Fatalf("state is %q", state)
	}
	// "Full acknowledgments": exit.
	tc.inject(seg{seq: 1, ack: 12001})
	tc.wantWindows("recovered", 5000, 5000, "open")
}

// What duplicate ACKs follow a recovery may be for what it sent twice.
func TestNewRenoAvoidsSecondRecovery(t *testing.T) { synctest.Test(t, testNewRenoAvoidsSecondRecovery) }

func testNewRenoAvoidsSecondRecovery(t *testing.T) {
	// "(2) ... check to see if the Cumulative Acknowledgment field covers more than
	// recover" https://www.rfc-editor.org/rfc/rfc6582#section-3.2
	tc := newTestConn(t, setup{noSACK: true})
	tc.write(10000)
	tc.wantData("data", 1, 10000, 1000)
	tc.wantAfter("timeout", tc.rto(), seg{seq: 1, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 10001}) // all but the first had arrived
	tc.wantWindows("after the timeout", 6000, 5000, "open")
	tc.write(10000)
	tc.drain()
	for range 5 {
		tc.inject(seg{seq: 1, ack: 10001})
	}
	tc.wantData("limited transmit is of two segments", 16001, 2000, 1000)
	tc.wantIdle("and no more")
	if n := tc.layer.Stats().FastRecoveries; n != 0 {
		t.Errorf("recovered %d times", n)
	}
}

// Duplicate ACKs that come after a timeout are for what was sent before it, and
// make no room for more.
func TestDupAcksAfterTimeout(t *testing.T) { synctest.Test(t, testDupAcksAfterTimeout) }

func testDupAcksAfterTimeout(t *testing.T) {
	tc := newTestConn(t, setup{noSACK: true})
	tc.write(10000)
	tc.wantData("data", 1, 10000, 1000)
	tc.wantAfter("timeout", tc.rto(), seg{seq: 1, ack: 1, n: 1000})
	for range 9 {
		tc.inject(seg{seq: 1, ack: 1})
	}
	tc.wantIdle("cwnd is one segment")
	tc.wantWindows("after the timeout", 1000, 5000, "loss")
}

// What is a duplicate ACK, and what is not (RFC 5681 2).
func TestDuplicateAckDefinition(t *testing.T) { synctest.Test(t, testDuplicateAckDefinition) }

func testDuplicateAckDefinition(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc5681#section-2
	tc := newTestConn(t, setup{noSACK: true, noDelAck: true})
	for range 5 {
		tc.inject(seg{seq: 1, ack: 1})
	}
	tc.wantIdle("nothing is outstanding")
	tc.write(3000)
	tc.wantData("data", 1, 3000, 1000)
	for i := range 4 {
		tc.inject(seg{seq: 1 + i, ack: 1, n: 1}) // with data
		tc.inject(seg{seq: 2 + i, ack: 1, wnd: 30000 + i})
		tc.want("an ACK of the data", seg{seq: 3001, ack: 2 + i})
	}
	tc.wantCount("DupAcksReceived", func(s Stats) uint64 { return s.DupAcksReceived }, 0)
	tc.inject(seg{seq: 5, ack: 1, wnd: 30003}, seg{seq: 5, ack: 1, wnd: 30003})
	tc.wantIdle("two")
	tc.inject(seg{seq: 5, ack: 1, wnd: 30003})
	tc.want("three", seg{seq: 1, ack: 5, n: 1000})
}

// With SACK three duplicate ACKs for small segments start recovery, too.
func TestFastRetransmitOfSmallSegments(t *testing.T) {
	synctest.Test(t, testFastRetransmitOfSmallSegments)
}

func testFastRetransmitOfSmallSegments(t *testing.T) {
	tc := newTestConn(t, setup{})
	for range 5 {
		tc.write(10)
	}
	tc.drain()
	for i := 1; i <= 3; i++ {
		tc.wantIdle("not yet")
		tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{11, 11 + 10*i}}})
	}
	tc.want("the first", seg{seq: 1, ack: 1, n: 10})
}

// A late ACK after recovery makes no burst and no second recovery.
func TestOldAcksAreIgnored(t *testing.T) { synctest.Test(t, testOldAcksAreIgnored) }

func testOldAcksAreIgnored(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(5000)
	tc.wantData("data", 1, 5000, 1000)
	tc.inject(seg{seq: 1, ack: 3001})
	for range 5 {
		tc.inject(seg{seq: 1, ack: 1001}, seg{seq: 1, ack: 2001})
	}
	tc.wantIdle("old")
	time.Sleep(time.Millisecond)
	tc.wantCount("DupAcksReceived", func(s Stats) uint64 { return s.DupAcksReceived }, 0)
}
