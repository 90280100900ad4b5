package tcp

import (
	"time"

	"github.com/tinystack/tinystack/internal/counter"
)

// badSegmentInterval is the least time between two ACKs in answer to segments
// that carry nothing new: RFC 5961 7 has ten in five seconds, for each connection
// here, so that one can't be used to count another's.
const badSegmentInterval = 500 * time.Millisecond

// pawsWindow is how many ticks of the peer's clock a segment may be older than the newest: RFC 7323 5.3
// has none, but a clock may tick between two segments that change places. As in Linux.
const pawsWindow = 1

// receive is RFC 9293 3.10.7: a segment has arrived.
func (c *tcb) receive(now instant, s *segment) {
	c.lastRecv = now
	c.probes = 0
	c.counts.segsIn += uint32(s.onWire())
	if s.dataLen() > 0 {
		c.counts.dataSegsIn += uint32(s.onWire())
	}
	switch c.state {
	case Closed: // between its being looked up and now
		s.drop(&c.stats.InBadState)
		return
	case SynSent:
		c.receiveSynSent(now, s)
		return
	}
	c.crossedSynAck(s)
	seq := c.rcvPos(s.Seq)
	switch { // each step may end the processing
	case !c.timestampOK(now, s, seq):
	case !c.sequenceOK(now, s, seq): // First
	case !c.resetOK(now, s): // Second
	case !c.synOK(now, s): // Fourth
	case !c.ackOK(now, s): // Fifth
	default:
		c.keepTimestamp(now, s)
		c.takeMark(s)
		c.text(now, s, c.trim(s, seq)) // Seventh and eighth. Sixth, URG: data is in line (RFC 6093)
	}
}

// crossedSynAck makes the SYN-ACK of a simultaneous open an ordinary ACK: its
// SYN, one before the window, was seen before, and its window is not scaled.
func (c *tcb) crossedSynAck(s *segment) {
	if c.state == SynReceived && s.Flags&(SYN|ACK|RST) == SYN|ACK && s.Seq == c.irs {
		s.Flags &^= SYN
		s.Seq++
		s.Window >>= c.sndScale
	}
}

// timestampOK is RFC 7323 5.3 R1 to R3, but for what Linux takes too: what is a tick behind, and an
// ACK that was overtaken. It comes before the sequence number is looked at.
func (c *tcb) timestampOK(now instant, s *segment, seq int64) bool {
	if !c.tsOK || s.Flags.Has(RST) {
		return true
	}
	if !s.Options.HasTimestamps {
		s.drop(&c.stats.InNoTimestamp)
		return false
	}
	behind := c.ticksBehind(now, s)
	if behind <= pawsWindow || c.overtaken(s, seq, behind) {
		return true
	}
	s.drop(&c.stats.InPAWS)
	c.noteDuplicate(seq, min(seq+s.seqLen(), c.rcvNxt))
	c.answerBad(now, s)
	return false
}

// ticksBehind is by how much the segment's timestamp is older than TS.Recent; 0: it is not, or that
// is too old to tell (RFC 7323 5.5).
func (c *tcb) ticksBehind(now instant, s *segment) int32 {
	n := int32(c.tsRecent - s.Options.TSVal)
	if n <= 0 || now.sub(c.tsRecentAt) >= 24*24*time.Hour {
		return 0
	}
	return n
}

// overtaken reports whether a segment is an ACK that says no more than what overtook it, but for its
// SACK blocks, and is no older than a retransmission timeout: as in Linux PAWS need not refuse it.
func (c *tcb) overtaken(s *segment, seq int64, behind int32) bool {
	return s.seqLen() == 0 && s.Flags.Has(ACK) && seq == c.rcvNxt && c.sndPos(s.Ack) == c.sndUna &&
		int(s.Window)<<c.sndScale == c.sndWnd && time.Duration(behind)*granularity <= c.rto()
}

// keepTimestamp is RFC 7323 4.3 (2): TS.Recent never goes back. It is for a segment found
// to be in the window. As in Linux its ACK has been checked too, for a forged timestamp
// would shut the peer out.
func (c *tcb) keepTimestamp(now instant, s *segment) {
	if c.tsOK && s.Options.HasTimestamps && c.rcvPos(s.Seq) <= c.lastAckSent && c.ticksBehind(now, s) == 0 {
		c.tsRecent, c.tsRecentAt = s.Options.TSVal, now
	}
}

// sequenceOK checks that some of the segment is in the window.
func (c *tcb) sequenceOK(now instant, s *segment, seq int64) bool {
	end := seq + s.seqLen()
	switch {
	case end <= c.rcvNxt && s.seqLen() > 0:
		s.drop(&c.stats.InDuplicate)
	case seq > c.rcvEdge, end < c.rcvNxt:
		s.drop(&c.stats.InOutOfWindow)
	default:
		return true
	}
	c.noteDuplicate(seq, end)
	c.answerBad(now, s)
	return false
}

// trim cuts off what is not in the window, and returns the position of what is
// left. The segment has no SYN.
func (c *tcb) trim(s *segment, seq int64) int64 {
	if seq < c.rcvNxt && s.dataLen() > 0 {
		c.noteDuplicate(seq, c.rcvNxt)
		s.data[0] = s.data[0][c.rcvNxt-seq:]
		seq = c.rcvNxt
	}
	edge := c.rcvEdge
	if c.rcvFin != 0 && c.state.receives() { // nothing can come after the FIN
		edge = min(edge, max(c.rcvFin, seq))
	}
	if over := int(seq + int64(s.dataLen()) - edge); over > 0 {
		// "Special allowance should be made to accept valid ACKs, URGs, and RSTs":
		// those were looked at, whatever the window.
		s.drop(&c.stats.InOutOfWindow)
		s.data[0] = s.data[0][:s.dataLen()-over]
		s.Flags &^= FIN
		c.ack(whyBeyondWindow)
	}
	return seq
}

// answerBad acknowledges a segment that can't be accepted, so that a peer that is
// out of step learns where we are. Without data or FIN it may be one end of a
// loop of ACKs, and a flood costs an attacker little: those are limited.
func (c *tcb) answerBad(now instant, s *segment) {
	switch {
	case s.Flags.Has(RST):
	case s.seqLen() > 0 && !s.Flags.Has(SYN):
		c.ack(whyNotAcceptable)
	default:
		c.limitedAck(now, whyNotAcceptable)
	}
}

// limitedAck sends an ACK unless one was sent a short time ago, and reports whether it did.
func (c *tcb) limitedAck(now instant, w why) bool {
	if now < c.challengeAt {
		counter.Inc(&c.stats.AcksLimited)
		return false
	}
	c.challengeAt = now.add(badSegmentInterval)
	c.ack(w)
	return true
}

// challenge is RFC 5961's challenge ACK: who sent this, if it was the
// peer, will answer with what is right.
func (c *tcb) challenge(now instant) {
	if c.limitedAck(now, whyChallenge) {
		counter.Inc(&c.stats.ChallengeAcks)
	}
}

// resetOK handles the RST bit (RFC 9293 3.10.7.4, RFC 5961 3.2). The sequence number is
// to match as it was sent: data before it must not make up for a wrong guess.
func (c *tcb) resetOK(now instant, s *segment) bool {
	if !s.Flags.Has(RST) {
		return true
	}
	if c.rcvPos(s.Seq) != c.rcvNxt {
		c.challenge(now)
		return false
	}
	switch c.state {
	case SynReceived:
		c.end(errRefused)
	case Closing, LastAck:
		c.end(nil)
	case CloseWait: // what Linux reports for it
		c.end(errPipe)
	default:
		c.end(errReset)
	}
	return false
}

// synOK: a SYN in a synchronized state gets a challenge ACK (RFC 5961 4.2).
func (c *tcb) synOK(now instant, s *segment) bool {
	if s.Flags.Has(SYN) {
		c.challenge(now)
		return false
	}
	return true
}

// text takes the segment's data and FIN, the first byte of which is at position seq.
func (c *tcb) text(now instant, s *segment, seq int64) {
	if n := s.dataLen(); n > 0 {
		c.lastData = now
		if !c.state.receives() {
			s.drop(&c.stats.InBadState) // after the peer's FIN there is no data
			return
		}
		if c.orphan { // RFC 9293 3.6.1: nobody will read it
			s.drop(&c.stats.InAfterClose)
			c.abort(nil)
			return
		}
		if c.dropForMemory(s, seq) {
			return
		}
		c.rcvMSS = max(c.rcvMSS, int32(min(n, int(c.advMSS)-c.tsLen())))
		if seq > c.rcvNxt {
			c.outOfOrder(now, seq, s)
		} else {
			c.inOrder(now, s)
		}
	}
	if s.Flags.Has(FIN) {
		c.noteFin(s, seq+int64(s.dataLen()))
	}
	if c.rcvFin != 0 && c.rcvNxt == c.rcvFin {
		c.finReceived(now)
	}
}

// noteFin takes note of s, whose FIN says where the peer's stream ends. A FIN before data that has
// arrived already contradicts the peer's own words, and is not believed.
func (c *tcb) noteFin(s *segment, at int64) {
	switch {
	case c.rcvFin != 0:
	case at < c.rcvNxt, c.ooo != nil && at < c.ooo.end():
		s.drop(&c.stats.InBadState)
	default:
		c.rcvFin = at
		if at == c.rcvNxt {
			return // finReceived has it acknowledged
		}
	}
	c.ack(whyFINBeyondGap)
}

// inOrder takes data that starts at rcvNxt, and what it connects to.
func (c *tcb) inOrder(now instant, s *segment) {
	n := s.dataLen()
	filled := c.ooo != nil && len(c.ooo.held) > 0
	c.deliver(s)
	c.rcvNxt += int64(n)
	if filled {
		twice := c.ooo.overlap(c.rcvNxt)
		c.noteDuplicate(twice.start, twice.end)
		c.rcvNxt = c.ooo.moveTo(&c.queue, c.rcvNxt)
		c.ooo.forget(c.rcvNxt)
		if len(c.ooo.held) == 0 {
			c.freeReassembly()
		}
		c.dropUnread()
	}
	c.tuneReceive(now, s)
	switch {
	case filled: // "when the incoming segment fills in all or part of a gap" (RFC 5681 4.2)
		c.ack(whyGapFilled)
	case c.rcvNxt-c.lastAckSent >= 2*int64(c.rcvMSS):
		c.ackBatch, c.ackWhy = true, whySecondSegment
	default:
		c.ackLater(now)
	}
}

// ackLater has what has arrived acknowledged by what is sent next, or after a
// while (RFC 9293 3.8.6.3).
func (c *tcb) ackLater(now instant) {
	switch {
	case c.cfg.DelayedAck < 0:
		c.ackBatch, c.ackWhy = true, whyNoDelay
	case c.ackDue == 0:
		c.ackDue = now.add(c.cfg.DelayedAck)
	}
}

// deliver gives data to the Read that waits for it, or queues it.
func (c *tcb) deliver(s *segment) {
	data := s.data[0]
	if c.noReader {
		return
	}
	kept := s.in != nil && worthKeeping(len(data), s.in.Buffer())
	if !kept && c.queue.n == 0 {
		n := copy(c.posted[c.postedN:], data)
		c.postedN += int32(n)
		data = data[n:]
	}
	if len(data) > 0 {
		c.queue.push(data, s.in)
	}
}

// dropUnread empties the queue when nobody will read it.
func (c *tcb) dropUnread() {
	if c.noReader {
		c.queue.free()
	}
}

// outOfOrder keeps data beyond a gap and acknowledges it at once (RFC 5681 4.2).
func (c *tcb) outOfOrder(now instant, seq int64, s *segment) {
	c.ack(whyBeyondGap)
	c.counts.oooSegs++
	if c.ooo == nil {
		c.ooo = new(reassembly)
	}
	fresh, ok := c.ooo.insert(seq, s.data[0], s.in)
	switch {
	case !ok:
		s.drop(&c.stats.OfoPruned)
	case fresh == 0:
		s.drop(&c.stats.InDuplicate)
	}
	c.noteDuplicate(c.ooo.twice.start, c.ooo.twice.end)
	c.tuneReceive(now, s)
}

// noteDuplicate has the next ACK report what came twice (RFC 2883); nothing if end is 0.
func (c *tcb) noteDuplicate(start, end int64) {
	start = max(start, 1) // a SYN is not data
	if c.sackOK && end > start && end <= c.rcvEdge && start >= c.rcvNxt-int64(1<<30) {
		c.dsack = span{start, end}
	}
}

// finReceived is step eight: the peer has no more to send.
func (c *tcb) finReceived(now instant) {
	c.rcvNxt++
	// Of a FIN at the edge of the window the ACKs that follow it lie beyond.
	c.rcvEdge = max(c.rcvEdge, c.rcvNxt)
	c.freeReassembly()
	switch c.state {
	case SynReceived, Established:
		c.state = CloseWait
		c.ackLater(now) // as in Linux: our FIN is likely to follow, and can carry it
		return
	case FinWait1:
		c.state = Closing
	case FinWait2:
		c.enterTimeWait()
	}
	c.ack(whyFINAck)
}

// enterTimeWait: both ends are done, and all of it is acknowledged.
func (c *tcb) enterTimeWait() {
	c.state = TimeWait
	c.sndBuf.free()
	c.freeFlight()
	c.rexmitAt, c.keepAt, c.lingerAt = 0, 0, 0
}
