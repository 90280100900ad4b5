package tcp

import "github.com/tinystack/tinystack/internal/counter"

// undo is what tells that a recovery was needless: nothing had been lost, only late. Then what
// congestion control did for it is taken back (RFC 4015). There are three signs: an ACK that
// echoes a timestamp from before the first retransmission (Eifel, RFC 3522); all
// that was sent again reported as a duplicate (RFC 2883, RFC 3708); and F-RTO.
type undo struct {
	from  int64   // SND.UNA when the recovery began
	first instant // when its first retransmission went out; 0: there was none, or it was undone
	again int     // bytes it sent again, less those reported to have arrived twice
}

// resent notes a retransmission.
func (u *undo) resent(now instant, bytes int) {
	if u.first == 0 {
		u.first = now
	}
	u.again += bytes
}

// echoed is the latest moment at which what a segment answers can have been sent, by the
// timestamp it echoes (RFC 7323 4), which counts milliseconds; 0: it tells nothing.
func (c *tcb) echoed(now instant, s *segment) instant {
	if !c.tsOK || !s.Options.HasTimestamps || s.Options.TSEcr == 0 {
		return 0
	}
	ago := instant(int32(c.tsNow(now) - s.Options.TSEcr))
	return max(0, (now/instant(granularity)-ago+1)*instant(granularity)-1)
}

// isLate reports whether what moves SND.UNA was sent before the first retransmission
// (RFC 3522 3.2 step 4), but not before it was sent at all, which no honest echo says. Of the
// same millisecond it says nothing.
func (c *tcb) isLate(latest instant) bool {
	return latest != 0 && c.rep != nil && c.rep.undo.first > latest && c.fl.live()[0].first <= latest
}

// undone takes the recovery back if an ACK shows it was needless: at its end, or as
// soon as nothing of what was sent again is under way.
func (c *tcb) undone(now instant, n *news) bool {
	if !n.late {
		return false
	}
	c.rep.reorder.seen = c.rep.reorder.seen || c.phase == recovery
	if n.ack < c.rep.recover && c.fl != nil && c.fl.againBytes > 0 && c.phase == recovery {
		return false
	}
	c.takeBack(now)
	return true
}

// arrivedTwice follows a DSACK.
func (c *tcb) arrivedTwice(now instant, s span) {
	r := c.repairs()
	r.reorder.widen(c.sndUna, c.sndNxt)
	u := &r.undo
	if u.first == 0 || s.end <= u.from {
		return
	}
	u.again -= int(s.end - s.start)
	if u.again <= 0 {
		c.takeBack(now)
	}
}

// takeBack undoes a recovery (RFC 4015 3.2): the windows are what they were, the timeout
// is not backed off, and nothing is lost.
func (c *tcb) takeBack(now instant) {
	if c.phase == loss {
		counter.Inc(&c.stats.SpuriousRTOs)
	} else {
		counter.Inc(&c.stats.SpuriousRecoveries)
	}
	c.cc.undo(now)
	c.rtt.backoff = 0
	c.rep.undo = undo{}
	if c.fl != nil {
		c.fl.unmarkLost()
	}
	if c.phase > cwr {
		c.ecn &^= ecnReduced
		c.endRecovery(now)
	}
}

// frto is how far F-RTO is (RFC 5682).
type frto uint8

const (
	frtoOff    frto = iota
	frtoFirst       // a timeout has resent the first segment, and an ACK is awaited
	frtoSecond      // it came; new data was sent instead of more of the old
)

// tryFRTO begins F-RTO at a timeout, but for one in a recovery, unless that began with a timeout
// of the same segment (RFC 5682 3.1 step 1, 3.2). A single duplicate ACK without a block before the timeout
// is reason enough for the variant without SACK, which can't take a real timeout for a needless one.
func (c *tcb) tryFRTO() {
	r := c.rep
	c.sacks = c.sacks && r.bare == 0
	r.frto = frtoOff
	if c.state.synchronized() && (c.phase == open || (c.phase == loss && c.sndUna == r.undo.from)) {
		r.frto = frtoFirst
	}
}

// needlessTimeout is F-RTO's view of an ACK after a timeout: if what was sent before it, and
// only once, arrives now, the timeout came too early (RFC 5682 3.1 step 3b; as in Linux
// with SACK already at the first ACK).
func (c *tcb) needlessTimeout(now instant, n *news) bool {
	r := c.rep
	step := r.frto
	switch {
	case step == frtoOff:
		return false
	case !n.advanced && n.bytes == 0 && !n.duplicate: // no news
		return false
	case n.lowest != 0 && n.lowest <= r.recover && (c.sacks || (n.advanced && step == frtoSecond)):
		c.takeBack(now)
		return true
	case step == frtoFirst && n.advanced && n.ack < r.recover && c.canSendNew():
		r.frto = frtoSecond
		return false
	}
	r.frto = frtoOff
	c.resendNow = step == frtoSecond // (3.a) there is to be room for one
	return false
}

// canSendNew reports whether there is a segment of new data that need not wait for more, and the peer
// has room for it.
func (c *tcb) canSendNew() bool {
	mss := c.mss(c.tsLen())
	n := min(c.unsent(), mss)
	return n > 0 && n <= c.sndWnd-c.inFlight() && (n == mss || !c.nagle)
}

// holdsBack reports whether F-RTO keeps old data from being sent again, for now.
func (c *tcb) holdsBack() bool { return c.rep != nil && c.rep.frto == frtoSecond }
