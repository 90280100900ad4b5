package tcp

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestZeroWindowProbes(t *testing.T) { synctest.Test(t, testZeroWindowProbes) }

func testZeroWindowProbes(t *testing.T) {
	// "The sending TCP peer must regularly transmit at least one octet of new data (if
	// available), or retransmit to the receiving TCP peer even if the send window is
	// zero, in order to "probe" the window." "increase exponentially the interval between
	// successive probes" (SHLD-30) https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
	for _, noSACK := range []bool{false, true} {
		zeroWindowProbes(t, setup{wnd: -1, noSACK: noSACK})
	}
}

func zeroWindowProbes(t *testing.T, s setup) {
	tc := newTestConn(t, s)
	tc.write(5000)
	tc.wantIdle("the window is shut")
	probe := seg{seq: 1, ack: 1, n: 1}
	rto := tc.rto()
	for range 5 {
		tc.wantAfter("a probe", rto, probe)
		tc.inject(seg{seq: 1, ack: 1})
		rto *= 2
	}
	tc.wantCount("ZeroWindowProbes", func(s Stats) uint64 { return s.ZeroWindowProbes }, 5)
	tc.wantCount("RTOTimeouts", func(s Stats) uint64 { return s.RTOTimeouts }, 0)
	// The window opens: what the probe carried was not taken, and goes first.
	tc.inject(seg{seq: 1, ack: 1, wnd: 2500})
	if info := tc.conn.Info(); info.CAState != "open" || info.SndCwnd != 10000 || info.Backoff != 0 {
		t.Errorf("%+v", info)
	}
	got := 0
	for s, ok := tc.net.next(); ok; s, ok = tc.net.next() {
		if s.Seq.Sub(tc.irs) != 1+got {
			t.Fatalf("got %v", tc.describe(&s))
		}
		got += len(s.data)
	}
	if got < 2000 || got > 2500 {
		t.Errorf("sent %d bytes of 2500", got)
	}
	tc.wantLostEver(0) // it was the window that kept them out
	tc.inject(seg{seq: 1, ack: 1 + got})
}

func TestProbeIsTaken(t *testing.T) { synctest.Test(t, testProbeIsTaken) }

func testProbeIsTaken(t *testing.T) {
	tc := newTestConn(t, setup{wnd: -1})
	tc.write(2001)
	tc.wantAfter("a probe", tc.rto(), seg{seq: 1, ack: 1, n: 1})
	tc.inject(seg{seq: 1, ack: 2})
	tc.wantAfter("the next probe", tc.rto(), seg{seq: 2, ack: 1, n: 1})
	tc.inject(seg{seq: 1, ack: 3, wnd: 10000})
	tc.want("the rest", seg{seq: 3, ack: 1, n: 1000}, seg{seq: 1003, ack: 1, n: 999})
}

// What has no data must be within the window, too: a RST or an ACK with the number after a probe, which a
// shut window does not take, would be dropped, and the peer wait for ever.
func TestShutWindowTakesACKAndRST(t *testing.T) { synctest.Test(t, testShutWindowTakesACKAndRST) }

func testShutWindowTakesACKAndRST(t *testing.T) {
	// "If an incoming segment is not acceptable, an acknowledgment should be sent in reply (unless the RST bit is set, if so
	// drop the segment and return)" https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	for _, scale := range []int{0, 7} {
		tc := newTestConn(t, setup{wnd: -1, scale: scale})
		tc.write(2001)
		for range 2 {
			tc.wantAfter("a probe", tc.rto(), seg{seq: 1, ack: 1, n: 1})
			tc.inject(seg{seq: 1, ack: 1, wnd: -1}) // was not taken
		}
		tc.inject(seg{seq: 1, ack: 1, wnd: -1, n: 1000})
		tc.inject(seg{seq: 1001, ack: 1, wnd: -1, n: 1000})
		tc.want("the ACK of data", seg{seq: 1, ack: 2001})
		tc.conn.SetLinger(0)
		tc.conn.Close()
		tc.want("the RST", seg{flags: RST | ACK, seq: 1, ack: 2001})
	}
}

// An ACK has the number of what is sent next, but none beyond a window that was taken back.
func TestACKWithinShrunkWindow(t *testing.T) { synctest.Test(t, testACKWithinShrunkWindow) }

func testACKWithinShrunkWindow(t *testing.T) {
	// "a sending TCP peer MUST be robust against window shrinking" (MUST-34)
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
	// "The receiver MUST honor, as in window, any segment that would have been in window for any <ACK> sent by the
	// receiver." https://www.rfc-editor.org/rfc/rfc7323#section-2.4
	const scale, unit = 7, 1 << 7
	for _, test := range []struct {
		name                   string
		scale, acked, wnd, seq int
		fin                    bool
	}{
		{name: "not shrunk", wnd: 10_000, seq: 1025},
		{name: "full", wnd: 1024, seq: 1025},
		{name: "by a byte", wnd: 1023, seq: 1024},
		{name: "by more", wnd: 400, seq: 401},
		{name: "of what is left", acked: 500, wnd: 100, seq: 601},
		{name: "shut", wnd: -1, seq: 1},
		{name: "shut on what is left", acked: 1000, wnd: -1, seq: 1001},
		{name: "with a FIN in flight", wnd: 1024, seq: 1025, fin: true},
		{name: "shut on a FIN", acked: 1024, wnd: -1, seq: 1025, fin: true},
		{name: "rounded", scale: scale, acked: 100, wnd: 1024 - unit, seq: 1025},
		{name: "by a unit of its scale", scale: scale, wnd: 1024 - unit, seq: 1025 - unit},
		{name: "shut on less than a unit", scale: scale, acked: 1000, wnd: -1, seq: 1001},
	} {
		tc := newTestConn(t, setup{noDelAck: true, scale: test.scale})
		tc.write(1024)
		if test.fin {
			must(t, tc.conn.CloseWrite())
		}
		tc.drain()
		tc.inject(seg{seq: 1, ack: 1 + test.acked, wnd: test.wnd})
		tc.drain()
		tc.inject(seg{seq: 1, ack: 1 + test.acked, wnd: test.wnd, n: 1})
		tc.want(test.name, seg{seq: test.seq, ack: 2})
	}
}

// The window update that ends it was lost: the next probe finds out.
func TestWindowUpdateLost(t *testing.T) { synctest.Test(t, testWindowUpdateLost) }

func testWindowUpdateLost(t *testing.T) {
	tc := newTestConn(t, setup{wnd: 2000})
	tc.write(3000)
	tc.wantData("a window", 1, 2000, 1000)
	tc.inject(seg{seq: 1, ack: 2001, wnd: -1})
	tc.wantAfter("a probe", tc.rto(), seg{seq: 2001, ack: 1, n: 1})
	tc.inject(seg{seq: 1, ack: 2002, wnd: 2000})
	tc.want("the rest", seg{seq: 2002, ack: 1, n: 999})
}

func TestProbesGoOn(t *testing.T) { synctest.Test(t, testProbesGoOn) }

func testProbesGoOn(t *testing.T) {
	// "As long as the receiving TCP peer continues to send acknowledgments in response to
	// the probe segments, the sending TCP peer MUST allow the connection to stay open"
	// (MUST-37) https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
	tc := newTestConn(t, setup{wnd: -1})
	tc.write(10)
	for start := time.Now(); time.Since(start) < 5*time.Hour; {
		time.Sleep(time.Minute)
		if _, ok := tc.net.next(); ok {
			tc.inject(seg{seq: 1, ack: 1})
		}
	}
	tc.wantState(Established)
	// When it answers no more, that is the end.
	tc.drain()
	time.Sleep(15 * time.Minute)
	tc.wantReadError(syscall.ETIMEDOUT)
}

// The peer shrinks its window with data in flight, and answers what is sent again.
func TestShrunkWindowStaysOpen(t *testing.T) { synctest.Test(t, testShrunkWindowStaysOpen) }

func testShrunkWindowStaysOpen(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(1000)
	tc.want("data", seg{seq: 1, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 1, wnd: -1})
	for start := time.Now(); time.Since(start) < time.Hour; {
		time.Sleep(time.Minute)
		if _, ok := tc.net.next(); ok {
			tc.inject(seg{seq: 1, ack: 1, wnd: -1})
		}
	}
	tc.wantState(Established)
}

// So does a peer that has no room for a FIN.
func TestFinAtZeroWindow(t *testing.T) { synctest.Test(t, testFinAtZeroWindow) }

func testFinAtZeroWindow(t *testing.T) {
	tc := newTestConn(t, setup{wnd: -1})
	must(t, tc.conn.CloseWrite())
	fin := seg{flags: FIN | ACK, seq: 1, ack: 1}
	tc.want("a FIN needs no room", fin)
	for start := time.Now(); time.Since(start) < time.Hour; {
		time.Sleep(time.Minute)
		if _, ok := tc.net.next(); ok {
			tc.inject(seg{seq: 1, ack: 1})
		}
	}
	tc.wantState(FinWait1)
	tc.drain()
	time.Sleep(2 * time.Minute)
	tc.want("still trying", fin)
	tc.inject(seg{seq: 1, ack: 2})
	tc.wantState(FinWait2)
}

func TestFinBehindZeroWindow(t *testing.T) { synctest.Test(t, testFinBehindZeroWindow) }

func testFinBehindZeroWindow(t *testing.T) {
	for _, n := range []int{1, 500} {
		tc := newTestConn(t, setup{wnd: -1})
		tc.write(n)
		must(t, tc.conn.Close())
		tc.wantIdle("the window is shut")
		time.Sleep(tc.rto())
		s := tc.take("a probe")
		if s.Seq.Sub(tc.irs) != 1 || len(s.data) != 1 {
			t.Fatalf("got %v", tc.describe(&s))
		}
		tc.inject(seg{seq: 1, ack: 2, wnd: 5000})
		for s, ok := tc.net.next(); ok; s, ok = tc.net.next() {
			if s.Flags.Has(FIN) {
				n = 0
			}
		}
		if n != 0 {
			t.Error("no FIN was sent")
		}
	}
}

func TestUserTimeoutAtZeroWindow(t *testing.T) { synctest.Test(t, testUserTimeoutAtZeroWindow) }

func testUserTimeoutAtZeroWindow(t *testing.T) {
	// A user timeout ends it even if the peer answers (RFC 5482, as in Linux).
	tc := newTestConn(t, setup{wnd: -1})
	must(t, tc.conn.SetUserTimeout(10*time.Second))
	tc.write(10)
	for range 9 {
		time.Sleep(time.Second)
		tc.inject(seg{seq: 1, ack: 1})
	}
	tc.wantState(Established)
	time.Sleep(time.Second)
	tc.wantReadError(syscall.ETIMEDOUT)
}

// Which segments may set the send window (RFC 9293 3.10.7.4).
func TestSendWindowUpdates(t *testing.T) { synctest.Test(t, testSendWindowUpdates) }

func testSendWindowUpdates(t *testing.T) {
	// "If (SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK)), set
	// SND.WND <- SEG.WND" https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	tc := newTestConn(t, setup{noDelAck: true})
	tc.write(3000)
	tc.drain()
	for _, test := range []struct {
		seg
		want int
	}{
		{seg{seq: 1, ack: 1001, wnd: 5000}, 5000},
		{seg{seq: 1, ack: 501, wnd: 6000}, 5000},         // an older ACK
		{seg{seq: 1, ack: 1001, wnd: 4000}, 4000},        // the same again may shrink it
		{seg{seq: 11, ack: 1001, n: 10, wnd: 7}, 7},      // a later segment, out of order
		{seg{seq: 1, ack: 1001, n: 10, wnd: 9000}, 7},    // sent before it
		{seg{seq: 1, ack: 2001, n: 10, wnd: 8000}, 7},    // also with a newer ACK
		{seg{seq: 21, ack: 2001, wnd: 3000}, 3000},       // a later one
		{seg{seq: 21, ack: 90000, wnd: 12345}, 3000},     // a bad ACK
		{seg{seq: 21, ack: 3001, n: 0, wnd: -1}, 0},      // zero
		{seg{seq: 21, ack: 3001, n: 0, wnd: 1000}, 1000}, // and open again
	} {
		tc.inject(test.seg)
		if got := tc.conn.Info().SndWnd; got != test.want {
			t.Errorf("after %v: the window is %d, want %d", test.seg, got, test.want)
		}
	}
}

// Silly windows and Nagle.

func TestSenderAvoidsSillyWindow(t *testing.T) { synctest.Test(t, testSenderAvoidsSillyWindow) }

func testSenderAvoidsSillyWindow(t *testing.T) {
	// "Send data: (1) if a maximum-sized segment can be sent ... (3) or if at least a
	// fraction Fs of the maximum window can be sent ... (4) or if the override timeout occurs"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.1
	tc := newTestConn(t, setup{wnd: 10000})
	tc.write(30000)
	tc.wantData("a window", 1, 10000, 1000)
	tc.inject(seg{seq: 1, ack: 10001, wnd: 300})
	tc.wantIdle("a silly window")
	tc.wantAfter("the override timeout", tc.rto(), seg{seq: 10001, ack: 1, n: 300})
	tc.inject(seg{seq: 1, ack: 10301, wnd: 2500})
	tc.want("whole segments only", seg{seq: 10301, ack: 1, n: 1000}, seg{seq: 11301, ack: 1, n: 1000})
	tc.wantIdle("500 bytes more are a silly window")

	// Half of the largest window there ever was is worth a segment, however small.
	tc = newTestConn(t, setup{wnd: 400})
	tc.write(1000)
	tc.want("all there is", seg{seq: 1, ack: 1, n: 400})
	tc.inject(seg{seq: 1, ack: 401, wnd: 199})
	tc.wantIdle("less than half")
	tc.inject(seg{seq: 1, ack: 401, wnd: 200})
	tc.want("half", seg{seq: 401, ack: 1, n: 200})
}

func TestNagle(t *testing.T) { synctest.Test(t, testNagle) }

func testNagle(t *testing.T) {
	// "If there is unacknowledged data (i.e., SND.NXT > SND.UNA), then the sending TCP
	// endpoint buffers all user data (regardless of the PSH bit) until the outstanding data
	// has been acknowledged or until the TCP endpoint can send a full-sized segment"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
	tc := newTestConn(t, setup{})
	tc.write(10)
	tc.want("off at first", seg{seq: 1, ack: 1, n: 10})
	tc.write(10)
	tc.want("off at first", seg{seq: 11, ack: 1, n: 10})
	tc.inject(seg{seq: 1, ack: 21})

	must(t, tc.conn.SetNoDelay(false))
	tc.write(10)
	tc.want("nothing is outstanding", seg{seq: 21, ack: 1, n: 10})
	tc.write(600)
	tc.wantIdle("small, with data outstanding")
	tc.write(600)
	tc.want("a full-sized segment", seg{seq: 31, ack: 1, n: 1000})
	tc.wantIdle("the tail waits")
	tc.inject(seg{seq: 1, ack: 31})
	tc.wantIdle("there is still some outstanding")
	tc.inject(seg{seq: 1, ack: 1031})
	tc.want("all is acknowledged", seg{seq: 1031, ack: 1, n: 200})
	tc.write(10)
	tc.wantIdle("waits")
	must(t, tc.conn.SetNoDelay(true))
	tc.want("turned off", seg{seq: 1231, ack: 1, n: 10})
	must(t, tc.conn.SetNoDelay(false))
	tc.write(10)
	tc.wantIdle("waits")
	must(t, tc.conn.CloseWrite())
	tc.want("a FIN waits for nothing", seg{flags: FIN | ACK, seq: 1241, ack: 1, n: 10})
}

func TestReceiverAvoidsSillyWindow(t *testing.T) { synctest.Test(t, testReceiverAvoidsSillyWindow) }

func testReceiverAvoidsSillyWindow(t *testing.T) {
	// "keeping RCV.NXT+RCV.WND fixed until such time as: RCV.BUFF - RCV.USER - RCV.WND >=
	// min ( Fr * RCV.BUFF, Eff.snd.MSS )"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.2
	tc := newTestConn(t, setup{cfg: Config{ReceiveBuffer: 4096}, noDelAck: true})
	for at := 1; at < 4097; at += 512 {
		tc.inject(seg{seq: at, ack: 1, n: 512})
		tc.want("the edge does not move", seg{seq: 1, ack: at + 512, wnd: max(4097-at-512, -1+btoi(at+512 < 4097))})
	}
	tc.read(500)
	tc.inject(seg{seq: 4097, ack: 1, n: 1})
	tc.want("less than a segment came free", seg{seq: 1, ack: 4097, wnd: -1})
	tc.read(499)
	tc.wantIdle("still less")
	tc.read(1)
	tc.want("a segment's worth", seg{seq: 1, ack: 4097, wnd: 1000})
	tc.read(999)
	tc.wantIdle("less than that again")
	tc.wantCount("ZeroWindowsSent", func(s Stats) uint64 { return s.ZeroWindowsSent }, 2)
}

func TestWindowUpdateAfterRead(t *testing.T) { synctest.Test(t, testWindowUpdateAfterRead) }

func testWindowUpdateAfterRead(t *testing.T) {
	tc := newTestConn(t, setup{cfg: Config{ReceiveBuffer: 10000}, noDelAck: true})
	for at := 1; at < 10001; at += 1000 {
		tc.inject(seg{seq: at, ack: 1, n: 1000})
		tc.take("ACK")
	}
	tc.read(10000)
	// One for each time the window doubles, not for each Read.
	for last := 0; last < 10000; {
		s := tc.take("window update")
		wnd := tc.windowOf(&s)
		if wnd < 2*last || wnd == 0 {
			t.Fatalf("got %v after a window of %d", tc.describe(&s), last)
		}
		if last = wnd; last > 5000 {
			break
		}
	}
	tc.drain()
	tc.inject(seg{seq: 10001, ack: 1, n: 1000})
	tc.want("the whole buffer", seg{seq: 1, ack: 11001, wnd: 9000})
}

// The right edge of the window does not go back when the buffer is made smaller.
func TestWindowDoesNotShrink(t *testing.T) { synctest.Test(t, testWindowDoesNotShrink) }

func testWindowDoesNotShrink(t *testing.T) {
	// "A TCP receiver SHOULD NOT shrink the window, i.e., move the right window edge to
	// the left (SHLD-14)" https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
	tc := newTestConn(t, setup{cfg: Config{ReceiveBuffer: 20000}, noDelAck: true})
	must(t, tc.conn.SetReadBuffer(4096))
	for at := 1; at < 20001; at += 1000 {
		tc.inject(seg{seq: at, ack: 1, n: 1000})
		s := tc.take("ACK")
		if edge := s.Ack.Sub(tc.iss) + tc.windowOf(&s); edge != 20001 {
			t.Fatalf("the edge is %d: %v", edge, tc.describe(&s))
		}
	}
	tc.read(20000)
	tc.drain()
	if got := tc.conn.Info().RcvWnd; got != 4096 {
		t.Errorf("the window is now %d", got)
	}
	must(t, tc.conn.SetReadBuffer(1<<20))
	tc.inject(seg{seq: 20001, ack: 1, n: 1000})
	tc.want("larger, as far as the header can tell", seg{seq: 1, ack: 21001, wnd: 65535})
}

// A SYN-ACK can't tell of a window beyond 64 KiB. That the window is larger needs no
// segment of its own while the peer has enough.
func TestFirstReadSendsNoUpdate(t *testing.T) { synctest.Test(t, testFirstReadSendsNoUpdate) }

func testFirstReadSendsNoUpdate(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, scale: 7})
	tc.inject(seg{seq: 1, ack: 1, n: 10})
	tc.read(10)
	tc.wantAfter("the ACK, when it is due, tells", 40*time.Millisecond, seg{seq: 1, ack: 11, wnd: initialReceiveBuffer})
}

// The send buffer holds four bandwidth-delay products, if that is more than it holds
// at first, until the application sets its size.
func TestSendBufferFollowsPath(t *testing.T) { synctest.Test(t, testSendBufferFollowsPath) }

func testSendBufferFollowsPath(t *testing.T) {
	tc := newTestConn(t, setup{})
	want := func(name string, rate float64, size int) {
		t.Helper()
		tc.conn.tcb.limits = &limits{deliveryState: deliveryState{holds: int(rate / 10)}}
		if got := tc.conn.Info().SndBuf; got != size {
			t.Errorf("%s: %d bytes, want %d", name, got, size)
		}
	}
	want("on a slow path", 1e6, 1<<20)
	want("on a faster one", 5e6, 2e6)
	want("no more than configured", 1e9, 16<<20)
	must(t, tc.conn.SetWriteBuffer(100_000))
	want("set", 5e6, 100_000)
}

// The peer's window opens: a timeout is then as short as before it was shut.
func TestBackoffEndsWithThePersistTimer(t *testing.T) { synctest.Test(t, testBackoffEnds) }

func testBackoffEnds(t *testing.T) {
	tc := newTestConn(t, setup{delay: testRTT})
	tc.write(1000)
	tc.want("data", seg{seq: 1, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 1001, wnd: -1})
	rto := tc.rto()
	tc.write(3000)
	for i := range 5 {
		tc.wantAfter("probe", rto<<i, seg{seq: 1001, ack: 1, n: 1})
	}
	tc.inject(seg{seq: 1, ack: 1002})
	tc.drain()
	if got := tc.conn.Info().Backoff; got != 0 {
		t.Errorf("backoff %d", got)
	}
}

// What was sacked fills the send buffer until the gap before it is: a Write goes on as soon as there
// is room for a segment, or there would be nothing to send meanwhile.
func TestWriteGoesOnBeyondAGap(t *testing.T) { synctest.Test(t, testWriteGoesOnBeyondAGap) }

func testWriteGoesOnBeyondAGap(t *testing.T) {
	tc := newTestConn(t, setup{delay: testRTT, cfg: Config{SendBuffer: 10 * testMSS}})
	tc.write(10 * testMSS)
	tc.wantData("the buffer is full", 1, 10*testMSS, testMSS)
	done := tc.background(func() error { _, err := tc.conn.Write(streamBytes(1+10*testMSS, testMSS)); return err })
	time.Sleep(testRTT)
	tc.inject(sacks(1))
	tc.wantIdle("a tenth is free: less than a third")
	tc.inject(sacks(1, [2]int{2, 8}))
	tc.want("the gap", again(1))
	tc.drain()
	if err := done(); err != nil {
		t.Error(err)
	}
	if n := tc.conn.Info().SendQueue; n != 10*testMSS {
		t.Errorf("%d bytes are in the buffer", n)
	}
}
