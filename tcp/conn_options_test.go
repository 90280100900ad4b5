package tcp

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/packet"
)

// at returns a TSval that is d from the peer's clock.
func (tc *testConn) at(d time.Duration) *uint32 {
	ts := tc.peerTS() + uint32(int64(d/time.Millisecond))
	return &ts
}

func TestPAWS(t *testing.T) { synctest.Test(t, testPAWS) }

func testPAWS(t *testing.T) {
	// "If SEG.TSval < TS.Recent ... the arriving segment is not acceptable: Send an
	// acknowledgment in reply ... and drop the segment"
	// https://www.rfc-editor.org/rfc/rfc7323#section-5.3
	tc := newTestConn(t, setup{ts: true, noDelAck: true})
	time.Sleep(time.Second) // the timestamps wrap
	tc.inject(seg{seq: 1, ack: 1, n: 10})
	tc.want("ACK", seg{seq: 1, ack: 11})
	tc.inject(seg{seq: 11, ack: 1, n: 10, ts: tc.at(-2 * time.Millisecond)})
	tc.want("an old segment", seg{seq: 1, ack: 11})
	tc.inject(seg{flags: FIN | ACK, seq: 11, ack: 1, ts: tc.at(-time.Second)})
	tc.want("an old FIN", seg{seq: 1, ack: 11})
	tc.wantCount("InPAWS", func(s Stats) uint64 { return s.InPAWS }, 2)
	tc.wantState(Established)
	tc.inject(seg{seq: 11, ack: 1, n: 10, ts: tc.at(0)})
	tc.want("the same timestamp is fine", seg{seq: 1, ack: 21})
	tc.read(20)
}

// Segments that change places while the peer's clock ticks are taken, as in Linux, and TS.Recent does not go back.
func TestPAWSWindow(t *testing.T) { synctest.Test(t, testPAWSWindow) }

func testPAWSWindow(t *testing.T) {
	tc := newTestConn(t, setup{ts: true, noDelAck: true})
	now := *tc.at(0)
	tc.inject(seg{seq: 1, ack: 1, n: 10, ts: tc.at(0)})
	tc.want("ACK", seg{seq: 1, ack: 11})
	for i := range 3 {
		tc.inject(seg{seq: 11 + 10*i, ack: 1, n: 10, ts: tc.at(-time.Millisecond)})
		if s := tc.take("one tick old"); s.Ack.Sub(tc.iss) != 21+10*i || s.Options.TSEcr != now {
			t.Errorf("%v, echo %d, want that of %d", tc.describe(&s), s.Options.TSEcr, now)
		}
	}
	tc.inject(seg{seq: 41, ack: 1, n: 10, ts: tc.at(-2 * time.Millisecond)})
	tc.want("two ticks old", seg{seq: 1, ack: 41})
}

// The peer learns that what it sent again had arrived, as Linux has it, though the first copy is refused.
func TestPAWSReportsDuplicate(t *testing.T) { synctest.Test(t, testPAWSReportsDuplicate) }

func testPAWSReportsDuplicate(t *testing.T) {
	tc := newTestConn(t, setup{ts: true, noDelAck: true})
	tc.inject(seg{seq: 1, ack: 1, n: 10})
	tc.want("ACK", seg{seq: 1, ack: 11})
	tc.inject(seg{seq: 1, ack: 1, n: 15, ts: tc.at(-5 * time.Millisecond)})
	tc.want("of what is old, what arrived before", seg{seq: 1, ack: 11, sack: [][2]int{{1, 11}}})
	tc.inject(seg{seq: 21, ack: 1, n: 10, ts: tc.at(-5 * time.Millisecond)})
	tc.want("nothing of what did not", seg{seq: 1, ack: 11})
	tc.wantCount("InPAWS", func(s Stats) uint64 { return s.InPAWS }, 2)
}

// An ACK that was overtaken is none to answer, if it is a duplicate, opens no window, and is not older than a
// retransmission timeout.
func TestPAWSOfOvertakenAck(t *testing.T) { synctest.Test(t, testPAWSOfOvertakenAck) }

func testPAWSOfOvertakenAck(t *testing.T) {
	for _, tt := range []struct {
		name    string
		ack     seg
		old     time.Duration
		refused uint64
	}{
		{"overtaken", seg{seq: 1, ack: 989, sack: [][2]int{{1977, 2965}}}, 20 * time.Millisecond, 0},
		{"too old", seg{seq: 1, ack: 989}, time.Hour, 1},
		{"another window", seg{seq: 1, ack: 989, wnd: 1000}, 20 * time.Millisecond, 1},
		{"before what is acknowledged", seg{seq: 1, ack: 1}, 20 * time.Millisecond, 1},
		{"with data", seg{seq: 1, ack: 989, n: 1}, 20 * time.Millisecond, 1},
	} {
		tc := newTestConn(t, setup{ts: true, scale: 2, delay: 50 * time.Millisecond})
		tc.write(3 * 988)
		tc.drain()
		tc.inject(seg{seq: 1, ack: 989})
		tt.ack.ts = tc.at(-tt.old)
		tc.inject(tt.ack)
		if tt.refused > 0 {
			tc.want(tt.name, seg{seq: 1 + 3*988, ack: 1})
		}
		tc.wantIdle(tt.name)
		tc.wantCount(tt.name, func(s Stats) uint64 { return s.InPAWS }, tt.refused)
	}
}

func TestPAWSDoesNotHinderReset(t *testing.T) { synctest.Test(t, testPAWSDoesNotHinderReset) }

func testPAWSDoesNotHinderReset(t *testing.T) {
	// "When an <RST> segment is received, it MUST NOT be subjected to the PAWS check"
	// https://www.rfc-editor.org/rfc/rfc7323#section-5.2
	tc := newTestConn(t, setup{ts: true})
	tc.inject(seg{flags: RST, seq: 1, ts: tc.at(-time.Hour)})
	tc.wantState(Closed)
}

func TestMissingTimestamp(t *testing.T) { synctest.Test(t, testMissingTimestamp) }

func testMissingTimestamp(t *testing.T) {
	// "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop the segment."
	// https://www.rfc-editor.org/rfc/rfc7323#section-3.2
	tc := newTestConn(t, setup{ts: true})
	tc.inject(seg{seq: 1, ack: 1, n: 10, noTS: true})
	time.Sleep(time.Second)
	tc.wantIdle("dropped")
	tc.wantCount("InNoTimestamp", func(s Stats) uint64 { return s.InNoTimestamp }, 1)
	tc.inject(seg{flags: RST, seq: 1, noTS: true})
	tc.wantState(Closed)
}

func TestTSRecent(t *testing.T) { synctest.Test(t, testTSRecent) }

func testTSRecent(t *testing.T) {
	// "(2) If: SEG.TSval >= TS.Recent and SEG.SEQ <= Last.ACK.sent then SEG.TSval is
	// copied to TS.Recent; otherwise, it is ignored."
	// https://www.rfc-editor.org/rfc/rfc7323#section-4.3
	tc := newTestConn(t, setup{ts: true})
	echo := func(name string, want *uint32) {
		t.Helper()
		if s := tc.take(name); s.Options.TSEcr != *want {
			t.Errorf("%s: the echo is %d from the one wanted", name, int32(s.Options.TSEcr-*want))
		}
	}
	time.Sleep(time.Second)
	first := tc.at(0)
	tc.inject(seg{seq: 1, ack: 1, n: 1000})
	time.Sleep(10 * time.Millisecond)
	tc.inject(seg{seq: 1001, ack: 1, n: 1000})
	echo("of delayed ACKs, the first one's", first) // 4.3, "the timestamp of the earliest unacknowledged segment"
	time.Sleep(10 * time.Millisecond)
	second := tc.at(0)
	tc.inject(seg{seq: 2001, ack: 1, n: 10})
	time.Sleep(40 * time.Millisecond)
	echo("then the next one's", second)
	time.Sleep(10 * time.Millisecond)
	tc.inject(seg{seq: 3001, ack: 1, n: 10})
	echo("not of what came out of order", second)
	time.Sleep(10 * time.Millisecond)
	third := tc.at(0)
	tc.inject(seg{seq: 2011, ack: 1, n: 990})
	echo("of what fills the gap", third)
	// A duplicate is not acceptable, nor is what has a bad ACK, nor a RST.
	time.Sleep(time.Second)
	tc.inject(seg{seq: 2011, ack: 1, n: 990})
	echo("not of a duplicate", third)
	tc.inject(seg{seq: 3011, ack: 100000, n: 1, ts: tc.at(time.Hour)})
	echo("not of a bad ACK", third)
	time.Sleep(time.Second)
	tc.inject(seg{flags: RST, seq: 3012, ts: tc.at(time.Hour)})
	echo("not of a RST", third)
	time.Sleep(time.Second)
	tc.inject(seg{flags: SYN, seq: 3011, ts: tc.at(time.Hour)})
	echo("not of a SYN", third)
	tc.wantState(Established)
}

func TestPAWSAfterTwentyFourDays(t *testing.T) { synctest.Test(t, testPAWSAfterTwentyFourDays) }

func testPAWSAfterTwentyFourDays(t *testing.T) {
	// TS.Recent is no longer valid on a connection that was idle for more than 24 days:
	// https://www.rfc-editor.org/rfc/rfc7323#section-5.5
	tc := newTestConn(t, setup{ts: true, noDelAck: true})
	tc.inject(seg{seq: 1, ack: 1, n: 10})
	tc.want("ACK", seg{seq: 1, ack: 11})
	old := tc.at(-time.Hour)
	const day = 24 * time.Hour
	time.Sleep(24*day - time.Second)
	tc.inject(seg{seq: 11, ack: 1, n: 10, ts: old})
	tc.want("old", seg{seq: 1, ack: 11})
	time.Sleep(time.Second)
	tc.inject(seg{seq: 11, ack: 1, n: 10, ts: old})
	tc.want("taken", seg{seq: 1, ack: 21})
}

// The timestamps of ours tell the round-trip time even of what was sent twice.
func TestRTTByTimestamp(t *testing.T) { synctest.Test(t, testRTTByTimestamp) }

func testRTTByTimestamp(t *testing.T) {
	tc := newTestConn(t, setup{ts: true, delay: 100 * time.Millisecond})
	tc.write(10)
	tc.want("data", seg{seq: 1, ack: 1, n: 10})
	tc.wantAfter("again", tc.rto(), seg{seq: 1, ack: 1, n: 10})
	time.Sleep(100 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 11})
	if info := tc.conn.Info(); info.RTT != 100*time.Millisecond || info.Backoff != 0 {
		t.Errorf("RTT %v, backoff %d", info.RTT, info.Backoff)
	}
}

func TestWindowScale(t *testing.T) { synctest.Test(t, testWindowScale) }

func testWindowScale(t *testing.T) {
	for _, test := range []struct {
		scale  int
		window int
	}{{-1, 65535}, {0, 65535}, {1, 65535 << 1}, {7, 65535 << 7}, {14, 65535 << 14}, {15, 65535 << 14}, {255, 65535 << 14}} {
		// "If a Window Scale option is received with a shift.cnt value larger than 14,
		// the TCP SHOULD log the error but MUST use 14 instead of the specified value."
		// https://www.rfc-editor.org/rfc/rfc7323#section-2.3
		tc := newTestConn(t, setup{scale: test.scale, wnd: 1 << 30})
		// "The window field in a segment where the SYN bit is set MUST NOT be scaled."
		if got := tc.conn.Info().SndWnd; got != 65535 {
			t.Errorf("scale %d: the SYN's window is %d", test.scale, got)
		}
		tc.inject(seg{seq: 1, ack: 1})
		info := tc.conn.Info()
		if info.SndWnd != test.window || info.WindowScaling != (test.scale != 0) {
			t.Errorf("scale %d: window is %d, scaled: %v", test.scale, info.SndWnd, info.WindowScaling)
		}
	}
}

// Without window scaling we tell of no more than we can, and take no more.
func TestWindowWithoutScale(t *testing.T) { synctest.Test(t, testWindowWithoutScale) }

func testWindowWithoutScale(t *testing.T) {
	tc := newTestConn(t, setup{})
	if got := tc.conn.Info().RcvWnd; got != 65535 {
		t.Errorf("the window offered is %d", got)
	}
	tc.inject(seg{seq: 65537, ack: 1, n: 100})
	tc.want("beyond the window", seg{seq: 1, ack: 1, wnd: 65535})
	tc.wantCount("InOutOfWindow", func(s Stats) uint64 { return s.InOutOfWindow }, 1)
}

func TestSegmentSize(t *testing.T) { synctest.Test(t, testSegmentSize) }

func testSegmentSize(t *testing.T) {
	for _, test := range []struct {
		name      string
		mss       int // of the peer
		mtu       int
		ts        bool
		want, adv int
	}{
		// "If an MSS Option is not received at connection setup, TCP implementations MUST
		// assume a default send MSS of 536" https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
		{"no option", -1, 1500, false, 536, 1460},
		{"smaller than ours", 700, 1500, false, 700, 1460},
		{"larger than the path takes", 9000, 1500, false, 1460, 1460},
		{"less the timestamps", 1460, 1500, true, 1448, 1460},
		{"tiny", 1, 1500, false, 48, 1460},
		{"tiny with timestamps", 1, 1500, true, 36, 1460},
		{"no option with timestamps", -1, 1500, true, 524, 1460},
		{"the largest path", 65495, 65535, false, 65495, 65495},
		{"the smallest path", 1460, 68, false, 28, 48},
	} {
		tc := newTestConn(t, setup{mss: test.mss, mtu: test.mtu, ts: test.ts})
		info := tc.conn.Info()
		if info.SndMSS != test.want || info.AdvMSS != test.adv {
			t.Errorf("%s: SndMSS is %d, AdvMSS %d", test.name, info.SndMSS, info.AdvMSS)
		}
		tc.write(test.want + 1)
		tc.wantData(test.name, 1, test.want+1, test.want)
	}
}

func TestIllegalOptionLength(t *testing.T) { synctest.Test(t, testIllegalOptionLength) }

func testIllegalOptionLength(t *testing.T) {
	// "TCP implementations MUST be prepared to handle an illegal option length" (MUST-7)
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.1
	tc := newTestConn(t, setup{noDelAck: true})
	b := tc.encode(&seg{seq: 1, ack: 1})
	b = append(b, optSACK, 0, 99, 200, 'd', 'a', 't', 'a')
	b[12] = 6 << 4
	tc.receive(tc.sum(b), packet.Offload{})
	tc.want("the segment is taken", seg{seq: 1, ack: 5})
}

func TestPathMTU(t *testing.T) { synctest.Test(t, testPathMTU) }

func testPathMTU(t *testing.T) {
	for _, tso := range []bool{false, true} {
		tc := newTestConn(t, setup{tso: tso})
		tc.write(3000)
		tc.drain()

		// A sequence number that is not in flight proves nothing (RFC 5927 4.1).
		tc.control(0, &packet.Control{Err: syscall.EMSGSIZE, MTU: 600})
		tc.control(3001, &packet.Control{Err: syscall.EMSGSIZE, MTU: 600})
		tc.control(-100000, &packet.Control{Err: syscall.EMSGSIZE, MTU: 600})
		tc.wantIdle("forged")
		if got := tc.conn.Info().PMTU; got != testMTU {
			t.Fatalf("path MTU is %d", got)
		}
		tc.wantCount("IcmpIgnored", func(s Stats) uint64 { return s.IcmpIgnored }, 3)

		cwnd := tc.conn.Info().SndCwnd
		time.Sleep(time.Millisecond)
		tc.control(1001, &packet.Control{Err: syscall.EMSGSIZE, MTU: 640})
		got := 0
		for s, ok := tc.net.next(); ok; s, ok = tc.net.next() {
			if s.Seq.Sub(tc.irs) != 1+got || (s.size == 0 && len(s.data) > 600) || s.size > 600 {
				t.Fatalf("sent %v", tc.describe(&s))
			}
			got += len(s.data)
		}
		if got != 3000 {
			t.Errorf("sent %d bytes again, want all", got)
		}
		info := tc.conn.Info()
		if info.SndMSS != 600 || info.PMTU != 640 || info.SndCwnd != cwnd || info.CAState != "open" {
			t.Errorf("%+v", info) // no sign of congestion
		}
		tc.wantLostEver(0)

		// The router says it of each packet; once is enough.
		for _, at := range []int{1, 1001, 2001} {
			tc.control(at, &packet.Control{Err: syscall.EMSGSIZE, MTU: 640})
		}
		tc.wantIdle("said before")

		// The path heals.
		tc.inject(seg{seq: 1, ack: 3001})
		tc.net.set(func(n *fakeNet) { n.lowered = 0 })
		tc.write(1000)
		tc.want("a whole segment", seg{seq: 3001, ack: 1, n: 1000})
	}
}

// Another connection may have learned of it first: what is in flight is lost all the same.
func TestPathMTUFromElsewhere(t *testing.T) { synctest.Test(t, testPathMTUFromElsewhere) }

func testPathMTUFromElsewhere(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(2000)
	tc.wantData("data", 1, 2000, 1000)
	tc.net.set(func(n *fakeNet) { n.lowered = 640 })
	tc.write(10)
	tc.wantData("again, in pieces the path takes", 1, 1000, 600)
	tc.wantData("again, in pieces the path takes", 1001, 1000, 600)
	tc.want("then what is new", seg{seq: 2001, ack: 1, n: 10})
}

// The path shrinks just when a window probe is due, and a segment fits the window now: it is sent, and no probe beside it.
func TestPathMTUFallsBeforeProbe(t *testing.T) { synctest.Test(t, testPathMTUFallsBeforeProbe) }

func testPathMTUFallsBeforeProbe(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.inject(seg{seq: 1, ack: 1, wnd: 900})
	tc.write(5000)
	tc.wantIdle("a small piece waits")
	tc.net.set(func(n *fakeNet) { n.lowered = 640 })
	tc.wantAfter("what fits", tc.rto(), seg{seq: 1, ack: 1, n: 600})
	tc.wantIdle("no probe")
	tc.wantCount("ZeroWindowProbes", func(s Stats) uint64 { return s.ZeroWindowProbes }, 0)
	tc.wantAfter("it is lost", tc.rto(), seg{seq: 1, ack: 1, n: 600})
	tc.wantCount("RTOTimeouts", func(s Stats) uint64 { return s.RTOTimeouts }, 1)
}

// The path shrinks between two window probes: the next one is of a size that it takes.
func TestPathMTUFallsBetweenProbes(t *testing.T) { synctest.Test(t, testPathMTUFallsBetweenProbes) }

func testPathMTUFallsBetweenProbes(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.inject(seg{seq: 1, ack: 1, wnd: 900})
	tc.write(5000)
	tc.wantAfter("a probe as large as the window", tc.rto(), seg{seq: 1, ack: 1, n: 900})
	tc.inject(seg{seq: 1, ack: 1, wnd: -1})
	tc.net.set(func(n *fakeNet) { n.lowered = 640 })
	tc.wantAfter("what the path takes of it", tc.rto(), seg{seq: 1, ack: 1, n: 600})
	tc.inject(seg{seq: 1, ack: 601, wnd: 5000})
	tc.wantData("the rest", 601, 300, 600)
}

// wantLostEver checks how many bytes congestion control has heard are lost, or is about to.
func (tc *testConn) wantLostEver(want int) {
	tc.t.Helper()
	tc.conn.mu.Lock()
	defer tc.conn.mu.Unlock()
	c := &tc.conn.tcb
	got := int(c.limits.lost)
	if c.fl != nil {
		got += c.fl.marked
	}
	if got != want {
		tc.t.Errorf("%d bytes count as lost, want %d", got, want)
	}
}

func TestSoftErrors(t *testing.T) { synctest.Test(t, testSoftErrors) }

func testSoftErrors(t *testing.T) {
	// "Since these Unreachable messages indicate soft error conditions, a TCP
	// implementation MUST NOT abort the connection" (MUST-56)
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
	tc := newTestConn(t, setup{cfg: Config{GiveUp: 10 * time.Second}})
	tc.write(10)
	tc.want("data", seg{seq: 1, ack: 1, n: 10})
	tc.control(1, &packet.Control{Err: syscall.EHOSTUNREACH})
	tc.wantState(Established)
	tc.inject(seg{seq: 1, ack: 11})

	// An acknowledgement proves the path works: the error is forgotten.
	tc.write(10)
	time.Sleep(10 * time.Second)
	tc.wantReadError(syscall.ETIMEDOUT)

	tc = newTestConn(t, setup{cfg: Config{GiveUp: 10 * time.Second}})
	tc.write(10)
	// A hard error is as easily forged (RFC 5927 5.2).
	tc.control(1, &packet.Control{Err: syscall.ECONNREFUSED, Hard: true})
	tc.wantState(Established)
	tc.control(1, &packet.Control{Err: syscall.EHOSTUNREACH})
	time.Sleep(10 * time.Second)
	tc.wantReadError(syscall.EHOSTUNREACH)
	_, err := tc.conn.Write([]byte("x"))
	wantErr(t, "Write", err, syscall.EHOSTUNREACH)
}

func TestControlOfNobody(t *testing.T) { synctest.Test(t, testControlOfNobody) }

func testControlOfNobody(t *testing.T) {
	tc := newTestLayer(t, setup{})
	tc.control(0, &packet.Control{Err: syscall.EHOSTUNREACH})
	tc.layer.Control(&packet.Control{Local: hostAddr, Remote: peerAddr, Quoted: []byte{1, 2, 3}})
	tc.layer.Control(&packet.Control{Local: hostAddr, Remote: peerAddr})
	tc.wantCount("IcmpIgnored", func(s Stats) uint64 { return s.IcmpIgnored }, 3)
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	tc.control(0, &packet.Control{Err: syscall.EMSGSIZE, MTU: 600})
	d.wantWaiting(t)
}
