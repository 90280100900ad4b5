package tcp

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// What each side of the handshake says of ECN, by the configuration (RFC 3168 6.1.1). newTestConn
// checks the flags of our SYN or SYN-ACK; what is left is what came of it.
func TestECNNegotiation(t *testing.T) {
	for name, tt := range map[string]struct {
		passive bool
		ecn     ECN
		peer    bool
		want    bool
	}{
		"asked by the peer":         {true, ECNPassive, true, true},
		"asked by the peer, on":     {true, ECNOn, true, true},
		"asked by the peer, off":    {true, ECNOff, true, false},
		"not asked":                 {true, ECNPassive, false, false},
		"not asked, on":             {true, ECNOn, false, false},
		"we ask":                    {false, ECNOn, true, true},
		"we ask in vain":            {false, ECNOn, false, false},
		"agreed to what we did not": {false, ECNPassive, true, false},
		"agreed to it, off":         {false, ECNOff, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc := newTestConn(t, setup{passive: tt.passive, ecn: tt.peer, cfg: Config{ECN: tt.ecn}})
				if got := tc.conn.Info().ECN; got != tt.want {
					t.Fatalf("ECN is agreed on: %v, want %v", got, tt.want)
				}
				n := uint64(btoi(tt.want))
				tc.wantCount("EcnAgreed", func(s Stats) uint64 { return s.EcnAgreed }, n)
				tc.write(100)
				tc.want("data says so", seg{seq: 1, ack: 1, n: 100, ecn: uint8(ect0 * n)})
				tc.inject(seg{seq: 1, ack: 101, n: 2000, ecn: ecnCE})
				flags := ACK
				if tt.want {
					flags |= ECE
				}
				tc.want("the ACK of a marked packet", seg{flags: flags, seq: 101, ack: 2001})
			})
		})
	}
}

// "A host that receives no reply to an ECN-setup SYN within the normal SYN retransmission timeout
// interval MAY resend the SYN and any subsequent SYN retransmissions with CWR and ECE cleared."
// https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1.1
func TestECNFallback(t *testing.T) {
	for name, agrees := range map[string]bool{"to a peer without": false, "to a peer with": true} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testECNFallback(t, agrees) }) })
	}
}

func testECNFallback(t *testing.T, agrees bool) {
	tc := newTestLayer(t, setup{cfg: Config{ECN: ECNOn}, ecn: agrees})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	time.Sleep(initialRTO)
	tc.want("again, without", seg{flags: SYN})
	time.Sleep(2 * initialRTO)
	tc.want("and again", seg{flags: SYN})
	tc.wantCount("EcnFallbacks", func(s Stats) uint64 { return s.EcnFallbacks }, 1)
	tc.injectSYNACK()
	tc.want("ACK", seg{seq: 1, ack: 1})
	c, err := d.wait(t)
	must(t, err)
	tc.conn = c
	// "A host MUST NOT set ECT on data packets unless it [...] has sent no non-ECN-setup SYN"
	tc.write(100)
	tc.want("data", seg{seq: 1, ack: 1, n: 100})
	// "the commitment to respond appropriately to incoming packets with the CE codepoint set remains even
	// if the TCP sender in a later transmission [...] sends a SYN packet without ECE and CWR set"
	tc.inject(seg{seq: 1, ack: 101, n: 2000, ecn: ecnCE})
	flags := ACK
	if agrees {
		flags |= ECE
	}
	tc.want("ACK", seg{flags: flags, seq: 101, ack: 2001})
}

// A client that asks again without ECN gets an answer without it, and data too.
func TestECNFallbackOfPeer(t *testing.T) { synctest.Test(t, testECNFallbackOfPeer) }

func testECNFallbackOfPeer(t *testing.T) {
	tc := newTestLayer(t, setup{passive: true, ecn: true})
	tc.listen(hostPort)
	tc.injectSYN()
	tc.wantSYNACK("with ECE")
	tc.setup.ecn = false
	tc.injectSYN()
	tc.wantSYNACK("without")
	tc.inject(seg{seq: 1, ack: 1})
	tc.accept()
	tc.write(100)
	tc.want("data", seg{seq: 1, ack: 1, n: 100})
}

// Where a SYN is marked, something on the path writes over the field. A SYN-ACK with both flags
// reflects ours (RFC 3168 6.1.1).
func TestECNIsNotBelieved(t *testing.T) { synctest.Test(t, testECNIsNotBelieved) }

func testECNIsNotBelieved(t *testing.T) {
	tc := newTestLayer(t, setup{})
	tc.listen(hostPort)
	for port, ecn := range []uint8{1, ect0, ecnCE} {
		tc.remote = netip.AddrPortFrom(peerAddr, uint16(1000+port))
		tc.inject(seg{flags: SYN | ECE | CWR, ecn: ecn, opts: tc.synOptions()})
		tc.wantSYNACK("to a SYN that is marked")
	}
	for _, flags := range []Flags{SYN | ECE, SYN | CWR} {
		tc.remote = netip.AddrPortFrom(peerAddr, uint16(2000+uint16(flags)))
		tc.inject(seg{flags: flags, opts: tc.synOptions()})
		tc.wantSYNACK("to a SYN with one of the flags")
	}
	tc = newTestLayer(t, setup{cfg: Config{ECN: ECNOn}})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	tc.inject(seg{flags: SYN | ACK | ECE | CWR, ack: 1, opts: tc.synOptions()})
	tc.want("ACK", seg{seq: 1, ack: 1})
	c, err := d.wait(t)
	must(t, err)
	if c.Info().ECN {
		t.Error("the SYN-ACK that reflects our flags counts as agreed")
	}
}

// A simultaneous open: both ask, and both agree.
func TestECNSimultaneousOpen(t *testing.T) { synctest.Test(t, testECNSimultaneousOpen) }

func testECNSimultaneousOpen(t *testing.T) {
	tc := newTestLayer(t, setup{cfg: Config{ECN: ECNOn}, ecn: true})
	d := tc.dial(context.Background())
	tc.wantSYN("SYN")
	tc.injectSYN()
	tc.want("SYN-ACK", seg{flags: SYN | ACK | ECE, ack: 1})
	tc.injectSYNACK()
	c, err := d.wait(t)
	must(t, err)
	if !c.Info().ECN {
		t.Error("ECN is not agreed on")
	}
}

// "that TCP receiver continues to set the ECN-Echo flag in all the ACK packets it sends [...] until it
// receives a CWR packet"
// https://www.rfc-editor.org/rfc/rfc3168#section-6.1.3
func TestECNEchoesUntilCWR(t *testing.T) { synctest.Test(t, testECNEchoesUntilCWR) }

func testECNEchoesUntilCWR(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true})
	tc.inject(seg{seq: 1, ack: 1, n: 1000, ecn: ect0}, seg{seq: 1001, ack: 1, n: 1000, ecn: ect0})
	tc.want("nothing met congestion", seg{seq: 1, ack: 2001})
	tc.inject(seg{seq: 2001, ack: 1, n: 1000, ecn: ecnCE})
	tc.want("a packet did: at once, for the peer's cwnd may be one segment", seg{flags: ACK | ECE, seq: 1, ack: 3001})
	tc.inject(seg{seq: 3001, ack: 1, n: 1000, ecn: ect0})
	tc.wantAfter("and still", 40*ms, seg{flags: ACK | ECE, seq: 1, ack: 4001})
	tc.write(10)
	tc.want("with data too", seg{flags: ACK | ECE, seq: 1, ack: 4001, n: 10, ecn: ect0})
	tc.inject(seg{flags: ACK | CWR, seq: 4001, ack: 11, n: 1000, ecn: ect0})
	tc.want("until the peer says that it reduced", seg{seq: 11, ack: 5001})
	tc.inject(seg{flags: ACK | CWR, seq: 5001, ack: 11, n: 1000, ecn: ecnCE})
	tc.want("CWR on a packet that was marked itself", seg{flags: ACK | ECE, seq: 11, ack: 6001})
	tc.inject(seg{flags: ACK | CWR, seq: 6001, ack: 11, n: 1000, ecn: ect0})
	tc.want("CWR", seg{seq: 11, ack: 7001})
	tc.wantCount("InCESegs", func(s Stats) uint64 { return s.InCESegs }, 2)
	if !tc.conn.Info().ECNSeen {
		t.Error("no packet with ECN was seen")
	}
}

// "the TCP data receiver SHOULD ignore the ECN field on arriving data packets that are outside of the
// receiver's current window" (https://www.rfc-editor.org/rfc/rfc3168#section-6.1.5), and a pure
// ACK has none (6.1.4).
func TestECNMarkIgnored(t *testing.T) { synctest.Test(t, testECNMarkIgnored) }

func testECNMarkIgnored(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true, noSACK: true, noDelAck: true, cfg: Config{ReceiveBuffer: 4096}})
	tc.inject(seg{seq: 1, ack: 1, n: 100, ecn: ect0})
	tc.want("ACK", seg{seq: 1, ack: 101})
	tc.inject(seg{seq: 1, ack: 1, n: 100, ecn: ecnCE})
	tc.want("old data", seg{seq: 1, ack: 101})
	tc.inject(seg{seq: 10000, ack: 1, n: 100, ecn: ecnCE})
	tc.want("data beyond the window", seg{seq: 1, ack: 101})
	tc.inject(seg{seq: 101, ack: 1, ecn: ecnCE})
	tc.inject(seg{seq: 101, ack: 1, n: 100, ecn: ect0})
	tc.want("data after a marked ACK", seg{seq: 1, ack: 201})
}

// Data beyond a gap may be marked as well.
func TestECNOutOfOrder(t *testing.T) { synctest.Test(t, testECNOutOfOrder) }

func testECNOutOfOrder(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true})
	tc.inject(seg{seq: 1001, ack: 1, n: 1000, ecn: ecnCE})
	tc.want("duplicate ACK", seg{flags: ACK | ECE, seq: 1, ack: 1, sack: [][2]int{{1001, 2001}}})
}

// "the TCP source halves the congestion window" and "sets the CWR flag in the TCP header of the first
// new data packet sent after the window reduction", once in a round trip
// https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
func TestECNReduction(t *testing.T) { synctest.Test(t, testECNReduction) }

func testECNReduction(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true})
	tc.write(60000)
	for i := range 10 {
		tc.want("first flight", seg{seq: 1 + 1000*i, ack: 1, n: 1000, ecn: ect0})
	}
	sent := 0
	for i := range 10 {
		tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 1001 + 1000*i})
		for s, ok := tc.net.next(); ok; s, ok = tc.net.next() {
			if s.Flags.Has(CWR) != (sent == 0) || s.ecn != ect0 {
				t.Errorf("segment %d: %v, ECN field %d", sent, tc.describe(&s), s.ecn)
			}
			sent++
		}
		if sent > (i+2)/2 {
			t.Errorf("%d segments went out for %d that arrived", sent, i+1)
		}
		if got := tc.conn.Info(); got.CAState != "cwr" || got.SndSsthresh != 5000 {
			t.Fatalf("state %s, ssthresh %d after an echo", got.CAState, got.SndSsthresh)
		}
	}
	if sent != 5 {
		t.Errorf("%d segments went out for 10 that arrived, want half", sent)
	}
	tc.wantCount("EcnReductions", func(s Stats) uint64 { return s.EcnReductions }, 1)
	tc.wantCount("InEchoes", func(s Stats) uint64 { return s.InEchoes }, 10)
	tc.inject(seg{seq: 1, ack: 11001})
	tc.wantWindows("what said CWR has arrived", 5000, 5000, "open")
	tc.want("in place of what arrived", seg{seq: 15001, ack: 1, n: 1000, ecn: ect0})
	for at := 12001; at <= 15001; at += 1000 {
		tc.inject(seg{flags: ACK | ECE, seq: 1, ack: at})
	}
	tc.want("another mark", seg{flags: ACK | CWR, seq: 16001, ack: 1, n: 1000, ecn: ect0})
	if got := tc.conn.Info().SndSsthresh; got != 2000 {
		t.Errorf("ssthresh %d after another mark, want two of five segments", got)
	}
}

// The window may go on being reduced by what ends the last reduction.
func TestECNReductionAtOnceAgain(t *testing.T) { synctest.Test(t, testECNReductionAtOnceAgain) }

func testECNReductionAtOnceAgain(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true})
	tc.write(10000)
	tc.drain()
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 10001})
	tc.write(1000)
	tc.want("CWR", seg{flags: ACK | CWR, seq: 10001, ack: 1, n: 1000, ecn: ect0})
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 11001}) // the ACK of CWR: this one was marked, too
	tc.wantCount("EcnReductions", func(s Stats) uint64 { return s.EcnReductions }, 2)
	tc.write(1000)
	tc.want("CWR", seg{flags: ACK | CWR, seq: 11001, ack: 1, n: 1000, ecn: ect0})
}

// A loss in the round trip after a mark is of the same congestion: "the TCP sender's congestion window
// should be reduced only once in response to a series of dropped and/or CE packets from a single window
// of data" (https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2).
func TestECNAndLoss(t *testing.T) { synctest.Test(t, testECNAndLoss) }

func testECNAndLoss(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true})
	tc.write(60000)
	tc.drain()
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 1001})
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 1001, sack: [][2]int{{2001, 8001}}})
	s := tc.take("the lost segment")
	if s.Seq.Sub(tc.irs) != 1001 || s.ecn != notECT || s.Flags.Has(CWR) {
		t.Errorf("sent again as %v, ECN field %d", tc.describe(&s), s.ecn)
	}
	tc.want("new data", seg{flags: ACK | CWR, seq: 10001, ack: 1, n: 1000, ecn: ect0})
	if got := tc.conn.Info(); got.CAState != "recovery" || got.SndSsthresh != 5000 {
		t.Errorf("state %s, ssthresh %d, want 5000", got.CAState, got.SndSsthresh)
	}
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 10001}) // in recovery an echo says nothing new
	tc.wantCount("EcnReductions", func(s Stats) uint64 { return s.EcnReductions }, 1)
}

// A loss that no mark came before, and a timeout, are told to the peer by CWR as well.
func TestCWRAfterLoss(t *testing.T) { synctest.Test(t, testCWRAfterLoss) }

func testCWRAfterLoss(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true})
	tc.write(30000)
	tc.drain()
	tc.inject(seg{seq: 1, ack: 1, sack: [][2]int{{1001, 10001}}})
	tc.want("the lost segment", seg{seq: 1, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 10001})
	tc.want("the first new data", seg{flags: ACK | CWR, seq: 10001, ack: 1, n: 1000, ecn: ect0})
	tc.drain()
	time.Sleep(2 * tc.rto()) // the timer was set anew by a tail loss probe
	tc.drain()
	next := tc.conn.Info().Unacked + 10001
	tc.inject(seg{seq: 1, ack: 11001})
	tc.want("the first new data, by F-RTO", seg{flags: ACK | CWR, seq: next, ack: 1, n: 1000, ecn: ect0})
}

// A loss during a reduction is found without SACK too.
func TestECNAndLossWithoutSACK(t *testing.T) { synctest.Test(t, testECNAndLossWithoutSACK) }

func testECNAndLossWithoutSACK(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true, noSACK: true})
	tc.write(60000)
	tc.drain()
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 1001})
	for range dupThresh {
		tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 1001})
	}
	found := false
	for s, ok := tc.net.next(); ok; s, ok = tc.net.next() {
		found = found || s.Seq.Sub(tc.irs) == 1001
	}
	if got := tc.conn.Info(); !found || got.CAState != "recovery" || got.SndSsthresh != 5000 {
		t.Errorf("sent again: %v, state %s, ssthresh %d", found, got.CAState, got.SndSsthresh)
	}
}

// "the TCP data sender MUST NOT set either an ECT codepoint or the CWR bit on window probe packets"
// https://www.rfc-editor.org/rfc/rfc3168#section-6.1.6
func TestECNWindowProbe(t *testing.T) { synctest.Test(t, testECNWindowProbe) }

func testECNWindowProbe(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true})
	tc.write(1000)
	tc.drain()
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 1001, wnd: -1})
	tc.write(1000)
	for range 2 {
		tc.wantAfter("probe", tc.rto(), seg{seq: 1001, ack: 1, n: 1})
	}
	tc.inject(seg{seq: 1, ack: 1002})
	tc.want("data", seg{flags: ACK | CWR, seq: 1002, ack: 1, n: 999, ecn: ect0})
}

// A super-segment has CWR for its first segment: the device, or internal/gso, leaves it out of the others.
func TestCWRInSuperSegment(t *testing.T) { synctest.Test(t, testCWRInSuperSegment) }

func testCWRInSuperSegment(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true, tso: true})
	tc.write(10000)
	tc.want("one super-segment", seg{seq: 1, ack: 1, n: 10000, size: 1000, ecn: ect0})
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 10001})
	tc.write(4000)
	tc.want("another", seg{flags: ACK | CWR, seq: 10001, ack: 1, n: 4000, size: 1000, ecn: ect0})
	tc.inject(seg{seq: 1, ack: 14001})
	tc.write(2000)
	tc.want("CWR is said once", seg{seq: 14001, ack: 1, n: 2000, size: 1000, ecn: ect0})
}

// ECE and CWR mean nothing where ECN was not agreed on, nor before we have sent anything that could be marked.
func TestECNFlagsAreIgnored(t *testing.T) { synctest.Test(t, testECNFlagsAreIgnored) }

func testECNFlagsAreIgnored(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, noDelAck: true})
	tc.write(20000)
	tc.drain()
	tc.inject(seg{flags: ACK | ECE | CWR, seq: 1, ack: 1001, n: 10, ecn: ecnCE})
	tc.want("grown", seg{seq: 10001, ack: 11, n: 1000}, seg{seq: 11001, ack: 11, n: 1000})
	tc = newTestConn(t, setup{passive: true, ecn: true, noDelAck: true})
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 1, n: 10, ecn: ect0})
	tc.want("ACK", seg{seq: 1, ack: 11})
	if got := tc.conn.Info(); got.CAState != "open" || got.SndCwnd != 10000 {
		t.Errorf("state %s, cwnd %d", got.CAState, got.SndCwnd)
	}
}

// What ECN makes of cwnd never raises it.
func TestECNEchoNeverRaisesCwnd(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Reno, CUBIC} {
		for _, lower := range []func(congestion){
			func(cc congestion) {},
			func(cc congestion) { cc.synLost() },
			func(cc congestion) { cc.timedOut(1, 1000, 0) },
		} {
			cc := newCongestion(name, ccMSS, 1)
			lower(cc)
			before := cc.window()
			cc.ecnEcho(1, 10*ccMSS)
			if got := cc.window(); got > before {
				t.Errorf("%s: an echo took cwnd from %d to %d", name, before, got)
			}
		}
	}
}

// "if a window probe arrives with the CE codepoint set, then the receiver SHOULD respond to the ECN indications"
// https://www.rfc-editor.org/rfc/rfc3168#section-6.1.6
func TestECNMarkedWindowProbe(t *testing.T) { synctest.Test(t, testECNMarkedWindowProbe) }

func testECNMarkedWindowProbe(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true, cfg: Config{ReceiveBuffer: 4096}})
	tc.inject(seg{seq: 1, ack: 1, n: 4096, ecn: ect0})
	tc.want("the window is full", seg{seq: 1, ack: 4097, wnd: -1})
	tc.inject(seg{seq: 4097, ack: 1, n: 1, ecn: ecnCE})
	tc.want("an answer", seg{flags: ACK | ECE, seq: 1, ack: 4097, wnd: -1})
}

// What the reduction for a mark leaves of cwnd lets a segment go, also after an ACK that brings no news.
func TestECNReductionOfSmallFlight(t *testing.T) { synctest.Test(t, testECNReductionOfSmallFlight) }

func testECNReductionOfSmallFlight(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true})
	tc.write(100)
	tc.want("a short answer", seg{seq: 1, ack: 1, n: 100, ecn: ect0})
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 101})
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 101, n: 50})
	tc.write(5000)
	tc.want("a long one, at once", seg{flags: ACK | CWR, seq: 101, ack: 51, n: 1000, ecn: ect0})
}

// "max(ssthresh, 1)" is cwnd after an echo, where it is "max(ssthresh, 2)" after a loss, and no echo is to leave it as it is
// before it is a segment (https://www.rfc-editor.org/rfc/rfc9438#section-4.6). ssthresh stays at two.
func TestECNReducesToOneSegment(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Reno, CUBIC} {
		cc := newCongestion(name, ccMSS, 1)
		for range 20 {
			before := cc.window()
			cc.ecnEcho(1, before)
			if got := cc.window(); got >= before && before > ccMSS || got < ccMSS {
				t.Errorf("%s: a mark took cwnd from %d to %d", name, before, got)
			}
		}
		if cc.window() != ccMSS || cc.threshold() != 2*ccMSS {
			t.Errorf("%s: after twenty marks cwnd is %d, ssthresh %d", name, cc.window(), cc.threshold())
		}
	}
}

// "the sending TCP MUST reset the retransmit timer on receiving the ECN-Echo packet when the congestion window is one. The
// sending TCP will then be able to send a new packet only when the retransmit timer expires."
// https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
func TestECNWaitsAtOneSegment(t *testing.T) { synctest.Test(t, testECNWaitsAtOneSegment) }

func testECNWaitsAtOneSegment(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true, cfg: Config{Congestion: Reno, KeepAlive: -1}})
	tc.write(22000)
	sent := 0
	for _, n := range []int{10, 5, 2, 1} { // half of it is left for each mark
		for i := range n {
			s := seg{flags: ACK, seq: 1 + sent, ack: 1, n: 1000, ecn: ect0}
			if i == 0 && sent > 0 {
				s.flags |= CWR
			}
			tc.want("a flight", s)
			sent += 1000
		}
		tc.wantIdle("all of it")
		tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 1 + sent})
	}
	tc.wantIdle("the last echo found cwnd at one segment")
	if i := tc.conn.Info(); i.SndCwnd != 1000 || i.Limited != LimitCwnd {
		t.Errorf("cwnd %d, limited by %v", i.SndCwnd, i.Limited)
	}
	tc.wantAfter("a segment after a timeout", tc.rto(), seg{flags: ACK | CWR, seq: 1 + sent, ack: 1, n: 1000, ecn: ect0})
	tc.inject(seg{seq: 1, ack: 1001 + sent})
	tc.wantData("the ACK of CWR", 1001+sent, 1000, 1000)
	tc.inject(seg{seq: 1, ack: 2001 + sent})
	tc.wantData("no mark: slow start", 2001+sent, 2000, 1000)
	tc.wantCount("RTOTimeouts", func(s Stats) uint64 { return s.RTOTimeouts }, 0)
}

// A tail loss probe that comes during that wait carries nothing new.
func TestECNWaitOfProbe(t *testing.T) { synctest.Test(t, testECNWaitOfProbe) }

func testECNWaitOfProbe(t *testing.T) {
	tc := newTimedConn(t, setup{passive: true, ecn: true, cfg: Config{Congestion: Reno}}, 3)
	tc.conn.mu.Lock()
	tc.conn.tcb.cc.synLost() // cwnd is one segment
	tc.conn.mu.Unlock()
	tc.write(5000)
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 1001})
	tc.wantIdle("two are in flight")
	tc.wantAfter("the last of them", 2*testRTT, again(2))
	tc.inject(sacks(3))
	tc.wantIdle("they arrived, and it is not time yet")
}

// A connection that has been silent for longer than it would wait for an ACK does not end by that wait.
func TestECNWaitWhileIdle(t *testing.T) { synctest.Test(t, testECNWaitWhileIdle) }

func testECNWaitWhileIdle(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true, cfg: Config{KeepAlive: -1}})
	tc.write(100)
	tc.want("data", seg{seq: 1, ack: 1, n: 100, ecn: ect0})
	tc.inject(seg{seq: 1, ack: 101})
	time.Sleep(time.Hour)
	tc.conn.mu.Lock()
	tc.conn.tcb.cc.synLost() // cwnd is one segment
	tc.conn.mu.Unlock()
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 101})
	tc.write(1500)
	tc.wantIdle("cwnd is one segment")
	tc.wantAfter("a timeout later", tc.rto(), seg{flags: ACK | CWR, seq: 101, ack: 1, n: 1000, ecn: ect0})
	tc.wantState(Established)
}

// "The sending TCP SHOULD NOT increase the congestion window in response to the receipt of an ECN-Echo ACK packet", nor
// reduce it "more than once every window of data" (https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2): until what says
// CWR has arrived, echoes are of what the recovery was for.
func TestECNEchoAtEndOfRecovery(t *testing.T) { synctest.Test(t, testECNEchoAtEndOfRecovery) }

func testECNEchoAtEndOfRecovery(t *testing.T) {
	for flags, want := range map[Flags]int{ACK: 6000, ACK | ECE: 5000} {
		tc := newTestConn(t, setup{passive: true, ecn: true, cfg: Config{Congestion: Reno}})
		tc.write(20000)
		tc.wantData("first flight", 1, 10000, 1000)
		tc.inject(sacks(0, [2]int{7, 10}))
		tc.want("what is lost", again(0))
		tc.drain()
		tc.inject(seg{flags: flags, seq: 1, ack: 10001})
		tc.wantWindows("recovered", want, 5000, "open")
		tc.inject(seg{flags: flags, seq: 1, ack: 10001, wnd: 60000}) // an update of the window
		tc.wantWindows("an old echo", want, 5000, "open")
		tc.wantCount("EcnReductions", func(s Stats) uint64 { return s.EcnReductions }, 0)
	}
}

// "until it receives a CWR packet (a packet with the CWR flag set)", with data or without
// https://www.rfc-editor.org/rfc/rfc3168#section-6.1.3
func TestECNCWRWithoutData(t *testing.T) { synctest.Test(t, testECNCWRWithoutData) }

func testECNCWRWithoutData(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true, noDelAck: true})
	tc.inject(seg{seq: 1, ack: 1, n: 1000, ecn: ecnCE})
	tc.want("an echo", seg{flags: ACK | ECE, seq: 1, ack: 1001})
	tc.inject(seg{flags: ACK | CWR, seq: 1001, ack: 1, ecn: ecnCE}) // a pure ACK is not marked (6.1.4)
	tc.wantIdle("no data, no ACK")
	tc.inject(seg{seq: 1001, ack: 1, n: 1000, ecn: ect0})
	tc.want("no echo", seg{flags: ACK, seq: 1, ack: 2001})
}

// An echo of a mark while nothing is in flight leaves a window to send with.
func TestECNEchoWhileIdle(t *testing.T) { synctest.Test(t, testECNEchoWhileIdle) }

func testECNEchoWhileIdle(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, ecn: true})
	tc.write(100)
	tc.want("data", seg{seq: 1, ack: 1, n: 100, ecn: ect0})
	tc.inject(seg{seq: 1, ack: 101})
	tc.inject(seg{flags: ACK | ECE, seq: 1, ack: 101, n: 50})
	tc.write(5000)
	tc.want("at once", seg{flags: ACK | CWR, seq: 101, ack: 51, n: 1000, ecn: ect0},
		seg{seq: 1101, ack: 51, n: 1000, ecn: ect0})
	tc.wantIdle("ssthresh is two segments")
}

// After a probe that repaired a loss an ECN peer is told of the reduction, as of any (RFC 3168 6.1.2).
func TestProbeRepairSaysCWR(t *testing.T) { synctest.Test(t, testProbeRepairSaysCWR) }

func testProbeRepairSaysCWR(t *testing.T) {
	tc := newTimedConn(t, setup{passive: true, ecn: true}, 10)
	tc.inject(sacks(8))
	tc.wantAfter("the last one again", 2*testRTT, again(9))
	tc.write(testMSS)
	tc.want("more", seg{seq: 1 + 10*testMSS, ack: 1, n: testMSS, ecn: ect0})
	tc.inject(sacks(11))
	tc.wantCount("LossProbeRecoveries", func(s Stats) uint64 { return s.LossProbeRecoveries }, 1)
	tc.write(testMSS)
	tc.want("cwnd is halved", seg{flags: ACK | CWR, seq: 1 + 11*testMSS, ack: 1, n: testMSS, ecn: ect0})
}
