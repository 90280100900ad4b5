package tcp

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetransmitBacksOff(t *testing.T) { synctest.Test(t, testRetransmitBacksOff) }

func testRetransmitBacksOff(t *testing.T) {
	// "(5.5) The host MUST set RTO <- RTO * 2 ("back off the timer")"
	// https://www.rfc-editor.org/rfc/rfc6298#section-5
	tc := newTestConn(t, setup{delay: 100 * time.Millisecond})
	// (2.2) srtt 100 ms and rttvar 50 ms make an RTO of 300 ms.
	if got := tc.rto(); got != 300*time.Millisecond {
		t.Fatalf("RTO is %v", got)
	}
	tc.write(10)
	data := seg{seq: 1, ack: 1, n: 10}
	tc.want("data", data)
	rto := 300 * time.Millisecond
	for range 8 {
		tc.wantAfter("again", rto, data)
		rto *= 2
	}
	if got := tc.conn.Info(); got.RTO != rto || got.Backoff != 8 || got.TotalRetrans != 8 || got.TotalTimeouts != 8 {
		t.Errorf("%+v", got)
	}
	// "(2.5) A maximum value MAY be placed on RTO provided it is at least 60 seconds"
	tc.wantAfter("again", rto, data)
	tc.wantAfter("no longer than two minutes", 2*time.Minute, data)
	tc.wantAfter("no longer than two minutes", 2*time.Minute, data)
}

func TestKarn(t *testing.T) { synctest.Test(t, testKarn) }

func testKarn(t *testing.T) {
	// "RTT samples MUST NOT be made using segments that were retransmitted"
	// https://www.rfc-editor.org/rfc/rfc6298#section-3
	tc := newTestConn(t, setup{delay: 100 * time.Millisecond})
	tc.write(10)
	tc.want("data", seg{seq: 1, ack: 1, n: 10})
	tc.wantAfter("again", 300*time.Millisecond, seg{seq: 1, ack: 1, n: 10})
	time.Sleep(time.Millisecond)
	tc.inject(seg{seq: 1, ack: 11})
	if got := tc.conn.Info(); got.RTT != 100*time.Millisecond || got.RTO != 600*time.Millisecond {
		t.Errorf("RTT %v, RTO %v: a sample was taken, or the back-off forgotten", got.RTT, got.RTO)
	}
	// The back-off holds until there is a sample.
	tc.write(10)
	tc.want("more", seg{seq: 11, ack: 1, n: 10})
	time.Sleep(100 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 21})
	if got := tc.conn.Info(); got.Backoff != 0 || got.RTO != 300*time.Millisecond {
		t.Errorf("RTO %v, backoff %d", got.RTO, got.Backoff)
	}
}

// Of data sent again the timestamp tells the time, in milliseconds: where its clock has
// not ticked, the path is not taken for one of no length.
func TestTimestampSampleIsATick(t *testing.T) { synctest.Test(t, testTimestampSampleIsATick) }

func testTimestampSampleIsATick(t *testing.T) {
	tc := newTestConn(t, setup{ts: true, delay: 100 * time.Millisecond})
	tc.write(10)
	data := seg{seq: 1, ack: 1, n: 10}
	tc.want("data", data)
	tc.wantAfter("again", 300*time.Millisecond, data)
	tc.inject(seg{seq: 1, ack: 11})
	if got := tc.conn.Info(); got.MinRTT != time.Millisecond || got.Backoff != 0 {
		t.Errorf("MinRTT is %v, backoff %d", got.MinRTT, got.Backoff)
	}
}

func TestMinRTO(t *testing.T) { synctest.Test(t, testMinRTO) }

func testMinRTO(t *testing.T) {
	for _, floor := range []time.Duration{0, time.Millisecond, time.Second} {
		tc := newTestConn(t, setup{cfg: Config{MinRTO: floor}})
		if floor == 0 {
			floor = 200 * time.Millisecond
		}
		tc.write(10)
		tc.want("data", seg{seq: 1, ack: 1, n: 10})
		tc.wantAfter("again", floor+time.Microsecond, seg{seq: 1, ack: 1, n: 10})
	}
}

func TestTimerRestarts(t *testing.T) { synctest.Test(t, testTimerRestarts) }

func testTimerRestarts(t *testing.T) {
	// "(5.3) When an ACK is received that acknowledges new data, restart the
	// retransmission timer so that it will expire after RTO seconds"
	// https://www.rfc-editor.org/rfc/rfc6298#section-5
	tc := newTestConn(t, setup{noSACK: true}) // no tail loss probe comes first
	tc.write(2000)
	tc.wantData("data", 1, 2000, 1000)
	time.Sleep(tc.rto() - time.Millisecond)
	tc.inject(seg{seq: 1, ack: 1001})
	tc.wantAfter("the rest again", tc.rto(), seg{seq: 1001, ack: 1, n: 1000})
	// "(5.2) When all outstanding data has been acknowledged, turn off the retransmission timer."
	tc.inject(seg{seq: 1, ack: 2001})
	time.Sleep(time.Hour)
	tc.wantIdle("nothing is in flight")
}

func TestGiveUp(t *testing.T) { synctest.Test(t, testGiveUp) }

func testGiveUp(t *testing.T) {
	// "R2 ... the value SHOULD correspond to at least 100 seconds" (SHLD-11)
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
	tc := newTestConn(t, setup{})
	read := tc.background(func() error { _, err := tc.conn.Read(make([]byte, 1)); return err })
	tc.write(10)
	time.Sleep(15*time.Minute - 1)
	tc.wantState(Established)
	time.Sleep(time.Nanosecond)
	wantErr(t, "Read", read(), syscall.ETIMEDOUT)
	_, err := tc.conn.Write([]byte("x"))
	wantErr(t, "Write", err, syscall.ETIMEDOUT)
	tc.wantListed(Closed)
	tc.wantCount("TimedOut", func(s Stats) uint64 { return s.TimedOut }, 1)
	tc.drain()
	time.Sleep(time.Hour)
	tc.wantIdle("gone")
}

// An orphan's FIN is not sent for ever either.
func TestGiveUpClosing(t *testing.T) { synctest.Test(t, testGiveUpClosing) }

func testGiveUpClosing(t *testing.T) {
	tc := newTestConn(t, setup{cfg: Config{GiveUp: 10 * time.Second}})
	must(t, tc.conn.Close())
	time.Sleep(10*time.Second - 1)
	tc.wantListed(FinWait1)
	time.Sleep(time.Nanosecond)
	tc.wantListed(Closed)
}

func TestUserTimeout(t *testing.T) { synctest.Test(t, testUserTimeout) }

func testUserTimeout(t *testing.T) {
	// Data that is not delivered within the timeout ends the connection:
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
	tc := newTestConn(t, setup{})
	must(t, tc.conn.SetUserTimeout(5*time.Second))
	tc.write(10)
	time.Sleep(4 * time.Second)
	tc.inject(seg{seq: 1, ack: 6}) // progress
	time.Sleep(5*time.Second - 1)
	tc.wantState(Established)
	time.Sleep(time.Nanosecond)
	tc.wantReadError(syscall.ETIMEDOUT)
	// "direct transition to the CLOSED state from either the ESTABLISHED state or the
	// CLOSE-WAIT state", whatever caused it
	// https://www.rfc-editor.org/rfc/rfc4022#section-3
	tc.wantCount("EstabResets", func(s Stats) uint64 { return s.EstabResets }, 1)
	time.Sleep(time.Hour)
	tc.wantListed(Closed)
}

// A timeout set while data is in flight holds for that data.
func TestUserTimeoutSetLate(t *testing.T) { synctest.Test(t, testUserTimeoutSetLate) }

func testUserTimeoutSetLate(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(10)
	time.Sleep(10 * time.Second) // the next retransmission is seconds away
	must(t, tc.conn.SetUserTimeout(11*time.Second))
	time.Sleep(time.Second - 1)
	tc.wantState(Established)
	time.Sleep(time.Nanosecond)
	tc.wantReadError(syscall.ETIMEDOUT)
}

// A long silence without data in flight is none of the user timeout's business.
func TestUserTimeoutIdle(t *testing.T) { synctest.Test(t, testUserTimeoutIdle) }

func testUserTimeoutIdle(t *testing.T) {
	tc := newTestConn(t, setup{})
	must(t, tc.conn.SetUserTimeout(5*time.Second))
	time.Sleep(time.Hour)
	tc.write(10)
	time.Sleep(4 * time.Second)
	tc.wantState(Established)
}

// Small writes are sent again as one full segment.
func TestRetransmissionJoins(t *testing.T) { synctest.Test(t, testRetransmissionJoins) }

func testRetransmissionJoins(t *testing.T) {
	tc := newTestConn(t, setup{noSACK: true}) // no tail loss probe comes first
	for at := 1; at < 1001; at += 100 {
		tc.write(100)
		tc.want("small", seg{seq: at, ack: 1, n: 100})
	}
	tc.write(500)
	tc.want("small", seg{seq: 1001, ack: 1, n: 500})
	tc.wantAfter("joined", tc.rto(), seg{seq: 1, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 1001})
	tc.want("the rest", seg{seq: 1001, ack: 1, n: 500})
}

// A timeout sends one segment; what follows comes by slow start.
func TestTimeoutWindows(t *testing.T) { synctest.Test(t, testTimeoutWindows) }

func testTimeoutWindows(t *testing.T) {
	// "ssthresh = max (FlightSize / 2, 2*SMSS)" (4) and "Furthermore, upon a timeout ...
	// cwnd MUST be set to no more than the loss window, LW, which equals 1 full-sized segment"
	// https://www.rfc-editor.org/rfc/rfc5681#section-3.1
	tc := newTestConn(t, setup{noSACK: true}) // no tail loss probe comes first
	tc.write(10000)
	tc.wantData("initial window", 1, 10000, 1000)
	tc.wantAfter("one segment", tc.rto(), seg{seq: 1, ack: 1, n: 1000})
	tc.wantIdle("and no more")
	tc.wantWindows("after the timeout", 1000, 5000, "loss")
	tc.wantAfter("one segment again", tc.rto(), seg{seq: 1, ack: 1, n: 1000})
	// "the value of ssthresh is held constant" when the same segment times out again.
	tc.wantWindows("after the second", 1000, 5000, "loss")

	tc.inject(seg{seq: 1, ack: 1001})
	tc.wantData("slow start", 1001, 2000, 1000)
	tc.wantIdle("two")
	tc.wantWindows("slow start", 2000, 5000, "loss")
	tc.inject(seg{seq: 1, ack: 3001})
	tc.wantData("slow start", 3001, 4000, 1000)
	tc.inject(seg{seq: 1, ack: 10001})
	tc.wantWindows("all that was in flight has arrived", 6000, 5000, "open")
}

// "Upon a retransmission timeout (RTO), BBR conservatively reduces C.cwnd to a value that will allow 1 C.SMSS to
// be transmitted": C.inflight + 1. What was sent within the last round trip is not lost yet, and in flight.
// https://datatracker.ietf.org/doc/html/draft-ietf-ccwg-bbr-06#section-5.6.4.4
func TestTimeoutLeavesRoomForRecent(t *testing.T) { synctest.Test(t, testTimeoutLeavesRoomForRecent) }

func testTimeoutLeavesRoomForRecent(t *testing.T) {
	for name, want := range map[string]int{BBR: 2 * testMSS, CUBIC: testMSS} {
		tc := newTimedConn(t, setup{cfg: Config{Congestion: name}}, 2)
		tc.write(2 * testMSS)
		tc.want("lost", again(2), again(3))
		tc.inject(sacks(2))
		tc.wantAfter("the probe, lost too", 2*testRTT, again(3))
		time.Sleep(tc.rto() - testRTT/2)
		tc.write(testMSS)
		tc.want("half a round trip before the timeout", again(4))
		tc.wantAfter("the first again", testRTT/2, again(2))
		if got := tc.conn.Info().SndCwnd; got != want {
			t.Errorf("%s: a timeout with a segment on its way leaves a window of %d, want %d", name, got, want)
		}
	}
}

// wantWindows checks cwnd, ssthresh and the state of loss recovery.
func (tc *testConn) wantWindows(name string, cwnd, ssthresh int, state string) {
	tc.t.Helper()
	info := tc.conn.Info()
	if info.SndCwnd != cwnd || info.SndSsthresh != ssthresh || info.CAState != state {
		tc.t.Fatalf("%s: cwnd is %d, ssthresh %d, state %q; want %d, %d, %q",
			name, info.SndCwnd, info.SndSsthresh, info.CAState, cwnd, ssthresh, state)
	}
}
