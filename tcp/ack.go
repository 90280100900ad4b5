package tcp

import (
	"time"

	"github.com/tinystack/tinystack/internal/counter"
)

// ackOK is step five of RFC 9293 3.10.7.4: the ACK field.
func (c *tcb) ackOK(now instant, s *segment) bool {
	if !s.Flags.Has(ACK) {
		s.drop(&c.stats.InBadState)
		return false
	}
	ack := c.sndPos(s.Ack)
	if c.state == SynReceived {
		if ack <= c.sndUna || ack > c.sndNxt {
			s.drop(&c.stats.InBadAck)
			c.refuse(s)
			return false
		}
		c.setSendWindow(int(s.Window)<<c.sndScale, c.rcvPos(s.Seq), ack)
		c.establish(now)
	}
	if ack > c.sndNxt || ack < c.sndUna-int64(c.maxSndWnd) { // RFC 5961 5.2
		s.drop(&c.stats.InBadAck)
		c.challenge(now)
		return false
	}
	c.ackedData(now, s, ack)
	c.finAcked(now)
	return c.state != Closed
}

// ackedData takes what the segment says of our data: how far it arrived, what
// beyond that, and how much more there is room for.
func (c *tcb) ackedData(now instant, s *segment, ack int64) {
	if ack < c.sndUna { // old, but for what it says of duplicates
		var n news
		c.readSACK(s, ack, &n)
		if n.dsack.end != 0 {
			c.arrivedTwice(now, n.dsack)
		}
		return
	}
	c.noteAppLimited()
	outstanding := c.sndUna < c.sndNxt
	wndBefore := c.sndWnd
	c.updateSendWindow(s, ack)
	info := ackInfo{now: now, phase: c.phase, full: c.cwndLimited(), lost: c.countLost(now)}
	n := news{ack: ack, advanced: ack > c.sndUna, ece: c.isEcho(s)}
	n.answered, n.soonest = now, c.rtt.minimum
	if n.advanced {
		c.advanceUna(now, s, &n)
	}
	c.readSACK(s, ack, &n)
	info.rtt = c.sampleRTT(now, s, &n)
	info.acked, info.advanced = n.bytes, n.advanced
	info.rate = c.sampleRate(now, n.bytes, &n.newest)
	c.arrived(&n)
	n.duplicate = outstanding && !n.advanced && c.isDuplicate(s, &n, wndBefore)
	c.recoverLoss(now, &n)
	info.mended = n.mended
	c.tellCongestion(&info)
	c.restartTimer(now, n.advanced)
}

// isDuplicate reports whether an ACK that acknowledges nothing more is a duplicate (RFC 5681 2; with SACK,
// RFC 6675 2: one that brings news of it). The answer to a window probe is none.
func (c *tcb) isDuplicate(s *segment, n *news, wndBefore int) bool {
	same := s.seqLen() == 0 && c.sndWnd == wndBefore && !c.persisting
	if same && c.sacks && s.Options.NumSACK == 0 {
		c.noteBare()
	}
	if c.sacks {
		return n.bytes > 0
	}
	return same
}

// arrived tells RACK what arrived in which order, and lets go of a flight of which nothing is left.
func (c *tcb) arrived(n *news) {
	if c.fl == nil {
		return
	}
	if n.bytes > 0 && c.fl.rack.delivered(&n.delivery) {
		c.repairs().reorder.seen = true
	}
	if c.sndUna == c.sndNxt {
		c.freeFlight()
	}
}

// tellCongestion tells the congestion control what came of an ACK.
func (c *tcb) tellCongestion(info *ackInfo) {
	if info.acked == 0 {
		return
	}
	if c.phase != open {
		info.phase = c.phase
	}
	info.lost += c.countLost(info.now)
	info.una, info.nxt, info.pipe = c.sndUna, c.sndNxt, c.pipe()
	info.srtt, info.minRTT, info.sack = c.rtt.srtt, c.rtt.minimum, c.sacks
	if l := c.limits; l != nil {
		info.delivered = l.delivered
		info.rate.lost = int(l.lost - info.rate.priorLost)
	}
	c.cc.acked(*info)
}

// advanceUna drops what is acknowledged.
func (c *tcb) advanceUna(now instant, s *segment, n *news) {
	n.latest = c.echoed(now, s)
	n.late = c.isLate(n.latest)
	c.fl.ack(n.ack, &n.delivery)
	n.latest = 0 // beyond a gap the echo is an old one
	c.sndBuf.discard(n.ack)
	c.sndUna = n.ack
	c.lastAcked = now
	c.softErr = nil
}

// sampleRTT takes a round-trip time from a segment sent once; of one sent again
// only the timestamp tells which transmission was answered (RFC 7323 4).
// The first is returned, for it is exact; 0: there is none. Where both transmissions arrived
// the echo is that of the first, whose ACK was lost, and the time since then is not the path's:
// but the timeout was not too short.
func (c *tcb) sampleRTT(now instant, s *segment, n *news) (exact time.Duration) {
	switch {
	case n.sentAt != 0:
		exact = now.sub(n.sentAt)
		c.rtt.update(now, exact)
	case !n.resent || !n.advanced:
	case n.dsack.end != 0:
		c.rtt.backoff = 0
	case c.tsOK && s.Options.HasTimestamps && s.Options.TSEcr != 0:
		took := time.Duration(int32(c.tsNow(now)-s.Options.TSEcr)) * time.Millisecond
		if took >= 0 && took <= now.sub(n.oldest)+granularity { // else it is no echo of that
			c.rtt.update(now, max(took, granularity)) // that of the clock, which may not have ticked
		}
	}
	return exact
}

// setSendWindow is the update of SND.WND, SND.WL1 and SND.WL2.
func (c *tcb) setSendWindow(wnd int, seq, ack int64) {
	c.sndWnd = wnd
	c.maxSndWnd = max(c.maxSndWnd, wnd)
	c.sndWl1, c.sndWl2 = seq, ack
}

// updateSendWindow takes the window of a segment that is not older than the last one used.
func (c *tcb) updateSendWindow(s *segment, ack int64) {
	seq := c.rcvPos(s.Seq)
	if c.sndWl1 > seq || (c.sndWl1 == seq && c.sndWl2 > ack) {
		return
	}
	wnd := int(s.Window)
	if !s.Flags.Has(SYN) {
		wnd <<= c.sndScale
	}
	c.setSendWindow(wnd, seq, ack)
}

// readSACK marks what the peer says has arrived beyond ack. Blocks outside of what is in
// flight are ignored, but for a DSACK (RFC 2883 4).
func (c *tcb) readSACK(s *segment, ack int64, n *news) {
	if !c.sackOK || s.Options.NumSACK == 0 {
		return
	}
	c.sacks = c.sacks || c.phase != recovery
	blocks := s.Options.SACK[:s.Options.NumSACK]
	first := span{c.sndPos(blocks[0].Left), c.sndPos(blocks[0].Right)}
	if c.isDSACK(first, ack, blocks) {
		counter.Inc(&c.stats.DSACKReceived)
		c.counts.dsacks++
		if c.credible(first) {
			n.dsack = first
		}
		blocks = blocks[1:]
	}
	for _, b := range blocks {
		left, right := c.sndPos(b.Left), c.sndPos(b.Right)
		if c.fl == nil || left < c.sndUna || left >= right || right > c.sndNxt {
			continue
		}
		c.fl.sack(left, right, &n.delivery)
	}
}

// isDSACK tells a report of a duplicate from a SACK block: it is the first block,
// and lies below ack or within the second block (RFC 2883 4.1, 4.2).
func (c *tcb) isDSACK(first span, ack int64, blocks []Block) bool {
	if first.start >= first.end {
		return false
	}
	if first.end <= ack {
		return true
	}
	if len(blocks) < 2 {
		return false
	}
	return c.sndPos(blocks[1].Left) <= first.start && first.end <= c.sndPos(blocks[1].Right)
}

// credible reports whether a duplicate may be one of ours: it is near what is in flight, and
// there are no more of them than segments sent again. Else the network, or a peer
// that wants a larger window, makes them (RFC 3708 2.2).
func (c *tcb) credible(dup span) bool {
	return dup.start >= c.sndUna-int64(c.maxSndWnd) && dup.end <= c.sndNxt && c.counts.dsacks <= c.counts.retrans
}

// finAcked moves on when our FIN is acknowledged.
func (c *tcb) finAcked(now instant) {
	if c.finAt == 0 || c.sndUna <= c.finAt {
		return
	}
	switch c.state {
	case FinWait1:
		c.state = FinWait2
		c.startLinger(now)
	case Closing:
		c.enterTimeWait()
	case LastAck:
		c.end(nil)
	}
}

// refuse answers an ACK of what was never sent with RST, outside of the
// connection's own sequence: <SEQ=SEG.ACK><CTL=RST> (RFC 9293 3.10.7.3).
func (c *tcb) refuse(s *segment) {
	if !s.Flags.Has(RST) {
		c.refuseAck = s.Ack
		c.refuseNow = true
	}
}
