package tcp

import (
	"testing"
	"testing/synctest"
	"time"
)

// wantRate checks the rate of delivery in bytes/s, and whether it is a lower bound.
func wantRate(t *testing.T, tc *testConn, name string, rate uint64, app bool) {
	t.Helper()
	synctest.Wait()
	if i := tc.conn.Info(); i.DeliveryRate != rate || i.RateAppLimited != app {
		t.Errorf("%s: %d bytes/s, limited by the application: %v; want %d, %v", name, i.DeliveryRate, i.RateAppLimited, rate, app)
	}
}

func TestDeliveryRate(t *testing.T) { synctest.Test(t, testDeliveryRate) }

func testDeliveryRate(t *testing.T) {
	// "RS.interval = max(RS.send_elapsed, RS.ack_elapsed)", "RS.delivered = C.delivered - RS.prior_delivered"
	// https://datatracker.ietf.org/doc/html/draft-ietf-ccwg-bbr-06#section-4.1.2.3
	tc := newTestConn(t, setup{scale: 7, wnd: 1 << 20, noSACK: true}) // no tail loss probe
	wantRate(t, tc, "nothing was sent", 0, false)
	tc.write(60_000)
	tc.wantData("the initial window", 1, 10_000, testMSS)
	time.Sleep(10 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 5001})
	wantRate(t, tc, "half in 10 ms, after silence", 500_000, true)
	time.Sleep(10 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 10_001})
	wantRate(t, tc, "all of it in 20 ms, a rate that is no higher", 500_000, true)

	// What was sent after the first ACK is timed from that on.
	time.Sleep(5 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 20_001})
	wantRate(t, tc, "15000 bytes since the first ACK, in 15 ms", 1_000_000, false)
	time.Sleep(20 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 21_001})
	wantRate(t, tc, "11000 bytes since the second, in 25 ms", 440_000, false)
}

func TestDeliveryRateBySACK(t *testing.T) { synctest.Test(t, testDeliveryRateBySACK) }

func testDeliveryRateBySACK(t *testing.T) {
	// What is sacked has been delivered, and counts once.
	tc := newTestConn(t, setup{})
	tc.write(10_000)
	time.Sleep(10 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 2001}}})
	wantRate(t, tc, "a segment", 100_000, true)
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 3001}}})
	wantRate(t, tc, "two segments", 200_000, true)
	tc.inject(seg{seq: 1, ack: 3001})
	wantRate(t, tc, "three segments", 300_000, true)
}

func TestDeliveryRateWithoutData(t *testing.T) { synctest.Test(t, testDeliveryRateWithoutData) }

func testDeliveryRateWithoutData(t *testing.T) {
	// "the estimator marks a bandwidth sample as application-limited if there was some moment during
	// the sampled time when congestion control would have allowed data packets to be sent, and yet
	// there was no data to send": https://datatracker.ietf.org/doc/html/draft-ietf-ccwg-bbr-06#section-4.1.1.3
	tc := newTestConn(t, setup{noSACK: true}) // no tail loss probe
	for at := 1; at < 50_000; at += 10_000 {  // all that cwnd allows, at once
		tc.write(10_000)
		time.Sleep(10 * time.Millisecond)
		tc.inject(seg{seq: 1, ack: at + 10_000})
		time.Sleep(10 * time.Millisecond)
	}
	wantRate(t, tc, "nothing to send in between", 1_000_000, true)

	tc.write(20_000)
	time.Sleep(20 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 60_001})
	time.Sleep(20 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 70_001})
	wantRate(t, tc, "more than cwnd takes", 500_000, false)

	tc.write(1000)
	time.Sleep(20 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 71_001})
	wantRate(t, tc, "then little to send: a lower bound does not count", 500_000, false)
}

func TestDeliveryRateOfResent(t *testing.T) { synctest.Test(t, testDeliveryRateOfResent) }

func testDeliveryRateOfResent(t *testing.T) {
	// "discarding samples whose RS.interval is lower than the minimum RTT seen on the connection":
	// https://datatracker.ietf.org/doc/html/draft-ietf-ccwg-bbr-06#section-4.1.3.5
	tc := newTestConn(t, setup{delay: 100 * time.Millisecond})
	tc.write(1000)
	time.Sleep(100 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 1001})
	wantRate(t, tc, "a segment in 100 ms", 10_000, true)
	tc.write(1000)
	time.Sleep(tc.rto() + time.Millisecond) // sent again 1 ms ago
	tc.inject(seg{seq: 1, ack: 2001})
	wantRate(t, tc, "the first transmission arrived, not the second", 10_000, true)
}

// What a peer takes back, and had all the while, has not arrived a second time when it is acknowledged.
func TestDeliveryRateAfterReneging(t *testing.T) { synctest.Test(t, testDeliveryRateAfterReneging) }

func testDeliveryRateAfterReneging(t *testing.T) {
	const rtt = 60 * time.Millisecond // the timeout comes after 260
	tc := newTestConn(t, setup{delay: rtt})
	for i := range 3 {
		tc.write(1000)
		tc.drain()
		time.Sleep(rtt)
		tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1, 1001 + 1000*i}}})
	}
	before := tc.conn.Info().DeliveryRate
	for tc.layer.Stats().SackReneges == 0 {
		time.Sleep(rtt)
	}
	tc.drain()
	time.Sleep(rtt)
	tc.inject(seg{seq: 1, ack: 3001})
	if got := tc.conn.Info(); got.DeliveryRate > before || got.CAState != "open" {
		t.Errorf("the rate is %d bytes/s, and was %d: %+v", got.DeliveryRate, before, got)
	}
	tc.conn.mu.Lock()
	defer tc.conn.mu.Unlock()
	if holds := tc.conn.tcb.pathHolds(); holds > 1000 {
		t.Errorf("the path holds %d bytes", holds)
	}
}

// What the path holds is no less for a while in which little arrives: the send buffer that follows it is
// then to hold more, not less.
func TestPathHoldsIsKept(t *testing.T) { synctest.Test(t, testPathHoldsIsKept) }

func testPathHoldsIsKept(t *testing.T) {
	tc := newTestConn(t, setup{noSACK: true})
	tc.write(20_000)
	time.Sleep(10 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 10_001})
	if got := tc.conn.tcb.pathHolds(); got > 1 {
		t.Fatalf("%d bytes in a round trip of the handshake's microsecond", got)
	}
	c := &tc.conn.tcb
	c.rtt.minimum = 10 * time.Millisecond
	time.Sleep(20 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 20_001})
	if got := c.pathHolds(); got != 5000 {
		t.Errorf("10000 bytes in 20 ms, of which a round trip takes half: the path holds %d", got)
	}
	tc.write(1000)
	time.Sleep(200 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 21_001})
	if got := c.pathHolds(); got != 5000 {
		t.Errorf("then little: the path holds %d", got)
	}
}
