package tcp

import (
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// wantLimit checks what holds the connection back now, and the times so far.
func wantLimit(t *testing.T, tc *testConn, name string, by Limit, app, rwnd, cwnd, sndbuf time.Duration) {
	t.Helper()
	synctest.Wait()
	i := tc.conn.Info()
	if i.Limited != by || i.AppLimited != app || i.RwndLimited != rwnd || i.CwndLimited != cwnd || i.SndbufLimited != sndbuf {
		t.Errorf("%s: limited by %v, app %v, rwnd %v, cwnd %v, sndbuf %v; want %v, %v, %v, %v, %v", name,
			i.Limited, i.AppLimited, i.RwndLimited, i.CwndLimited, i.SndbufLimited, by, app, rwnd, cwnd, sndbuf)
	}
	if want := app + rwnd + cwnd + sndbuf; i.BusyTime != want {
		t.Errorf("%s: busy %v, want their sum %v", name, i.BusyTime, want)
	}
}

func TestLimitByApplication(t *testing.T) { synctest.Test(t, testLimitByApplication) }

func testLimitByApplication(t *testing.T) {
	tc := newTestConn(t, setup{})
	if tc.conn.tcb.limits != nil {
		t.Error("an account without any data")
	}
	wantLimit(t, tc, "nothing written", LimitIdle, 0, 0, 0, 0)
	tc.write(1500)
	time.Sleep(10 * time.Millisecond)
	wantLimit(t, tc, "all is sent", LimitApp, 10*time.Millisecond, 0, 0, 0)
	tc.inject(seg{seq: 1, ack: 1501})
	time.Sleep(time.Hour)
	wantLimit(t, tc, "all is acknowledged", LimitIdle, 10*time.Millisecond, 0, 0, 0)
}

func TestLimitByCwnd(t *testing.T) { synctest.Test(t, testLimitByCwnd) }

func testLimitByCwnd(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(20_000) // twice the initial window
	tc.wantData("the initial window", 1, 10_000, testMSS)
	time.Sleep(10 * time.Millisecond)
	wantLimit(t, tc, "the window is full", LimitCwnd, 0, 0, 10*time.Millisecond, 0)
	tc.inject(seg{seq: 1, ack: 10_001})
	tc.wantData("the rest", 10_001, 10_000, testMSS)
	wantLimit(t, tc, "all is sent", LimitApp, 0, 0, 10*time.Millisecond, 0)
}

func TestLimitByReceiveWindow(t *testing.T) { synctest.Test(t, testLimitByReceiveWindow) }

func testLimitByReceiveWindow(t *testing.T) {
	tc := newTestConn(t, setup{wnd: 3000, noSACK: true}) // no tail loss probe
	tc.write(5000)
	tc.wantData("what the peer takes", 1, 3000, testMSS)
	time.Sleep(10 * time.Millisecond)
	wantLimit(t, tc, "the peer's window is full", LimitRwnd, 0, 10*time.Millisecond, 0, 0)
	tc.inject(seg{seq: 1, ack: 3001, wnd: -1})
	time.Sleep(30 * time.Millisecond)
	wantLimit(t, tc, "the window is closed", LimitRwnd, 0, 40*time.Millisecond, 0, 0)
	tc.inject(seg{seq: 1, ack: 3001, wnd: 3000})
	tc.wantData("the rest", 3001, 2000, testMSS)
	time.Sleep(time.Millisecond)
	wantLimit(t, tc, "the window is open", LimitApp, time.Millisecond, 40*time.Millisecond, 0, 0)
}

func TestLimitBySendBuffer(t *testing.T) { synctest.Test(t, testLimitBySendBuffer) }

func testLimitBySendBuffer(t *testing.T) {
	tc := newTestConn(t, setup{cfg: Config{SendBuffer: 4096}, noSACK: true}) // no tail loss probe
	done := make(chan error, 1)
	go func() {
		_, err := tc.conn.Write(streamBytes(1, 6000))
		done <- err
	}()
	tc.wantData("a buffer full", 1, 4096, testMSS)
	time.Sleep(10 * time.Millisecond)
	wantLimit(t, tc, "the Write waits for room", LimitSndbuf, 0, 0, 0, 10*time.Millisecond)
	tc.inject(seg{seq: 1, ack: 4097})
	tc.wantData("the rest", 4097, 1904, testMSS)
	if err := <-done; err != nil {
		t.Error(err)
	}
	time.Sleep(time.Millisecond)
	wantLimit(t, tc, "all is written", LimitApp, time.Millisecond, 0, 0, 10*time.Millisecond)
}

// A Write that finds the buffer full waits for room from its beginning on.
func TestLimitByFullSendBuffer(t *testing.T) { synctest.Test(t, testLimitByFullSendBuffer) }

func testLimitByFullSendBuffer(t *testing.T) {
	tc := newTestConn(t, setup{cfg: Config{SendBuffer: 4096}})
	tc.write(4096)
	time.Sleep(time.Millisecond)
	wantLimit(t, tc, "a buffer full, and no more", LimitApp, time.Millisecond, 0, 0, 0)
	go func() { _, _ = tc.conn.Write([]byte{1}) }()
	time.Sleep(10 * time.Millisecond)
	wantLimit(t, tc, "the next Write waits", LimitSndbuf, time.Millisecond, 0, 0, 10*time.Millisecond)
}

// Nagle's algorithm holds back what the application might add to.
func TestLimitByNagle(t *testing.T) { synctest.Test(t, testLimitByNagle) }

func testLimitByNagle(t *testing.T) {
	tc := newTestConn(t, setup{})
	if err := tc.conn.SetNoDelay(false); err != nil {
		t.Fatal(err)
	}
	tc.write(10)
	tc.write(10)
	tc.want("the first", seg{seq: 1, ack: 1, n: 10})
	tc.wantIdle("the second waits")
	wantLimit(t, tc, "a tail waits", LimitApp, 0, 0, 0, 0)
}

// The account stops when the connection does.
func TestLimitAfterTheEnd(t *testing.T) { synctest.Test(t, testLimitAfterTheEnd) }

func testLimitAfterTheEnd(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(10)
	time.Sleep(time.Millisecond)
	tc.inject(seg{flags: RST, seq: 1})
	time.Sleep(time.Hour)
	if i := tc.conn.Info(); i.Limited != LimitIdle || i.BusyTime > time.Millisecond {
		t.Errorf("limited by %v, busy %v; want idle, a millisecond at most", i.Limited, i.BusyTime)
	}
}

func TestRetransInInfo(t *testing.T) { synctest.Test(t, testRetransInInfo) }

func testRetransInInfo(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(2000)
	time.Sleep(2 * time.Second)
	if i := tc.conn.Info(); i.Retrans != 1000 || i.Unacked != 2000 {
		t.Errorf("%d of %d bytes in flight were sent again, want 1000 of 2000", i.Retrans, i.Unacked)
	}
}

func TestLimitText(t *testing.T) {
	t.Parallel()
	for l := LimitIdle; l <= LimitMemory; l++ {
		b, err := l.MarshalText()
		var back Limit
		if err != nil || back.UnmarshalText(b) != nil || back != l {
			t.Errorf("%v becomes %q, %v", l, b, err)
		}
	}
	if got := Limit(99).String(); got != "unknown" {
		t.Errorf("Limit(99) is %q", got)
	}
}

// The runtime hands out 896 bytes for a Conn; the account is apart, for those that send.
func TestConnStaysSmall(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(Conn{}); n > 896 {
		t.Errorf("a Conn takes %d bytes", n)
	}
	if n := unsafe.Sizeof(limits{}); n > 176 {
		t.Errorf("its account takes %d bytes", n)
	}
}

// Keeping the account allocates nothing.
func TestLimitsDoNotAllocate(t *testing.T) { synctest.Test(t, testLimitsDoNotAllocate) }

func testLimitsDoNotAllocate(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(10)
	c, now := &tc.conn.tcb, tc.layer.clock.now()
	if n := testing.AllocsPerRun(100, func() {
		now += instant(time.Second)
		c.noteLimit(now)
		c.sampleRate(now, 10, &run{})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
