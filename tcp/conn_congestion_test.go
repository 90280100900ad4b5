package tcp

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestInitialWindow(t *testing.T) { synctest.Test(t, testInitialWindow) }

func testInitialWindow(t *testing.T) {
	// "min (10*MSS, max (2*MSS, 14600))" https://www.rfc-editor.org/rfc/rfc6928#section-2
	for _, test := range []struct{ mss, want int }{
		{1000, 10000}, {1460, 14600}, {2000, 14600}, {7300, 14600}, {9000, 18000}, {100, 1000},
	} {
		tc := newTestConn(t, setup{mss: test.mss, mtu: 10000})
		tc.wantWindows("new", test.want, math.MaxInt, "open")
		tc.write(40000)
		tc.wantData("initial window", 1, test.want-test.want%test.mss, test.mss)
		tc.wantIdle("cwnd is full")
	}
}

func TestSlowStart(t *testing.T) { synctest.Test(t, testSlowStart) }

func testSlowStart(t *testing.T) {
	// "cwnd += min (N, SMSS)" for each ACK, of N bytes
	// https://www.rfc-editor.org/rfc/rfc5681#section-3.1
	tc := newTestConn(t, setup{scale: 7, wnd: 1 << 20})
	tc.write(100000)
	tc.wantData("first flight", 1, 10000, 1000)
	for i := range 10 {
		tc.inject(seg{seq: 1, ack: 1001 + 1000*i})
		tc.wantData("two for one", 10001+2000*i, 2000, 1000)
		tc.wantIdle("and no more")
	}
	tc.wantWindows("doubled in a round trip", 20000, math.MaxInt, "open")
}

// The ACK that ends a recovery counts for growth, as in Linux; Reno's window is one of whole segments.
func TestRenoAfterRecovery(t *testing.T) { synctest.Test(t, testRenoAfterRecovery) }

func testRenoAfterRecovery(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(60000)
	tc.drain()
	tc.inject(seg{seq: 1, ack: 1001})
	tc.drain()
	tc.inject(seg{seq: 1, ack: 1001, sack: [][2]int{{2001, 12001}}})
	tc.wantWindows("half of eleven segments", 5000, 5000, "recovery")
	tc.drain()
	tc.inject(seg{seq: 1, ack: 12001})
	tc.wantWindows("the segment sent again has arrived", 5000, 5000, "open")
	for at := 13001; at <= 15001; at += 1000 {
		tc.inject(seg{seq: 1, ack: at})
	}
	tc.wantWindows("and three more", 5000, 5000, "open")
	tc.inject(seg{seq: 1, ack: 16001})
	tc.wantWindows("five in all", 6000, 5000, "open")
}

func TestCongestionAvoidance(t *testing.T) { synctest.Test(t, testCongestionAvoidance) }

func testCongestionAvoidance(t *testing.T) {
	// "During congestion avoidance, cwnd is incremented by roughly 1 full-sized segment
	// per round-trip time" https://www.rfc-editor.org/rfc/rfc5681#section-3.1
	tc := newTestConn(t, setup{})
	tc.write(60000)
	tc.wantData("first flight", 1, 10000, 1000)
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 10001}}})
	tc.drain()
	tc.inject(seg{seq: 1, ack: 10001})
	tc.wantWindows("after a recovery", 5000, 5000, "open")
	una := 10001
	for want := 6000; want <= 9000; want += 1000 {
		tc.drain()
		for flight := tc.conn.Info().Unacked; flight > 0; flight -= 1000 {
			una += 1000
			tc.inject(seg{seq: 1, ack: una})
		}
		tc.wantWindows("a round trip later", want, 5000, "open")
	}
}

func TestNoGrowthWithoutNeed(t *testing.T) { synctest.Test(t, testNoGrowthWithoutNeed) }

func testNoGrowthWithoutNeed(t *testing.T) {
	// cwnd does not grow while the application or the peer's window is what limits:
	// https://www.rfc-editor.org/rfc/rfc7661#section-4.1
	tc := newTestConn(t, setup{})
	for at := 1; at < 100001; at += 5000 {
		tc.write(5000)
		tc.wantData("half of cwnd", at, 5000, 1000)
		tc.inject(seg{seq: 1, ack: at + 5000})
	}
	tc.wantWindows("limited by the application", 10000, math.MaxInt, "open")

	tc = newTestConn(t, setup{wnd: 5000})
	tc.write(50000)
	for at := 1; at < 50001; at += 5000 {
		tc.wantData("the peer's window", at, 5000, 1000)
		tc.inject(seg{seq: 1, ack: at + 5000})
	}
	tc.wantWindows("limited by the peer", 10000, math.MaxInt, "open")
}

// CUBIC, the default: a loss takes 30 %.
func TestCubicDefault(t *testing.T) { synctest.Test(t, testCubicDefault) }

func testCubicDefault(t *testing.T) {
	// beta_cubic is 0.7: https://www.rfc-editor.org/rfc/rfc9438#section-4.6
	l, err := New(&fakeNet{t: t, mtu: testMTU}, Config{})
	must(t, err)
	if l.cfg.Congestion != CUBIC {
		t.Errorf("the default is %q", l.cfg.Congestion)
	}
	tc := newTestConn(t, setup{cfg: Config{Congestion: CUBIC}})
	tc.write(10000)
	tc.wantData("first flight", 1, 10000, 1000)
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 10001}}})
	tc.wantWindows("after a loss", 7000, 7000, "recovery")
	if got := tc.conn.Info().Congestion; got != CUBIC {
		t.Errorf("congestion control is %q", got)
	}
}

// A peer whose window is a byte for a while makes BBR's model of the path one of some bytes in a
// second. Once the window is open, that is soon over.
func TestPaceAfterSmallWindow(t *testing.T) { synctest.Test(t, testPaceAfterSmallWindow) }

func testPaceAfterSmallWindow(t *testing.T) {
	tc := newTestConn(t, setup{delay: 20 * time.Millisecond, cfg: Config{Congestion: BBR}})
	tc.inject(seg{seq: 1, ack: 1, wnd: 1})
	tc.write(60000)
	for i := range 60 {
		time.Sleep(time.Second)
		tc.drain()
		tc.inject(seg{seq: 1, ack: i + 2, wnd: 1})
	}
	if rate := tc.conn.Info().PacingRate; rate > 100 {
		t.Fatalf("the rate is %d bytes/s yet", rate)
	}
	opened := time.Now()
	for got := 61; got < 60001; time.Sleep(20 * time.Millisecond) {
		tc.inject(seg{seq: 1, ack: got})
		for s, ok := tc.net.next(); ok; s, ok = tc.net.next() {
			got = max(got, s.Seq.Sub(tc.irs)+len(s.data))
		}
		if time.Since(opened) > 5*time.Second {
			t.Fatalf("%d bytes in 5 s", got)
		}
	}
}
