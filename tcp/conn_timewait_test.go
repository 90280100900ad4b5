package tcp

import (
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/packet"
)

// newTimeWait brings a connection that the listener accepted to TIME-WAIT: the
// peer's stream ends at position 2, ours too.
func newTimeWait(t *testing.T, s setup) *testConn {
	t.Helper()
	s.passive = true
	tc := newTestConn(t, s)
	must(t, tc.conn.Close())
	tc.want("FIN", seg{flags: FIN | ACK, seq: 1, ack: 1})
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 2})
	tc.want("ACK", seg{seq: 2, ack: 2})
	tc.wantListed(TimeWait)
	return tc
}

func TestTimeWaitAnswersFin(t *testing.T) { synctest.Test(t, testTimeWaitAnswersFin) }

func testTimeWaitAnswersFin(t *testing.T) {
	// "The only thing that can arrive in this state is a retransmission of the remote
	// FIN. Acknowledge it, and restart the 2 MSL timeout."
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	tc := newTimeWait(t, setup{ts: true})
	for range 3 {
		time.Sleep(50 * time.Second)
		tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 2})
		tc.want("ACK of the FIN", seg{seq: 2, ack: 2})
	}
	time.Sleep(time.Minute - 1)
	tc.wantListed(TimeWait)
	time.Sleep(time.Nanosecond)
	tc.wantListed(Closed)
}

func TestTimeWaitAnswersOthers(t *testing.T) { synctest.Test(t, testTimeWaitAnswersOthers) }

func testTimeWaitAnswersOthers(t *testing.T) {
	tc := newTimeWait(t, setup{})
	tc.inject(seg{seq: 2, ack: 2})
	tc.wantIdle("an ACK of ours")
	tc.inject(seg{seq: 1, ack: 1, n: 10}, seg{seq: -50, ack: 1, n: 10}, seg{seq: 5000, ack: 1})
	tc.want("one answer", seg{seq: 2, ack: 2})
	tc.wantIdle("and no more")
	time.Sleep(500 * time.Millisecond)
	tc.inject(seg{seq: 2, ack: 2, n: 10})
	tc.want("later, another", seg{seq: 2, ack: 2})
	s := tc.layer.Stats()
	if s.InOutOfWindow != 4 || s.AcksLimited != 2 {
		t.Errorf("counted %+v", s)
	}
	time.Sleep(time.Minute - 500*time.Millisecond)
	tc.wantListed(Closed)
}

func TestTimeWaitReset(t *testing.T) { synctest.Test(t, testTimeWaitReset) }

func testTimeWaitReset(t *testing.T) {
	// "TIME-WAIT STATE: If the RST bit is set, then enter the CLOSED state", if it is
	// where RFC 5961 wants it.
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	tc := newTimeWait(t, setup{})
	tc.inject(seg{flags: RST, seq: 1}, seg{flags: RST, seq: 3}, seg{flags: RST | SYN, seq: 5})
	tc.wantListed(TimeWait)
	tc.wantIdle("a RST is not answered")
	tc.wantCount("InOutOfWindow", func(s Stats) uint64 { return s.InOutOfWindow }, 3)
	tc.inject(seg{flags: RST, seq: 2})
	tc.wantListed(Closed)
}

// Segments may come over several devices at once, each with a goroutine that reads it:
// one answer goes out.
func TestTimeWaitAnswersAtOnce(t *testing.T) { synctest.Test(t, testTimeWaitAnswersAtOnce) }

func testTimeWaitAnswersAtOnce(t *testing.T) {
	tc := newTimeWait(t, setup{})
	b := tc.encode(&seg{seq: 1, ack: 1, n: 10})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			tc.layer.Receive(&packet.In{Src: tc.remote.Addr(), Dst: tc.local.Addr(), Packet: b, Payload: b})
		})
	}
	wg.Wait()
	tc.want("one answer", seg{seq: 2, ack: 2})
	tc.wantIdle("and no more")
}

// When a SYN that meets TIME-WAIT begins a new connection
// (https://www.rfc-editor.org/rfc/rfc6191#section-2).
func TestTimeWaitReuse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		tsBefore bool // of the old connection
		tsNow    bool // of the SYN
		tsAhead  int  // of the last timestamp
		seq      int  // the peer's stream ended at 2
		reused   bool
	}{
		{"newer timestamp", true, true, 1, 1000, true},
		{"newer timestamp, older sequence", true, true, 1, -1000, true},
		{"older timestamp, newer sequence", true, true, -1, 1000, false},
		{"same timestamp, newer sequence", true, true, 0, 3, true},
		{"same timestamp, same sequence", true, true, 0, 2, false},
		{"no timestamp, newer sequence", true, false, 0, 3, true},
		{"no timestamp, older sequence", true, false, 0, 2, false},
		{"never a timestamp, newer sequence", false, false, 0, 3, true},
		{"never a timestamp, older sequence", false, false, 0, 1, false},
		{"timestamps now", false, true, 5, -1000, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc := newTimeWait(t, setup{ts: test.tsBefore})
				o := Options{MSS: testMSS}
				if test.tsNow {
					o.HasTimestamps, o.TSVal = true, tc.peerTS()+uint32(test.tsAhead)
				}
				tc.inject(seg{flags: SYN, seq: test.seq, opts: &o})
				if !test.reused {
					tc.want("an ACK", seg{seq: 2, ack: 2})
					tc.wantListed(TimeWait)
					return
				}
				s := tc.take("a SYN-ACK")
				if s.Flags != SYN|ACK || s.Ack.Sub(tc.iss) != test.seq+1 {
					t.Fatalf("got %v", tc.describe(&s))
				}
				// Beyond what the old connection can have sent (RFC 9293 3.4.1).
				if beyond := s.Seq.Sub(tc.irs + 2); beyond < 65536 {
					t.Errorf("the new sequence number is %d beyond the old ones", beyond)
				}
				tc.wantListed(SynReceived)
				tc.wantCount("TimeWaitReused", func(s Stats) uint64 { return s.TimeWaitReused }, 1)
			})
		})
	}
}

// A SYN that no listener wants must not end TIME-WAIT.
func TestTimeWaitReuseNeedsListener(t *testing.T) { synctest.Test(t, testTimeWaitReuseNeedsListener) }

func testTimeWaitReuseNeedsListener(t *testing.T) {
	tc := newTimeWait(t, setup{})
	must(t, tc.ln.Close())
	tc.inject(seg{flags: SYN, seq: 1000})
	tc.want("an ACK", seg{seq: 2, ack: 2})
	tc.wantListed(TimeWait)
}

func TestTimeWaitsExpireInOrder(t *testing.T) { synctest.Test(t, testTimeWaitsExpireInOrder) }

func testTimeWaitsExpireInOrder(t *testing.T) {
	tc := newTestLayer(t, setup{cfg: Config{TimeWait: 10 * time.Second}})
	tc.listen(hostPort)
	for i := range 3 {
		tc.closeFrom(uint16(1000 + i))
		time.Sleep(time.Second)
	}
	// The first one's time begins again.
	tc.remote = netip.AddrPortFrom(peerAddr, 1000)
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 2})
	tc.drain()
	listed := func(port uint16, want State) {
		t.Helper()
		tc.remote = netip.AddrPortFrom(peerAddr, port)
		tc.wantListed(want)
	}
	time.Sleep(8*time.Second - 1)
	listed(1001, TimeWait)
	time.Sleep(time.Nanosecond)
	listed(1001, Closed)
	listed(1002, TimeWait)
	time.Sleep(time.Second)
	listed(1002, Closed)
	time.Sleep(time.Second - 1)
	listed(1000, TimeWait)
	time.Sleep(time.Nanosecond)
	listed(1000, Closed)
}

// closeFrom has the peer's port open a connection, which goes to TIME-WAIT.
func (tc *testConn) closeFrom(port uint16) {
	tc.t.Helper()
	tc.remote = netip.AddrPortFrom(peerAddr, port)
	tc.acceptHandshake()
	must(tc.t, tc.conn.Close())
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 2})
	tc.drain()
	tc.wantListed(TimeWait)
}

// Too many make the oldest leave.
func TestTimeWaitIsBounded(t *testing.T) { synctest.Test(t, testTimeWaitIsBounded) }

func testTimeWaitIsBounded(t *testing.T) {
	tc := newTestLayer(t, setup{cfg: Config{MaxTimeWait: 2}})
	tc.listen(hostPort)
	for i := range 3 {
		tc.closeFrom(uint16(1000 + i))
	}
	for i, want := range []State{Closed, TimeWait, TimeWait} {
		tc.remote = netip.AddrPortFrom(peerAddr, uint16(1000+i))
		tc.wantListed(want)
	}
	tc.wantCount("TimeWaitOverflow", func(s Stats) uint64 { return s.TimeWaitOverflow }, 1)
}
