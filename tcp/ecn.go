package tcp

import (
	"fmt"

	"github.com/tinystack/tinystack/internal/counter"
)

// ECN says whether connections use Explicit Congestion Notification (RFC 3168): routers mark
// packets in place of dropping them.
type ECN int

// The values have the meanings of Linux's tcp_ecn, whose numbers stand after them.
const (
	ECNPassive ECN = iota // where the peer asks for it: the default, as in Linux (2)
	ECNOn                 // always asked for (1)
	ECNOff                // never (0)
)

func checkECN(e ECN) error {
	if e < ECNPassive || e > ECNOff {
		return fmt.Errorf("tcp: Config.ECN %d: want ECNPassive, ECNOn or ECNOff", e)
	}
	return nil
}

// Codepoints of the IP header's ECN field (RFC 3168 5).
const (
	ecnMask = 3
	notECT  = 0
	ect0    = 2
	ecnCE   = 3
)

// ecnState is what a connection knows of ECN.
type ecnState uint8

const (
	ecnOK      ecnState = 1 << iota // both ends said so; before the peer's SYN: we are willing
	ecnPlain                        // a SYN without it went out
	ecnSeen                         // a packet that came in had it
	ecnDemand                       // ECE is said until CWR comes
	ecnReduced                      // CWR is to be said with new data, whatever cwnd was reduced for
	ecnHold                         // nothing new goes out until the retransmission timer expires
)

// has reports whether all of want are set.
func (e ecnState) has(want ecnState) bool { return e&want == want }

// capable reports whether routers may mark what we send.
func (e ecnState) capable() bool { return e&(ecnOK|ecnPlain) == ecnOK }

// offersECN reports whether a SYN asks for ECN, or a SYN-ACK agrees to it (RFC 3168 6.1.1): of
// a SYN-ACK, both flags may be but a reflection of ours.
func offersECN(f Flags) bool {
	f &= SYN | ACK | ECE | CWR
	return f == SYN|ECE|CWR || f == SYN|ACK|ECE
}

// setupECN has a SYN ask for ECN, and a SYN-ACK agree to it. A SYN sent again does not ask, for
// that may be why the first had no answer (RFC 3168 6.1.1.1).
func (c *tcb) setupECN(s *segment) {
	switch {
	case !c.ecn.has(ecnOK):
	case c.state == SynReceived:
		s.Flags |= ECE
	case c.fl.live()[0].resent:
		if !c.ecn.has(ecnPlain) {
			counter.Inc(&c.stats.EcnFallbacks)
		}
		c.ecn |= ecnPlain
	default:
		s.Flags |= ECE | CWR
	}
}

// markNew makes a segment of new data one that routers may mark, and has it say that cwnd
// was reduced, once (RFC 3168 6.1.2). What is sent again (6.1.5), window probes
// (6.1.6) and ACKs (6.1.4) don't have it; nor has a connection whose SYN went out without it.
func (c *tcb) markNew(s *segment) {
	if !c.ecn.capable() || s.again || s.dataLen() == 0 {
		return
	}
	s.ecn = ect0
	if c.ecn.has(ecnReduced) {
		s.Flags |= CWR
		c.ecn &^= ecnReduced
	}
}

// echoMark has a segment tell the peer of congestion (RFC 3168 6.1.3).
func (c *tcb) echoMark(s *segment) {
	if c.ecn.has(ecnOK|ecnDemand) && !s.Flags.Has(SYN) {
		s.Flags |= ECE
	}
}

// takeMark takes the mark on an acceptable segment with data (RFC 3168 6.1.3), a window probe's too
// (6.1.6), and CWR on any. The peer's cwnd may be a single segment, so it hears at once when what we say of
// congestion changes.
func (c *tcb) takeMark(s *segment) {
	if !c.ecn.has(ecnOK) {
		return
	}
	before := c.ecn
	if s.Flags.Has(CWR) {
		c.ecn &^= ecnDemand
	}
	if s.dataLen() == 0 {
		return
	}
	if s.ecn != notECT {
		c.ecn |= ecnSeen
	}
	if s.ecn == ecnCE {
		counter.Add(&c.stats.InCESegs, s.onWire())
		c.ecn |= ecnDemand
	}
	if s.Flags.Has(CWR) || !before.has(ecnDemand) && c.ecn.has(ecnDemand) {
		c.ackBatch, c.ackWhy = true, whyMark
	}
}

// isEcho reports whether an ACK says that the path has marked a packet of ours.
func (c *tcb) isEcho(s *segment) bool {
	if !s.Flags.Has(ECE) || s.Flags.Has(SYN) || !c.ecn.capable() || c.sndNxt <= 1 {
		return false
	}
	counter.Inc(&c.stats.InEchoes)
	return true
}

// obeyECN has cwnd shrink for a mark as for a loss, but no more than once in a round trip (RFC
// 3168 6.1.2): not before the peer has acknowledged what told it of the last reduction, for
// until then it says again what that was for.
func (c *tcb) obeyECN(now instant, n *news) {
	told := c.rep == nil || n.ack > c.rep.recover
	switch {
	case c.phase == cwr && told:
		c.phase = open
	case c.phase == cwr:
		c.reducePaced(n, 0)
	}
	if c.phase == open && n.ece && told {
		c.holdNew(now)
		c.enterCWR(now, n)
	}
}

// holdNew has new data wait for the retransmission timer where cwnd is a single segment, and can't be less: "the
// sending TCP MUST reset the retransmit timer on receiving the ECN-Echo packet when the congestion window is one.
// The sending TCP will then be able to send a new packet only when the retransmit timer expires" (RFC 3168 6.1.2).
func (c *tcb) holdNew(now instant) {
	if c.cc.window() <= c.mss(c.tsLen()) && !c.persisting {
		c.ecn |= ecnHold
		c.armRexmit(now, false)
	}
}

// releaseNew ends that wait, and reports whether it was all that the timer ran for.
func (c *tcb) releaseNew() bool {
	held := c.ecn.has(ecnHold)
	c.ecn &^= ecnHold
	return held && c.fl == nil
}

// enterCWR begins a reduction, which is spread over a round trip as in fast recovery.
func (c *tcb) enterCWR(now instant, n *news) {
	counter.Inc(&c.stats.EcnReductions)
	flight := c.inFlight() + n.bytes
	r := c.repairs()
	c.phase = cwr
	c.ecn |= ecnReduced
	r.recover = c.sndNxt
	r.undo = undo{} // of an earlier recovery: a mark is not taken back
	c.cc.ecnEcho(now, flight)
	r.prr = prr{flight: flight, cwnd: c.cc.window()}
	c.reducePaced(n, 0)
}
