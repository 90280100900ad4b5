package tcp

import (
	"io"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/packet"
)

func TestClosedAnswersWithReset(t *testing.T) { synctest.Test(t, testClosedAnswersWithReset) }

func testClosedAnswersWithReset(t *testing.T) {
	// "If the ACK bit is off, sequence number zero is used: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
	// If the ACK bit is on: <SEQ=SEG.ACK><CTL=RST>"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.1
	tc := newTestLayer(t, setup{})
	tc.inject(seg{flags: SYN, seq: 0})
	tc.want("to a SYN", seg{flags: RST | ACK, ack: 1})
	tc.inject(seg{flags: FIN, seq: 7, n: 10})
	tc.want("to data and FIN", seg{flags: RST | ACK, ack: 18})
	tc.inject(seg{raw: true, seq: 7})
	tc.want("to no flag at all", seg{flags: RST | ACK, ack: 7})
	tc.inject(seg{seq: 7, ack: 1234, n: 10})
	tc.want("to an ACK", seg{flags: RST, seq: 1234})
	tc.inject(seg{flags: SYN | ACK, seq: 7, ack: 99})
	tc.want("to a SYN-ACK", seg{flags: RST, seq: 99})
	// "An incoming segment containing a RST is discarded."
	tc.inject(seg{flags: RST}, seg{flags: RST | ACK, ack: 5}, seg{flags: RST | SYN | FIN})
	tc.wantIdle("to a RST")
	s := tc.layer.Stats()
	if s.OutRsts != 5 || s.InNoPort != 8 || s.InSegs != 8 || s.OutSegs != 5 {
		t.Errorf("counted %+v", s)
	}
}

func TestListenRules(t *testing.T) { synctest.Test(t, testListenRules) }

func testListenRules(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.2
	tc := newTestLayer(t, setup{})
	tc.listen(hostPort)
	// "First, check for a RST: An incoming RST segment could not be valid ... should be ignored."
	tc.inject(seg{flags: RST}, seg{flags: RST | ACK, ack: 1}, seg{flags: RST | SYN})
	tc.wantIdle("a RST")
	// "Any acknowledgment is bad if it arrives on a connection still in the LISTEN state."
	tc.inject(seg{ack: 77, n: 3})
	tc.want("an ACK", seg{flags: RST, seq: 77})
	tc.inject(seg{flags: SYN | ACK, ack: 78})
	tc.want("a SYN-ACK", seg{flags: RST, seq: 78})
	// "Any other control or data-bearing segment (not containing SYN) ... drop the segment"
	tc.inject(seg{raw: true, n: 3}, seg{flags: FIN}, seg{flags: URG | PSH, n: 1})
	tc.wantIdle("neither SYN nor ACK nor RST")
	tc.inject(seg{flags: SYN | FIN})
	tc.wantIdle("SYN and FIN make no sense together")
	tc.wantListed(Closed)
	tc.wantCount("InBadState", func(s Stats) uint64 { return s.InBadState }, 7)
	tc.wantCount("OutRsts", func(s Stats) uint64 { return s.OutRsts }, 2)
}

// established, and then in each synchronized state: what a RST does.
func TestResetInEachState(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state     State
		read      error // what Read then gives
		write     error
		estResets uint64
	}{
		{Established, syscall.ECONNRESET, syscall.ECONNRESET, 1},
		{FinWait1, syscall.ECONNRESET, syscall.ECONNRESET, 0},
		{FinWait2, syscall.ECONNRESET, syscall.ECONNRESET, 0},
		{CloseWait, io.EOF, syscall.EPIPE, 1}, // as Linux
		{Closing, io.EOF, syscall.EPIPE, 0},
		{LastAck, io.EOF, syscall.EPIPE, 0},
	} {
		t.Run(test.state.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// "2) If the RST bit is set and the sequence number exactly matches the next
				// expected sequence number (RCV.NXT), then TCP endpoints MUST reset the connection"
				// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
				tc := newTestConn(t, setup{})
				next := tc.enter(test.state)
				tc.inject(seg{flags: RST, seq: next})
				tc.wantIdle("a RST is not answered")
				tc.wantState(Closed)
				tc.wantListed(Closed)
				tc.wantReadError(test.read)
				tc.wantReadError(test.read)
				_, err := tc.conn.Write([]byte("x"))
				wantErr(t, "Write", err, test.write)
				tc.wantCount("EstabResets", func(s Stats) uint64 { return s.EstabResets }, test.estResets)
				tc.wantCount("CurrEstab", func(s Stats) uint64 { return s.CurrEstab }, 0)
			})
		})
	}
}

// enter brings an established connection to a state, half-closing as needed, and
// returns the position that is next in the peer's stream.
func (tc *testConn) enter(s State) (next int) {
	tc.t.Helper()
	fin := seg{flags: FIN | ACK, seq: 1, ack: 1}
	switch s {
	case Established:
		return 1
	case FinWait1, FinWait2, Closing:
		must(tc.t, tc.conn.CloseWrite())
		tc.want("FIN", fin)
		if s == FinWait2 {
			tc.inject(seg{seq: 1, ack: 2})
		}
	}
	next = 1
	if s == Closing || s == CloseWait || s == LastAck {
		tc.inject(fin)
		next = 2
		switch s {
		case Closing:
			tc.want("ACK of the FIN", seg{seq: 2, ack: 2})
		default:
			tc.wantAfter("ACK of the FIN", 40*time.Millisecond, seg{seq: 1, ack: 2})
		}
		if s == LastAck {
			must(tc.t, tc.conn.CloseWrite())
			tc.want("our FIN", seg{flags: FIN | ACK, seq: 1, ack: 2})
		}
	}
	tc.wantState(s)
	return next
}

func TestResetOutOfSequence(t *testing.T) { synctest.Test(t, testResetOutOfSequence) }

func testResetOutOfSequence(t *testing.T) {
	tc := newTestConn(t, setup{})
	// "1) If the RST bit is set and the sequence number is outside the current
	// receive window, silently drop the segment."
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	for _, seq := range []int{0, -1, -1000, 65537 + 1<<20, 1 << 30} {
		tc.inject(seg{flags: RST, seq: seq}, seg{flags: RST | ACK, seq: seq, ack: 1})
	}
	tc.wantIdle("outside of the window")
	tc.wantState(Established)

	// "3) If the RST bit is set and the sequence number does not exactly match the
	// next expected sequence value, yet is within the current receive window, TCP
	// endpoints MUST send an acknowledgment (challenge ACK)"
	tc.inject(seg{flags: RST, seq: 2})
	tc.want("a challenge ACK", seg{seq: 1, ack: 1})
	tc.wantState(Established)
	tc.wantCount("ChallengeAcks", func(s Stats) uint64 { return s.ChallengeAcks }, 1)
}

// A RST that begins before the window and reaches into it by its data has guessed wrong.
func TestResetWithDataIsNoBetterGuess(t *testing.T) {
	synctest.Test(t, testResetWithDataIsNoBetterGuess)
}

func testResetWithDataIsNoBetterGuess(t *testing.T) {
	tc := newTestConn(t, setup{peerISN: 5000})
	tc.inject(seg{flags: RST, seq: -500, n: 1000})
	tc.want("a challenge ACK", seg{seq: 1, ack: 1, sack: nil})
	tc.wantState(Established)
}

func TestSynInEachState(t *testing.T) {
	t.Parallel()
	for _, state := range []State{Established, FinWait1, FinWait2, CloseWait, Closing, LastAck} {
		t.Run(state.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// "in these synchronized states, if the SYN bit is set, irrespective of the
				// sequence number, TCP endpoints MUST send a "challenge ACK" to the remote peer"
				// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
				tc := newTestConn(t, setup{})
				next := tc.enter(state)
				our := 1
				if state != Established && state != CloseWait {
					our = 2
				}
				for _, seq := range []int{next, next + 100, 0, -1 << 20, 1 << 29} {
					for _, flags := range []Flags{SYN, SYN | ACK} {
						tc.inject(seg{flags: flags, seq: seq, ack: 1})
						tc.want("a challenge ACK", seg{seq: our, ack: next})
						time.Sleep(500 * time.Millisecond)
						if state != Established && state != CloseWait && state != FinWait2 {
							tc.drain() // our FIN, again
						}
					}
				}
				tc.wantState(state)
			})
		})
	}
}

// drain forgets what was sent.
func (tc *testConn) drain() {
	for {
		if _, ok := tc.net.next(); !ok {
			return
		}
	}
}

func TestChallengeAcksAreLimited(t *testing.T) { synctest.Test(t, testChallengeAcksAreLimited) }

func testChallengeAcksAreLimited(t *testing.T) {
	// Challenge ACKs are to be throttled:
	// https://www.rfc-editor.org/rfc/rfc5961#section-7
	tc := newTestConn(t, setup{})
	for range 100 {
		tc.inject(seg{flags: SYN, seq: 1}, seg{flags: RST, seq: 2}, seg{seq: 1, ack: 1000}, seg{seq: -1, ack: 1})
	}
	tc.want("one", seg{seq: 1, ack: 1})
	tc.wantIdle("and no more")
	time.Sleep(500*time.Millisecond - 1)
	tc.inject(seg{flags: SYN, seq: 1})
	tc.wantIdle("too soon")
	time.Sleep(time.Nanosecond)
	tc.inject(seg{flags: SYN, seq: 1})
	tc.want("another", seg{seq: 1, ack: 1})
	s := tc.layer.Stats()
	if s.ChallengeAcks != 2 || s.AcksLimited != 400 {
		t.Errorf("ChallengeAcks is %d, AcksLimited %d", s.ChallengeAcks, s.AcksLimited)
	}
}

// The answer to data is not limited: without it the peer would wait for its timer.
func TestDuplicateDataIsAlwaysAnswered(t *testing.T) {
	synctest.Test(t, testDuplicateDataIsAlwaysAnswered)
}

func testDuplicateDataIsAlwaysAnswered(t *testing.T) {
	tc := newTestConn(t, setup{noSACK: true, noDelAck: true})
	tc.inject(seg{seq: 1, ack: 1, n: 10})
	tc.want("ACK", seg{seq: 1, ack: 11})
	for range 5 {
		tc.inject(seg{seq: 1, ack: 1, n: 10})
		tc.want("ACK of a duplicate", seg{seq: 1, ack: 11})
	}
	tc.wantCount("InDuplicate", func(s Stats) uint64 { return s.InDuplicate }, 5)
}

// The peer's FIN is data in this respect: our ACK of it may be lost more than once.
func TestDuplicateFinIsAlwaysAnswered(t *testing.T) {
	synctest.Test(t, testDuplicateFinIsAlwaysAnswered)
}

func testDuplicateFinIsAlwaysAnswered(t *testing.T) {
	tc := newTestConn(t, setup{})
	for range 5 {
		tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 1})
		time.Sleep(40 * time.Millisecond)
		s := tc.take("ACK of the FIN")
		if got := s.Ack.Sub(tc.iss); got != 2 {
			t.Errorf("acknowledged up to %d", got)
		}
	}
}

func TestAckOfUnsent(t *testing.T) { synctest.Test(t, testAckOfUnsent) }

func testAckOfUnsent(t *testing.T) {
	// "If the ACK acks something not yet sent (SEG.ACK > SND.NXT), then send an ACK,
	// drop the segment, and return."
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	tc := newTestConn(t, setup{})
	tc.write(10)
	tc.want("data", seg{seq: 1, ack: 1, n: 10})
	tc.inject(seg{seq: 1, ack: 12, n: 10})
	tc.want("an ACK", seg{seq: 11, ack: 1})
	if info := tc.conn.Info(); info.Unacked != 10 || info.RecvQueue != 0 {
		t.Errorf("the segment was not dropped: %+v", info)
	}
	tc.wantCount("InBadAck", func(s Stats) uint64 { return s.InBadAck }, 1)
}

func TestAckTooOld(t *testing.T) { synctest.Test(t, testAckTooOld) }

func testAckTooOld(t *testing.T) {
	// "the ACK value is acceptable only if it is in the range of ((SND.UNA -
	// MAX.SND.WND) =< SEG.ACK =< SND.NXT)"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	tc := newTestConn(t, setup{wnd: 5000, noDelAck: true})
	tc.write(10000)
	tc.wantData("a window", 1, 5000, 1000)
	tc.inject(seg{seq: 1, ack: 5001})
	tc.wantData("another", 5001, 5000, 1000)
	tc.inject(seg{seq: 1, ack: 10001})
	tc.inject(seg{seq: 1, ack: 5000, n: 10})
	tc.want("too old", seg{seq: 10001, ack: 1})
	tc.inject(seg{seq: 1, ack: 5001, n: 10})
	tc.want("old, but its data is good", seg{seq: 10001, ack: 11})
	tc.read(10)
}

func TestNoAckFlag(t *testing.T) { synctest.Test(t, testNoAckFlag) }

func testNoAckFlag(t *testing.T) {
	// "if the ACK bit is off, drop the segment and return"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
	tc := newTestConn(t, setup{})
	tc.inject(seg{raw: true, seq: 1, n: 10}, seg{flags: FIN, seq: 1}, seg{flags: PSH | URG, seq: 1, n: 1})
	tc.wantIdle("dropped")
	tc.wantState(Established)
	tc.wantCount("InBadState", func(s Stats) uint64 { return s.InBadState }, 3)
}

func TestBroadcastChecksumAndTruncated(t *testing.T) {
	synctest.Test(t, testBroadcastChecksumAndTruncated)
}

func testBroadcastChecksumAndTruncated(t *testing.T) {
	tc := newTestConn(t, setup{})
	// "A TCP implementation MUST silently discard an incoming SYN segment that is
	// addressed to a broadcast or multicast address" (MUST-57)
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.3
	tc.in.Broadcast = true
	tc.inject(seg{flags: SYN})
	tc.in.Broadcast = false
	b := tc.encode(&seg{seq: 1, ack: 1, n: 10})
	b[len(b)-1] ^= 1
	tc.receive(b, packet.Offload{})
	tc.receive(tc.encode(&seg{seq: 1, ack: 1})[:19], packet.Offload{})
	b = tc.encode(&seg{seq: 1, ack: 1})
	b[12] = 0x40
	tc.receive(tc.sum(b), packet.Offload{})
	tc.receive(nil, packet.Offload{})
	tc.wantIdle("all dropped")
	s := tc.layer.Stats()
	if s.InBroadcast != 1 || s.InCsumErrors != 1 || s.InTruncated != 3 || s.InErrs != 4 {
		t.Errorf("counted %+v", s)
	}
}

// The RST in answer to a segment from an address without a route back goes nowhere.
func TestResetWithoutRoute(t *testing.T) { synctest.Test(t, testResetWithoutRoute) }

func testResetWithoutRoute(t *testing.T) {
	tc := newTestLayer(t, setup{})
	tc.net.set(func(n *fakeNet) { n.noRoute = syscall.ENETUNREACH })
	tc.inject(seg{flags: SYN})
	tc.wantIdle("no route")
	tc.listen(netip.AddrPortFrom(netip.Addr{}, 80))
	tc.inject(seg{flags: SYN})
	tc.wantIdle("no route")
	s := tc.layer.Stats()
	if s.OutErrors != 1 || s.SynDropped != 1 {
		t.Errorf("counted %+v", s)
	}
}
