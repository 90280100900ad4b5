package tcp

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/packet"
)

func TestActiveOpen(t *testing.T) { synctest.Test(t, testActiveOpen) }

func testActiveOpen(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.5, figure 6
	tc := newTestLayer(t, setup{})
	d := tc.dial(context.Background())
	offer := tc.wantSYN("SYN")
	if offer.MSS != testMSS || !offer.SACKPermitted || !offer.HasTimestamps || offer.TSEcr != 0 ||
		!offer.HasWindowScale || offer.WindowScale != 7 {
		t.Errorf("the SYN offers %+v", offer)
	}
	d.wantWaiting(t)
	tc.injectSYNACK()
	tc.want("ACK of the SYN-ACK", seg{seq: 1, ack: 1})
	c, err := d.wait(t)
	must(t, err)
	tc.conn = c
	tc.wantState(Established)
	tc.wantIdle("open")
	s := tc.layer.Stats()
	if s.ActiveOpens != 1 || s.CurrEstab != 1 || s.PassiveOpens != 0 || s.AttemptFails != 0 {
		t.Errorf("counted %+v", s)
	}
}

func TestPassiveOpen(t *testing.T) { synctest.Test(t, testPassiveOpen) }

func testPassiveOpen(t *testing.T) {
	tc := newTestLayer(t, setup{ts: true, scale: 7})
	tc.listen(hostPort)
	tc.injectSYN()
	agreed := tc.wantSYNACK("SYN-ACK")
	if agreed.MSS != testMSS || !agreed.SACKPermitted || !agreed.HasTimestamps || agreed.TSEcr != tc.setup.peerTS ||
		!agreed.HasWindowScale || agreed.WindowScale != 7 {
		t.Errorf("the SYN-ACK agrees to %+v", agreed)
	}
	tc.wantListed(SynReceived)
	tc.inject(seg{seq: 1, ack: 1})
	tc.accept()
	tc.wantState(Established)
	tc.wantIdle("open")
	s := tc.layer.Stats()
	if s.PassiveOpens != 1 || s.CurrEstab != 1 || s.ActiveOpens != 0 || s.AttemptFails != 0 {
		t.Errorf("counted %+v", s)
	}
}

// No option is in a SYN-ACK that was not in the SYN.
func TestSynAckAgreesToNoMoreThanOffered(t *testing.T) {
	synctest.Test(t, testSynAckAgreesToNoMoreThanOffered)
}

func testSynAckAgreesToNoMoreThanOffered(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc7323#section-2.2
	tc := newTestLayer(t, setup{noSACK: true})
	tc.listen(hostPort)
	tc.injectSYN()
	if agreed := tc.wantSYNACK("SYN-ACK"); agreed != (Options{MSS: testMSS}) {
		t.Errorf("the SYN-ACK agrees to %+v", agreed)
	}
}

func TestHandshakeAckCarriesData(t *testing.T) { synctest.Test(t, testHandshakeAckCarriesData) }

func testHandshakeAckCarriesData(t *testing.T) {
	tc := newTestLayer(t, setup{noDelAck: true})
	tc.listen(hostPort)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.inject(seg{flags: ACK | FIN, seq: 1, ack: 1, n: 100})
	tc.want("ACK of data and FIN", seg{seq: 1, ack: 102})
	tc.accept()
	tc.read(100)
	tc.wantState(CloseWait)
}

// The handshake's ACK is lost, and data comes out of order.
func TestHandshakeEndsByLaterSegment(t *testing.T) { synctest.Test(t, testHandshakeEndsByLaterSegment) }

func testHandshakeEndsByLaterSegment(t *testing.T) {
	tc := newTestLayer(t, setup{noDelAck: true})
	tc.listen(hostPort)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.inject(seg{seq: 101, ack: 1, n: 100})
	tc.want("what came is out of order", seg{seq: 1, ack: 1, sack: [][2]int{{101, 201}}})
	tc.accept()
	tc.inject(seg{seq: 1, ack: 1, n: 100})
	tc.want("the gap is filled", seg{seq: 1, ack: 201})
	tc.read(200)
}

func TestSynIsSentAgain(t *testing.T) { synctest.Test(t, testSynIsSentAgain) }

func testSynIsSentAgain(t *testing.T) {
	// "(2.1) Until a round-trip time (RTT) measurement has been made for a segment
	// sent between the sender and receiver, the sender SHOULD set RTO <- 1 second"
	// https://www.rfc-editor.org/rfc/rfc6298#section-2
	tc := newTestLayer(t, setup{})
	d := tc.dial(context.Background())
	offer := tc.wantSYN("SYN")
	offer.TSVal += 1000
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 64} {
		tc.wantAfter("SYN again", wait*time.Second, seg{flags: SYN, opts: &offer})
		offer.TSVal += uint32(2 * wait * 1000)
	}
	// 127 s have passed. "R2 for a SYN segment MUST be set large enough to provide
	// retransmission of the segment for at least 3 minutes" (MUST-23)
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
	time.Sleep(53*time.Second - 1)
	d.wantWaiting(t)
	time.Sleep(time.Nanosecond)
	_, err := d.wait(t)
	wantErr(t, "Dial", err, syscall.ETIMEDOUT)
	if e := err.(net.Error); !e.Timeout() {
		t.Error("the error is no timeout")
	}
	tc.wantIdle("given up")
	s := tc.layer.Stats()
	if s.AttemptFails != 1 || s.TimedOut != 1 || s.RetransSegs != 7 || s.OutSegs != 1 {
		t.Errorf("counted %+v", s)
	}
	tc.wantListed(Closed)
}

func TestLostSynStartsSlowly(t *testing.T) { synctest.Test(t, testLostSynStartsSlowly) }

func testLostSynStartsSlowly(t *testing.T) {
	// "If the timer expires awaiting the ACK of a SYN segment and the TCP
	// implementation is using an RTO less than 3 seconds, the RTO MUST be
	// re-initialized to 3 seconds when data transmission begins"
	// https://www.rfc-editor.org/rfc/rfc6298#section-5
	tc := newTestLayer(t, setup{})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	time.Sleep(time.Second)
	tc.wantSYN("SYN again")
	tc.injectSYNACK()
	tc.want("ACK", seg{seq: 1, ack: 1})
	c, err := d.wait(t)
	must(t, err)
	tc.conn = c
	// "If the SYN or SYN/ACK is lost, the initial window used by a sender after a
	// correctly transmitted SYN MUST be one segment"
	// https://www.rfc-editor.org/rfc/rfc5681#section-3.1
	tc.write(3000)
	tc.want("one segment", seg{seq: 1, ack: 1, n: 1000})
	tc.wantAfter("RTO of 3 s", 3*time.Second, seg{seq: 1, ack: 1, n: 1000})
}

// With timestamps a SYN sent twice gives a round-trip time all the same.
func TestLostSynWithTimestamps(t *testing.T) { synctest.Test(t, testLostSynWithTimestamps) }

func testLostSynWithTimestamps(t *testing.T) {
	tc := newTestLayer(t, setup{ts: true})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	time.Sleep(time.Second)
	tc.wantSYN("SYN again")
	time.Sleep(30 * time.Millisecond)
	tc.injectSYNACK()
	tc.want("ACK", seg{seq: 1, ack: 1})
	c, err := d.wait(t)
	must(t, err)
	if rtt := c.Info().RTT; rtt != 30*time.Millisecond {
		t.Errorf("RTT is %v", rtt)
	}
}

func TestRefused(t *testing.T) { synctest.Test(t, testRefused) }

func testRefused(t *testing.T) {
	// "If the ACK was acceptable, then signal to the user "error: connection reset""
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.3
	tc := newTestLayer(t, setup{})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")

	// An acknowledgement of what was not sent, and a RST without ACK, prove nothing.
	tc.inject(seg{flags: RST | ACK, ack: 2}, seg{flags: RST | ACK, ack: 0}, seg{flags: RST})
	d.wantWaiting(t)
	tc.wantIdle("a RST is not answered")
	tc.wantCount("InBadAck", func(s Stats) uint64 { return s.InBadAck }, 2)
	tc.wantCount("InBadState", func(s Stats) uint64 { return s.InBadState }, 1)

	tc.inject(seg{flags: RST | ACK, ack: 1})
	_, err := d.wait(t)
	wantErr(t, "Dial", err, syscall.ECONNREFUSED)
	op, ok := err.(*net.OpError)
	if !ok || op.Op != "dial" || op.Net != "tcp" || op.Addr.String() != peerPort.String() {
		t.Errorf("the error is %#v", err)
	}
	tc.wantListed(Closed)
	tc.wantCount("AttemptFails", func(s Stats) uint64 { return s.AttemptFails }, 1)
}

func TestSynSentBadAck(t *testing.T) { synctest.Test(t, testSynSentBadAck) }

func testSynSentBadAck(t *testing.T) {
	// "If SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset" <SEQ=SEG.ACK><CTL=RST>
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.3
	tc := newTestLayer(t, setup{})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	for _, ack := range []int{0, 2, -100, 1 << 30} {
		for _, flags := range []Flags{SYN | ACK, ACK} {
			tc.inject(seg{flags: flags, ack: ack})
			tc.want("RST for a bad ACK", seg{flags: RST, seq: ack})
		}
	}
	tc.inject(seg{ack: 1}, seg{raw: true}, seg{flags: FIN, n: 10})
	tc.wantIdle("neither SYN nor RST: dropped")
	d.wantWaiting(t)
	tc.injectSYNACK()
	tc.want("the right SYN-ACK", seg{seq: 1, ack: 1})
	_, err := d.wait(t)
	must(t, err)
}

func TestSynAckCarriesData(t *testing.T) { synctest.Test(t, testSynAckCarriesData) }

func testSynAckCarriesData(t *testing.T) {
	// "If there are other controls or text in the segment, then continue processing"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.3
	tc := newTestLayer(t, setup{})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	tc.inject(seg{flags: SYN | ACK | FIN, ack: 1, n: 100, opts: tc.synOptions()})
	tc.want("ACK of it all", seg{seq: 1, ack: 102})
	c, err := d.wait(t)
	must(t, err)
	tc.conn = c
	tc.read(100)
	tc.wantState(CloseWait)
}

func TestSimultaneousOpen(t *testing.T) { synctest.Test(t, testSimultaneousOpen) }

func testSimultaneousOpen(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.5, figure 7, MUST-10
	tc := newTestLayer(t, setup{ts: true})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	tc.injectSYN()
	agreed := tc.wantSYNACK("our SYN again, with an ACK")
	if !agreed.SACKPermitted || agreed.HasWindowScale {
		t.Errorf("the SYN-ACK agrees to %+v", agreed)
	}
	d.wantWaiting(t)
	tc.inject(seg{flags: SYN | ACK, ack: 1, opts: tc.synOptions()})
	c, err := d.wait(t)
	must(t, err)
	tc.conn = c
	tc.wantState(Established)
	tc.wantIdle("the SYN-ACK was acknowledged before")
	tc.write(10)
	tc.want("data", seg{seq: 1, ack: 1, n: 10})
}

// The peer took our SYN before it sent its own again: its ACK alone ends it.
func TestSimultaneousOpenByAck(t *testing.T) { synctest.Test(t, testSimultaneousOpenByAck) }

func testSimultaneousOpenByAck(t *testing.T) {
	tc := newTestLayer(t, setup{})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.inject(seg{seq: 1, ack: 1, n: 5})
	c, err := d.wait(t)
	must(t, err)
	tc.conn = c
	tc.read(5)
}

func TestSimultaneousOpenWithLosses(t *testing.T) { synctest.Test(t, testSimultaneousOpenWithLosses) }

func testSimultaneousOpenWithLosses(t *testing.T) {
	tc := newTestLayer(t, setup{})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN, lost")
	time.Sleep(time.Second)
	tc.wantSYN("SYN again")
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK, lost")
	tc.injectSYN()
	tc.want("the SYN again: where we are", seg{seq: 1, ack: 1})
	time.Sleep(4 * time.Second)
	tc.wantSYNACK("SYN-ACK again")
	d.wantWaiting(t)

	// Now the peer's SYN-ACK, of which our ACK was lost, arrives twice.
	tc.inject(seg{flags: SYN | ACK, ack: 1, opts: tc.synOptions()})
	_, err := d.wait(t)
	must(t, err)
	tc.wantIdle("open")
	time.Sleep(time.Second)
	tc.inject(seg{flags: SYN | ACK, ack: 1, opts: tc.synOptions()})
	tc.want("an ACK, and nothing is reported as a duplicate", seg{seq: 1, ack: 1})
}

func TestSimultaneousOpenRefused(t *testing.T) { synctest.Test(t, testSimultaneousOpenRefused) }

func testSimultaneousOpenRefused(t *testing.T) {
	// "If this connection was initiated with an active OPEN ... signal the user "connection refused""
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	tc := newTestLayer(t, setup{})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.inject(seg{seq: 1, ack: 2})
	tc.want("a bad ACK", seg{flags: RST, seq: 2})
	tc.inject(seg{flags: RST, seq: 1})
	_, err := d.wait(t)
	wantErr(t, "Dial", err, syscall.ECONNREFUSED)
}

func TestDialCanceled(t *testing.T) { synctest.Test(t, testDialCanceled) }

func testDialCanceled(t *testing.T) {
	tc := newTestLayer(t, setup{})
	ctx, cancel := context.WithCancel(context.Background())
	d := tc.dial(ctx)
	tc.wantSYN("SYN")
	cancel()
	_, err := d.wait(t)
	wantErr(t, "Dial", err, context.Canceled)
	tc.wantListed(Closed)
	tc.wantCount("AttemptFails", func(s Stats) uint64 { return s.AttemptFails }, 1)

	// A SYN-ACK now meets no connection.
	tc.injectSYNACK()
	tc.tsOn = false
	tc.want("RST", seg{flags: RST, seq: 1})
	tc.wantIdle("no more SYN")

	_, err = tc.layer.Dial(ctx, netip.AddrPort{}, peerPort)
	wantErr(t, "Dial with a context that has ended", err, context.Canceled)

	// In SYN-RECEIVED, after a SYN that crossed ours.
	ctx, cancel = context.WithCancel(context.Background())
	d = tc.dial(ctx)
	tc.wantSYN("SYN")
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	cancel()
	_, err = d.wait(t)
	wantErr(t, "Dial", err, context.Canceled)
	tc.want("RST", seg{flags: RST | ACK, seq: 1, ack: 1})
	tc.wantCount("AttemptFails", func(s Stats) uint64 { return s.AttemptFails }, 2)
}

func TestDialDeadline(t *testing.T) { synctest.Test(t, testDialDeadline) }

func testDialDeadline(t *testing.T) {
	tc := newTestLayer(t, setup{})
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	d := tc.dial(ctx)
	time.Sleep(1500*time.Millisecond - 1)
	d.wantWaiting(t)
	time.Sleep(time.Nanosecond)
	_, err := d.wait(t)
	wantErr(t, "Dial", err, context.DeadlineExceeded)
	if !err.(net.Error).Timeout() {
		t.Error("the error is no timeout")
	}
}

func TestDialWithoutRoute(t *testing.T) { synctest.Test(t, testDialWithoutRoute) }

func testDialWithoutRoute(t *testing.T) {
	tc := newTestLayer(t, setup{})
	tc.net.set(func(n *fakeNet) { n.noRoute = syscall.ENETUNREACH })
	_, err := tc.dial(context.Background()).wait(t)
	wantErr(t, "Dial", err, syscall.ENETUNREACH)
	tc.wantIdle("nowhere to go")
}

// An ICMP error ends an attempt to connect, if it quotes the SYN.
func TestDialUnreachable(t *testing.T) { synctest.Test(t, testDialUnreachable) }

func testDialUnreachable(t *testing.T) {
	tc := newTestLayer(t, setup{})
	for _, errno := range []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ECONNREFUSED} {
		d := tc.dial(context.Background())
		tc.wantSYN("SYN")
		tc.control(1, &packet.Control{Err: errno}) // not in flight
		d.wantWaiting(t)
		tc.control(0, &packet.Control{Err: errno})
		_, err := d.wait(t)
		wantErr(t, "Dial", err, errno)
	}
	tc.wantCount("IcmpIgnored", func(s Stats) uint64 { return s.IcmpIgnored }, 3)
	tc.wantCount("AttemptFails", func(s Stats) uint64 { return s.AttemptFails }, 3)
}

func TestSynAckIsSentAgain(t *testing.T) { synctest.Test(t, testSynAckIsSentAgain) }

func testSynAckIsSentAgain(t *testing.T) {
	tc := newTestLayer(t, setup{})
	tc.listen(hostPort)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	opts := &Options{MSS: testMSS, SACKPermitted: true}
	for _, wait := range []time.Duration{1, 2, 4, 8, 16} {
		tc.wantAfter("SYN-ACK again", wait*time.Second, seg{flags: SYN | ACK, ack: 1, opts: opts})
	}
	time.Sleep(32*time.Second - 1)
	tc.wantListed(SynReceived)
	time.Sleep(time.Nanosecond)
	tc.wantListed(Closed)
	tc.wantIdle("given up")
	tc.inject(seg{seq: 1, ack: 1})
	tc.want("too late", seg{flags: RST, seq: 1})
	s := tc.layer.Stats()
	if s.RetransSegs != 5 || s.AttemptFails != 1 || s.InNoPort != 1 {
		t.Errorf("counted %+v", s)
	}
}

func TestLostSynAckStartsSlowly(t *testing.T) { synctest.Test(t, testLostSynAckStartsSlowly) }

func testLostSynAckStartsSlowly(t *testing.T) {
	tc := newTestLayer(t, setup{})
	tc.listen(hostPort)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	time.Sleep(time.Second)
	tc.wantSYNACK("SYN-ACK again")
	tc.inject(seg{seq: 1, ack: 1})
	tc.accept()
	tc.write(3000)
	tc.want("one segment", seg{seq: 1, ack: 1, n: 1000})
	tc.wantIdle("cwnd is one segment")
}

func TestSynTwice(t *testing.T) { synctest.Test(t, testSynTwice) }

func testSynTwice(t *testing.T) {
	tc := newTestLayer(t, setup{})
	tc.listen(hostPort)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.injectSYN()
	tc.want("the same SYN-ACK", seg{flags: SYN | ACK, ack: 1})
	tc.wantCount("PassiveOpens", func(s Stats) uint64 { return s.PassiveOpens }, 1)
	for range 5 {
		tc.injectSYN()
		tc.take("and again")
	}
	tc.wantAfter("the timer is not put off by them", time.Second, seg{flags: SYN | ACK, ack: 1})
	tc.inject(seg{flags: SYN | ACK, ack: 1})
	tc.want("a SYN-ACK is no repeated SYN", seg{seq: 1, ack: 1})
}

// Config.NoSACK: SACK is neither offered nor agreed to, and what comes beyond a gap is not reported.
func TestNoSACK(t *testing.T) { synctest.Test(t, testNoSACK) }

func testNoSACK(t *testing.T) {
	for _, passive := range []bool{false, true} {
		tc := newTestLayer(t, setup{cfg: Config{NoSACK: true}})
		var syn Options
		if passive {
			tc.listen(hostPort)
			tc.injectSYN()
			syn = tc.wantSYNACK("SYN-ACK")
			tc.inject(seg{seq: 1, ack: 1})
			tc.accept()
		} else {
			d := tc.dial(context.Background())
			syn = tc.wantSYN("SYN")
			tc.injectSYNACK()
			tc.want("the handshake's last ACK", seg{seq: 1, ack: 1})
			tc.conn, _ = d.wait(t)
		}
		if syn.SACKPermitted || tc.conn.Info().SACK {
			t.Errorf("SACK is offered: %v; agreed on: %v", syn.SACKPermitted, tc.conn.Info().SACK)
		}
		tc.inject(seg{seq: 11, ack: 1, n: 10})
		tc.want("a duplicate ACK", seg{seq: 1, ack: 1})
		tc.write(5000)
		tc.drain()
		tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 5001}}})
		tc.wantIdle("blocks not agreed on tell nothing")
		tc.inject(seg{seq: 1, ack: 1}, seg{seq: 1, ack: 1})
		tc.want("the third duplicate ACK does", seg{seq: 1, ack: 1, n: 1000})
	}
}

// The half-open record obeys the rules of SYN-RECEIVED.
func TestHalfOpen(t *testing.T) { synctest.Test(t, testHalfOpen) }

func testHalfOpen(t *testing.T) {
	tc := newTestLayer(t, setup{ts: true, noDelAck: true})
	tc.listen(hostPort)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	stats := tc.layer.Stats

	// "If the segment acknowledgment is not acceptable, form a reset segment"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	for _, ack := range []int{0, 2, -1} {
		tc.inject(seg{seq: 1, ack: ack})
		tc.want("a bad ACK", seg{flags: RST, seq: ack})
	}
	if n := stats().InBadAck; n != 3 {
		t.Errorf("InBadAck is %d", n)
	}

	tc.inject(seg{seq: 1, raw: true})
	tc.wantIdle("no ACK: dropped")
	if n := stats().InBadState; n != 1 {
		t.Errorf("InBadState is %d", n)
	}

	tc.inject(seg{seq: 0, ack: 1, n: 1})
	tc.want("before the window", seg{seq: 1, ack: 1})
	tc.inject(seg{seq: 70000, ack: 1})
	tc.wantIdle("beyond the window, too soon after")
	time.Sleep(500 * time.Millisecond)
	tc.inject(seg{seq: 70000, ack: 1})
	tc.want("beyond the window", seg{seq: 1, ack: 1})
	time.Sleep(500 * time.Millisecond)
	tc.wantSYNACK("SYN-ACK again")

	tc.inject(seg{flags: SYN, seq: 10, opts: tc.synOptions()})
	tc.want("another SYN gets a challenge ACK", seg{seq: 1, ack: 1})
	time.Sleep(500 * time.Millisecond)
	tc.inject(seg{flags: RST, seq: 2})
	tc.want("a RST in the window gets a challenge ACK", seg{seq: 1, ack: 1})
	time.Sleep(500 * time.Millisecond) // an answer would not be one too many
	tc.inject(seg{flags: RST, seq: -5}, seg{flags: RST, seq: 0}, seg{flags: RST, seq: 70000})
	tc.wantIdle("a RST outside of it is dropped")
	if s := stats(); s.ChallengeAcks != 2 || s.InOutOfWindow != 6 {
		t.Errorf("counted %+v", s)
	}

	halfOpenEnds(tc)
}

// halfOpenEnds has the peer take its attempt back.
func halfOpenEnds(tc *testConn) {
	// Once agreed on, a timestamp is in every segment but a RST; one without proves nothing.
	// https://www.rfc-editor.org/rfc/rfc7323#section-3.2
	tc.inject(seg{seq: 1, ack: 1, noTS: true})
	tc.wantIdle("without its timestamp")
	tc.wantListed(SynReceived)

	tc.inject(seg{flags: RST, seq: 1, noTS: true})
	tc.wantIdle("the right RST")
	tc.wantListed(Closed)
	tc.wantCount("AttemptFails", func(s Stats) uint64 { return s.AttemptFails }, 1)
	// The listener is as it was.
	tc.tsOn = false
	tc.injectSYN()
	tc.wantSYNACK("a new attempt")
}

// A reset that carries an old timestamp, or none, is still a reset.
func TestHalfOpenResetIgnoresTimestamps(t *testing.T) {
	synctest.Test(t, testHalfOpenResetIgnoresTimestamps)
}

func testHalfOpenResetIgnoresTimestamps(t *testing.T) {
	// "<RST> segments MUST NOT be subjected to the PAWS check"
	// https://www.rfc-editor.org/rfc/rfc7323#section-5.2
	tc := newTestLayer(t, setup{ts: true})
	tc.listen(hostPort)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	old := tc.peerTS() - 1
	tc.inject(seg{flags: RST, seq: 1, ts: &old})
	tc.wantListed(Closed)
}

// control has the layer receive an ICMP error that quotes our segment at a position.
func (tc *testConn) control(pos int, c *packet.Control) {
	seq := tc.irs + Seq(pos)
	c.Local, c.Remote = tc.local.Addr(), tc.remote.Addr()
	local, remote := tc.local.Port(), tc.remote.Port()
	c.Quoted = []byte{
		byte(local >> 8), byte(local), byte(remote >> 8), byte(remote),
		byte(seq >> 24), byte(seq >> 16), byte(seq >> 8), byte(seq),
	}
	tc.layer.Control(c)
}
