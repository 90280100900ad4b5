package tcp

import (
	"time"

	"github.com/tinystack/tinystack/internal/counter"
)

// Tail loss probes (RFC 8985 7): when the end of a flight is lost, nothing that arrives can
// tell. A segment sent after two round trips brings an ACK that does, before the
// retransmission timeout and its slow start.

// leastProbeTimeout is the least time to wait. Our timers may be a millisecond late, and a
// peer's ACKs too.
const leastProbeTimeout = 10 * time.Millisecond

// scheduleProbe sets the time of a probe (RFC 8985 7.2) after data was sent or acknowledged. Of a
// flight of a single segment the ACK may be delayed for about as long as the retransmission
// timeout, which then does what the probe would.
func (c *tcb) scheduleProbe(now instant) {
	f := c.fl
	f.probeAt = 0
	if !c.sacks || c.phase > cwr || c.persisting || !c.rtt.sampled || f.sackedBytes > 0 ||
		c.inFlight() <= c.mss(c.tsLen()) || (c.rep != nil && c.rep.probeEnd != 0) {
		return
	}
	f.probeAt = min(now.add(max(2*c.rtt.srtt, leastProbeTimeout)), c.rexmitAt)
}

// probeExpired has a probe go out. If the retransmission timeout is due too, as on paths of more than
// 200 ms, where it is no longer than two round trips, it is the probe's turn, and the timeout's later (7.2).
func (c *tcb) probeExpired(now instant) {
	c.tailProbe = c.mayProbe()
	if c.tailProbe && c.rexmitAt <= now && now < c.giveUpAt() {
		c.armRexmit(now, false)
	}
}

// mayProbe reports whether nothing else tells of losses: recovery, or SACK.
func (c *tcb) mayProbe() bool { return c.fl != nil && c.phase <= cwr && c.fl.sackedBytes == 0 }

// sendTailProbe is RFC 8985 7.3: a segment of new data, whatever cwnd says, or the last
// one again.
func (c *tcb) sendTailProbe(now instant, s *segment) bool {
	if !c.tailProbe {
		return false
	}
	c.tailProbe = false
	if !c.mayProbe() {
		return false
	}
	mss := c.mss(s.Options.Len())
	start := c.sndNxt
	n := min(c.unsent(), mss)
	fresh := n > 0 && n <= c.sndWnd-c.inFlight() && !c.ecn.has(ecnHold)
	if fresh {
		c.sndNxt += int64(n)
		c.sentNew(now, start)
		c.segmentAt(now, s, start, c.sndNxt)
	} else {
		c.resendLast(now, s, mss)
	}
	counter.Inc(&c.stats.LossProbes)
	s.why = whyTailProbe
	r := c.repairs()
	r.probeEnd, r.probeOld = c.sndNxt, !fresh
	c.fl.probeAt = 0
	c.armRexmit(now, false)
	return true
}

// resendLast sends the last n bytes in flight again.
func (c *tcb) resendLast(now instant, s *segment, n int) {
	f := c.fl
	last := len(f.live()) - 1
	end := f.live()[last].end
	f.split(last, end-int64(n))
	r := &f.live()[len(f.live())-1]
	start := r.start
	c.noteSent(f.resend(now, r, int(end-start)))
	c.segmentAt(now, s, start, end)
	c.countAgain(s)
}

// probeAcked is RFC 8985 7.4: whether the probe told of a loss by repairing it.
func (c *tcb) probeAcked(now instant, n *news) {
	r := c.rep
	if r == nil || r.probeEnd == 0 || n.ack < r.probeEnd {
		return
	}
	switch {
	case !r.probeOld, n.dsack.end == r.probeEnd: // new data, or both copies arrived
		r.probeEnd = 0
	case n.ack > r.probeEnd: // only one of them did
		r.probeEnd = 0
		counter.Inc(&c.stats.LossProbeRecoveries)
		if c.phase == open { // else cwnd is being reduced already
			c.cc.lost(now, c.inFlight()+n.bytes)
			c.cc.recovered(now, c.mss(c.tsLen()))
			c.ecn |= ecnReduced
			r.undo = undo{} // of an earlier recovery: what it is about is no longer what lost remembers
		}
	case !n.advanced && n.bytes == 0: // both did, and the peer knows no DSACK
		r.probeEnd = 0
	}
}
