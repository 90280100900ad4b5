package tcp

import (
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
)

// maxBurst is the most data in bytes of a super-segment: an IP packet less the
// longest headers.
const maxBurst = packet.MaxSize - packet.MaxHead

// next fills in the next segment to send, and is the only sender. It returns
// false when nothing is to be sent now.
func (c *tcb) next(now instant, s *segment) bool {
	*s = segment{}
	if c.limits != nil {
		c.limits.until = 0
	}
	switch {
	case c.refuseNow:
		c.refuseNow = false
		s.Flags, s.Seq, s.why = RST, c.refuseAck, whyRefused
		return true
	case c.resetNow:
		c.resetNow = false
		s.Flags, s.Seq, s.Ack = RST|ACK, c.emptySeq(), c.irs+Seq(c.rcvNxt)
		s.why = whyAbort
		return true
	case c.state == Closed:
		return false
	}
	c.options(now, &s.Options)
	switch {
	case c.retransmit(now, s), c.sendTailProbe(now, s), c.sendNew(now, s):
		c.markNew(s)
	case c.sendProbe(now, s):
	case c.keepProbe:
		c.keepProbe = false
		s.Seq, s.why = c.iss+Seq(c.sndNxt-1), whyKeepAlive // RFC 9293 3.8.4
	case c.ackNow:
		s.Seq, s.why = c.emptySeq(), c.ackWhy
	default:
		c.armPersist(now)
		c.noteLimit(now)
		return false
	}
	c.finish(now, s)
	return true
}

// emptySeq is the sequence number of a segment without data: the next, or the edge of a window that has shut
// behind it, after a probe or because the peer took it back. The peer would not accept what is beyond
// (RFC 9293 3.10.7.4, First).
func (c *tcb) emptySeq() Seq {
	edge := c.sndUna + int64(c.sndWnd)
	switch over := c.sndNxt - edge; {
	case over <= 0, c.sndUna == 0: // there is no window before our SYN is acknowledged
	case c.sndWnd > 0 && over < 1<<c.sndScale: // the peer's edge, rounded down (RFC 7323 2.4), is where it was
	default:
		return c.iss + Seq(edge)
	}
	return c.iss + Seq(c.sndNxt)
}

// options fills in the options of an ordinary segment.
func (c *tcb) options(now instant, o *Options) {
	if c.tsOK {
		o.HasTimestamps = true
		o.TSVal, o.TSEcr = c.tsNow(now), c.tsRecent
	}
	if c.sackOK && (c.ooo != nil || c.dsack.end != 0) {
		c.sackOptions(o)
	}
}

// sackOptions reports what has arrived beyond a gap (RFC 2018 4), after what has
// arrived twice (RFC 2883 4), in as many blocks as the header and the path's MTU take.
func (c *tcb) sackOptions(o *Options) {
	room := min(maxHeaderLen-minHeaderLen, c.maxSegment) - o.Len()
	room = min((room-sackHeadLen)/sackBlockLen, maxSACK)
	if room < 1 {
		return
	}
	add := func(s span) {
		o.SACK[o.NumSACK] = Block{c.irs + Seq(s.start), c.irs + Seq(s.end)}
		o.NumSACK++
		room--
	}
	if c.dsack.end != 0 {
		add(c.dsack)
	}
	if c.ooo == nil {
		return
	}
	for _, s := range c.ooo.recent[:min(room, c.ooo.known)] {
		add(s)
	}
}

// finish fills in what every segment carries, which makes it an ACK too.
func (c *tcb) finish(now instant, s *segment) {
	c.counts.segsOut += uint32(s.onWire())
	s.Window = c.window(s.Flags.Has(SYN))
	if c.state == SynSent {
		s.Options.TSEcr = 0
		return
	}
	s.Flags |= ACK
	c.echoMark(s)
	s.Ack = c.irs + Seq(c.rcvNxt)
	c.lastAckSent = c.rcvNxt
	c.ackNow, c.ackBatch, c.ackDue = false, false, 0
	if c.dsack.end != 0 && s.Options.NumSACK > 0 {
		counter.Inc(&c.stats.DSACKSent)
		c.dsack = span{}
	}
	if s.Window == 0 {
		counter.Inc(&c.stats.ZeroWindowsSent)
	}
}

// window moves the right edge of the receive window, if by enough to be worth a
// segment (RFC 9293 3.8.6.2.2), and returns the header's field for it. The edge
// never goes back.
func (c *tcb) window(syn bool) uint16 {
	edge := c.rcvNxt + int64(c.receiveRoom())
	if edge-c.rcvEdge >= int64(min(int(c.rcvBuf/2), c.maxSegment)) {
		c.rcvEdge = edge
	}
	scale := c.rcvScale
	if syn {
		scale = 0 // RFC 7323 2.2
	}
	return uint16(min(max(0, c.rcvEdge-c.rcvNxt)>>scale, 65535))
}

// receiveRoom is the number of bytes the receive buffer has room for, as far as the
// header can tell of it.
func (c *tcb) receiveRoom() int {
	room := min(max(0, int(c.rcvBuf)-c.queue.n), 65535<<c.rcvScale)
	if c.pressure != memoryPlenty {
		room = min(room, scarceWindow*int(c.advMSS))
	}
	return room
}

// segmentAt fills in the segment for the positions from start to end.
func (c *tcb) segmentAt(now instant, s *segment, start, end int64) {
	c.lastSent = now
	s.Seq = c.iss + Seq(start)
	if start == 0 {
		s.Flags |= SYN
		c.synOptions(&s.Options)
		c.setupECN(s)
		return
	}
	if c.finAt != 0 && end > c.finAt {
		s.Flags |= FIN
		end--
	}
	n := int(end - start)
	if n == 0 {
		return
	}
	s.data = c.sndBuf.slices(start, n)
	if mss := c.mss(s.Options.Len()); n > mss {
		s.segSize = mss
	}
	if end == c.sndBuf.end() {
		s.Flags |= PSH // RFC 9293 3.9.1.2: no more is queued
	}
	c.counts.dataSegsOut += uint32(s.onWire())
}

// synOptions fills in what a SYN offers and a SYN-ACK agrees to.
func (c *tcb) synOptions(o *Options) {
	o.MSS = c.advMSS
	o.SACKPermitted = c.sackOK
	o.HasWindowScale, o.WindowScale = c.scaleOK, c.rcvScale
	o.NumSACK = 0
}

// retransmit sends the first of what is lost, as far as cwnd allows.
func (c *tcb) retransmit(now instant, s *segment) bool {
	if c.fl == nil || c.persisting || c.holdsBack() {
		return false
	}
	r := c.fl.firstLost()
	if r == nil {
		c.resendNow = false
		return false
	}
	mss := c.mss(s.Options.Len())
	n := min(int(r.end-r.start), c.burst(mss))
	room := c.cwnd() - c.pipe()
	switch {
	case c.resendNow: // the first one is sent at once (RFC 6675 5 step 4.3)
		n = min(n, mss)
	case room < min(n, mss):
		c.cwndFull = true
		return false
	case c.held(now):
		return false
	default:
		n = min(n, max(room/mss, 1)*mss)
	}
	start := r.start
	n = c.withFin(r, n)
	c.noteSent(c.fl.resend(now, r, n))
	c.resendNow = false
	c.segmentAt(now, s, start, start+int64(n))
	c.countAgain(s)
	s.why = c.lossWhy
	if c.rep != nil {
		c.rep.prr.out += n
		if c.phase > cwr {
			c.rep.undo.resent(now, n)
		}
	}
	c.armRexmit(now, false)
	return true
}

// withFin is n, or one more if the FIN follows the first n bytes of a run: it takes no room in a segment.
func (c *tcb) withFin(r *run, n int) int {
	if c.finAt != 0 && r.start+int64(n) == c.finAt && r.end > c.finAt {
		return n + 1
	}
	return n
}

// countAgain counts a retransmission.
func (c *tcb) countAgain(s *segment) {
	s.again = true
	c.counts.retrans += uint32(s.onWire())
	c.counts.bytesRetrans += uint64(s.dataLen())
}

// cwnd is the congestion window, one segment before there is one.
func (c *tcb) cwnd() int {
	switch {
	case c.cc == nil:
		return c.mss(0)
	case c.usesPRR():
		return c.rep.prr.cwnd
	}
	return c.cc.window()
}

// burst is the most data in bytes of one segment, in whole segments on the wire.
func (c *tcb) burst(mss int) int {
	if !c.tso {
		return mss
	}
	n := max(1, maxBurst/mss) * mss
	if rate := c.pacingRate(); rate > 0 {
		n = min(n, quantum(rate, mss))
	}
	return n
}

// sendNew sends what was not sent before.
func (c *tcb) sendNew(now instant, s *segment) bool {
	start := c.sndNxt
	switch c.state {
	case SynSent, SynReceived:
		if start > 0 {
			return false
		}
		c.sndNxt = 1
	case Established, CloseWait, FinWait1, Closing, LastAck:
		if c.ecn.has(ecnHold) {
			c.cwndFull = c.unsent() > 0
			return false
		}
		n := c.sendSize(now, c.mss(s.Options.Len()))
		fin := c.finUnsent() && n == c.unsent()
		if (n == 0 && !fin) || (n > 0 && c.held(now)) {
			return false
		}
		c.sndNxt += int64(n)
		if fin {
			c.sndNxt++
		}
	default:
		return false
	}
	c.probe = false // what goes out does its work
	c.sentNew(now, start)
	c.segmentAt(now, s, start, c.sndNxt)
	return true
}

// sentNew records the transmission of the positions from start to sndNxt.
func (c *tcb) sentNew(now instant, start int64) {
	if c.fl == nil {
		c.fl = newFlight()
		c.logLosses()
		if !c.persisting { // the wait for the window began before the probe
			c.lastAcked = now
		}
	}
	c.noteSent(c.fl.sent(now, start, c.sndNxt))
	if c.rexmitAt == 0 || c.persisting {
		c.armRexmit(now, false)
	}
	c.scheduleProbe(now)
	if c.rep != nil {
		c.rep.prr.out += int(c.sndNxt - start)
	}
}

// sendSize is how many bytes of new data to send now: what the windows allow, in
// whole segments but for the last, without a silly window (RFC 9293 3.8.6.2.1).
func (c *tcb) sendSize(now instant, mss int) int {
	unsent := c.unsent()
	if unsent == 0 {
		c.cwndFull = false
		return 0
	}
	if c.fl == nil && c.lastSent != 0 {
		c.cc.restart(now, now.sub(c.lastSent), c.limits != nil && c.limits.appLimited != 0)
	}
	n := min(unsent, int(c.sndUna-c.sndNxt)+c.sndWnd, c.burst(mss))
	room := c.cwnd() - c.pipe()
	c.cwndFull = room < n
	if c.cwndFull {
		n = room
	}
	switch {
	case n <= 0:
		return 0
	case n < unsent && n < mss: // a small piece of more: worth it only for half the peer's window
		if c.cwndFull || n < c.maxSndWnd/2 {
			return 0
		}
		return n
	case n < unsent:
		return n - n%mss
	case c.nagle && c.fl != nil && c.finAt == 0: // RFC 9293 3.7.4: the tail waits for an ACK
		return n - n%mss
	}
	return n
}

// armPersist starts the persist timer when the peer's window is what stops us,
// for its next update may be lost (RFC 9293 3.8.6.1).
func (c *tcb) armPersist(now instant) {
	if c.fl == nil && c.rexmitAt == 0 && c.unsent() > 0 && c.pacedUntil() == 0 && c.state.synchronized() {
		c.lastAcked = now
		c.armRexmit(now, true)
	}
}

// sendProbe sends a byte, or the FIN, beyond the peer's window; or what a window
// too small for a whole segment takes.
func (c *tcb) sendProbe(now instant, s *segment) bool {
	if !c.probe {
		return false
	}
	c.probe = false
	start, end := c.sndNxt, int64(0)
	if c.fl != nil { // the last probe was not accepted; the path's MTU may have shrunk since
		r := &c.fl.live()[0]
		start = r.start
		n := c.withFin(r, min(int(r.end-start), c.mss(s.Options.Len())))
		end = start + int64(n)
		c.noteSent(c.fl.resend(now, r, n))
	} else {
		usable := int(c.sndUna-c.sndNxt) + c.sndWnd
		end = start + int64(max(1, min(c.unsent(), usable, c.mss(s.Options.Len()))))
		c.sndNxt = end
		c.sentNew(now, start)
	}
	c.segmentAt(now, s, start, end)
	counter.Inc(&c.stats.ZeroWindowProbes)
	s.why = whyWindowProbe
	c.armRexmit(now, true)
	return true
}
