package tcp

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestQuantum(t *testing.T) {
	t.Parallel()
	// "C.send_quantum = C.pacing_rate * 1ms", at most 64 KBytes, at least two segments, in whole ones
	// https://datatracker.ietf.org/doc/html/draft-ietf-ccwg-bbr-06#section-5.6.3
	for rate, want := range map[float64]int{0: 2000, 1e6: 2000, 10.9e6: 10_000, 64e6: 64_000, 1e12: 65_000} {
		if got := quantum(rate, ccMSS); got != want {
			t.Errorf("at %.0f bytes/s a quantum is %d bytes, want %d", rate, got, want)
		}
	}
}

func TestBBRIsPaced(t *testing.T) { synctest.Test(t, testBBRIsPaced) }

func testBBRIsPaced(t *testing.T) {
	// 2.77 initial windows in a round trip of 100 ms: two segments every 7.22 ms, until cwnd is full.
	tc := newTestConn(t, setup{delay: 100 * time.Millisecond, cfg: Config{Congestion: BBR}})
	tc.write(20_000)
	tc.wantData("the first quantum", 1, 2000, testMSS)
	tc.wantIdle("the next has to wait")
	if i := tc.conn.Info(); i.Limited != LimitPacing || i.PacingRate != 277_000 {
		t.Errorf("limited by %v, paced at %d", i.Limited, i.PacingRate)
	}
	for at := 2001; at < 10_000; at += 2000 {
		time.Sleep(7 * time.Millisecond)
		tc.wantIdle("before its time")
		time.Sleep(221 * time.Microsecond)
		tc.wantData("the next quantum", at, 2000, testMSS)
		tc.wantIdle("one at a time")
	}
	time.Sleep(50 * time.Millisecond)
	tc.wantIdle("cwnd is full")
	i := tc.conn.Info()
	if i.Limited != LimitCwnd || i.PacingLimited < 28*time.Millisecond || i.PacingLimited > 30*time.Millisecond {
		t.Errorf("limited by %v, by pacing for %v", i.Limited, i.PacingLimited)
	}
}

func TestPacedSuperSegments(t *testing.T) { synctest.Test(t, testPacedSuperSegments) }

func testPacedSuperSegments(t *testing.T) {
	// A quantum is one super-segment, so that a timer is enough for each.
	tc := newTestConn(t, setup{tso: true, delay: 100 * time.Millisecond, cfg: Config{Congestion: BBR}})
	tc.write(20_000)
	tc.want("the first quantum", seg{seq: 1, ack: 1, n: 2000, size: 1000})
	tc.wantIdle("the next has to wait")
	time.Sleep(8 * time.Millisecond)
	tc.want("the next quantum", seg{seq: 2001, ack: 1, n: 2000, size: 1000})
}
