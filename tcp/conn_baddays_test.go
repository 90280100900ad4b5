package tcp

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// A peer that acknowledges what is not so: no window collapses or runs away for it.

func TestAckOfNeverSentChangesNothing(t *testing.T) {
	synctest.Test(t, testAckOfNeverSentChangesNothing)
}

func testAckOfNeverSentChangesNothing(t *testing.T) {
	// "If the ACK acks something not yet sent (SEG.ACK > SND.NXT), then send an ACK, drop the segment, and return"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	tc := newTestConn(t, setup{})
	tc.write(10000)
	tc.wantData("initial window", 1, 10000, 1000)
	before := tc.conn.Info()
	time.Sleep(leastProbeTimeout / 2)
	for i := range 30 {
		tc.inject(seg{seq: 1, ack: 10002 + 100*i}, seg{seq: 1, ack: 1 << 30, sack: [][2]int{{1001, 9001}}})
	}
	tc.want("one is answered", seg{seq: 10001, ack: 1})
	tc.wantIdle("the others are not")
	after := tc.conn.Info()
	if after.SndCwnd != before.SndCwnd || after.Unacked != before.Unacked || after.Sacked != 0 || after.RTT != before.RTT ||
		after.BytesAcked != 0 || after.DeliveryRate != before.DeliveryRate {
		t.Errorf("%+v\nbefore: %+v", after, before)
	}
	tc.wantAfter("the timer of the tail loss probe ran on", leastProbeTimeout/2, seg{seq: 9001, ack: 1, n: 1000})
}

func TestOptimisticAcks(t *testing.T) { synctest.Test(t, testOptimisticAcks) }

func testOptimisticAcks(t *testing.T) {
	// A peer acknowledges data as soon as it was sent, whether it arrived or not. The window grows by what is
	// acknowledged, no faster, and what is sent stays within the window that the peer offers.
	const wnd = 64000
	tc := newTestConn(t, setup{wnd: wnd})
	tc.write(400_000)
	una := 1
	for range 200 {
		for {
			s, ok := tc.net.next()
			if !ok {
				break
			}
			end := s.Seq.Sub(tc.irs) + len(s.data)
			if end > una+wnd {
				t.Fatalf("sent up to %d, the window ends at %d", end, una+wnd)
			}
			una = max(una, end)
		}
		tc.inject(seg{seq: 1, ack: una})
		if cwnd, most := tc.conn.Info().SndCwnd, 10000+una-1; cwnd > most || cwnd > 2*wnd+10000 {
			t.Fatalf("cwnd is %d after %d bytes", cwnd, una-1)
		}
	}
	if una != 400_001 {
		t.Errorf("sent up to %d", una)
	}
}

func TestAckDivision(t *testing.T) { synctest.Test(t, testAckDivision) }

func testAckDivision(t *testing.T) {
	// "increasing cwnd based on the number of previously unacknowledged bytes ... closes a security hole ...
	// whereby the receiver can induce the sender to increase the sending rate inappropriately by sending a series of partial ACKs"
	// https://www.rfc-editor.org/rfc/rfc3465#section-1
	for _, cc := range []string{Reno, CUBIC} {
		honest, divided := ackedInPieces(t, cc, 1000), ackedInPieces(t, cc, 125)
		for i := range honest {
			if math.Abs(float64(divided[i]-honest[i])) > 1000 {
				t.Errorf("%s: the windows are %d, with ACKs divided %d", cc, honest, divided)
				break
			}
		}
	}
}

// ackedInPieces sends for some round trips, in slow start and after a loss, to a peer that acknowledges in pieces of a size,
// and returns cwnd after each.
func ackedInPieces(t *testing.T, cc string, size int) (windows []int) {
	tc := newTestConn(t, setup{scale: 7, wnd: 1 << 20, cfg: Config{Congestion: cc}})
	tc.write(600_000)
	una := 1
	for round := range 8 {
		tc.drain()
		end := una + tc.conn.Info().Unacked
		if round == 3 {
			tc.inject(seg{seq: 1, ack: una, sack: [][2]int{{una + 1000, end}}})
			tc.drain()
		}
		time.Sleep(50 * time.Millisecond)
		for una < end {
			una = min(una+size, end)
			tc.inject(seg{seq: 1, ack: una})
		}
		windows = append(windows, tc.conn.Info().SndCwnd)
	}
	return windows
}

func TestStretchedAck(t *testing.T) { synctest.Test(t, testStretchedAck) }

func testStretchedAck(t *testing.T) {
	// One ACK for all that is in flight lets cwnd grow as one for each segment would, in slow start to twice what it was.
	tc := newTestConn(t, setup{scale: 7, wnd: 1 << 20})
	tc.write(500_000)
	tc.wantData("initial window", 1, 10000, 1000)
	at := 10001
	for want := 20000; want <= 160_000; want *= 2 {
		tc.inject(seg{seq: 1, ack: at})
		tc.wantWindows("one ACK", want, math.MaxInt, "open")
		tc.wantData("twice as much", at, want, 1000)
		tc.wantIdle("and no more")
		at += want
	}
}

func TestBadSACKMovesNoWindow(t *testing.T) { synctest.Test(t, testBadSACKMovesNoWindow) }

func testBadSACKMovesNoWindow(t *testing.T) {
	// Blocks of what was never sent, of what was acknowledged long ago, and empty ones, with an ACK that is right.
	tc := newTestConn(t, setup{scale: 7, wnd: 1 << 20})
	tc.write(100_000)
	at := 1
	for want := 20000; want <= 40000; want *= 2 {
		tc.drain()
		at += want / 2
		tc.inject(seg{seq: 1, ack: at, sack: [][2]int{{at + 900_000, at + 901_000}, {at - 1, at + 1<<29}, {at + 5, at + 5}}})
		tc.wantWindows("as without them", want, math.MaxInt, "open")
	}
	tc.drain()
	if info := tc.conn.Info(); info.Sacked != 0 || info.Lost != 0 || info.TotalRetrans != 0 {
		t.Errorf("%+v", info)
	}
}

func TestBadEcho(t *testing.T) { synctest.Test(t, testBadEcho) }

func testBadEcho(t *testing.T) {
	// A round trip is timed by our own clock where it can be: what a peer makes of the echo does not reach the
	// timeout. An echo from the future, of zero or from before the connection is none.
	tc := newTestConn(t, setup{ts: true, delay: 50 * time.Millisecond, scale: 7, wnd: 1 << 20})
	rto := tc.rto()
	tc.write(50_000)
	for at := 988; at < 9000; at += 988 {
		time.Sleep(5 * time.Millisecond)
		for _, echo := range []uint32{0, 1, tc.lastTSVal + 1000, tc.lastTSVal - 100_000, tc.lastTSVal + 1<<31} {
			o := Options{HasTimestamps: true, TSVal: tc.peerTS(), TSEcr: echo}
			tc.inject(seg{seq: 1, ack: at, opts: &o})
		}
	}
	if got := tc.conn.Info(); got.RTO > rto+100*time.Millisecond || got.RTO < rto/2 || got.RTT > 100*time.Millisecond {
		t.Errorf("RTO is %v, was %v; RTT %v", got.RTO, rto, got.RTT)
	}
}
