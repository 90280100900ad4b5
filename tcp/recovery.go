package tcp

import "github.com/tinystack/tinystack/internal/counter"

// news is what an ACK tells of our data.
type news struct {
	ack       int64
	advanced  bool // SND.UNA moved
	duplicate bool // a duplicate ACK (RFC 5681 2; with SACK, RFC 6675 2: one with news of it)
	late      bool // what advanced it was sent before anything was sent again (RFC 3522)
	mended    bool // it ended a fast recovery, and its bytes have just arrived: not so without SACK
	ece       bool // the path has marked a packet (RFC 3168)
	dsack     span // what arrived twice (RFC 2883); none if its end is 0
	delivery
}

// recoverLoss finds what is lost from what an ACK tells: by time with SACK (RFC 8985), by
// duplicate ACKs without (RFC 6582). Limited transmit (RFC 3042) needs no rule of its own,
// since what has arrived no longer counts as in the network.
func (c *tcb) recoverLoss(now instant, n *news) {
	if n.advanced {
		c.forgetDupAcks()
	}
	if n.duplicate {
		counter.Inc(&c.stats.DupAcksReceived)
		c.noteDupAck()
	}
	if n.dsack.end != 0 {
		c.arrivedTwice(now, n.dsack)
	}
	c.probeAcked(now, n)
	lost := c.detectLost(now)
	switch c.phase {
	case open, cwr:
		c.inOpen(now, n, lost)
		c.obeyECN(now, n)
	case recovery:
		c.inRecovery(now, n, lost)
	case loss:
		c.inLoss(now, n)
	}
}

// detectLost marks what is lost by RACK, and returns the number of bytes.
func (c *tcb) detectLost(now instant) int {
	if c.fl == nil || !c.sacks {
		return 0
	}
	lost := c.fl.detectLost(now, c.reorderWindow())
	if lost > 0 {
		c.lossWhy = whyRACK
	}
	return lost
}

// noteDupAck counts, and takes what left the network off pipe, if no SACK block says it. Before
// a recovery that lets two segments go (RFC 3042 2); in it, one for each (RFC 6582 3.2
// step 2); after a timeout none, for what went before that is not in pipe any more.
func (c *tcb) noteDupAck() {
	r := c.repairs()
	r.dupAcks++
	if c.sacks || c.phase == loss {
		return
	}
	mss := c.mss(c.tsLen())
	r.dupAcked = min(r.dupAcked+mss, c.inFlight())
	if c.phase <= cwr {
		r.dupAcked = min(r.dupAcked, (dupThresh-1)*mss)
	}
}

// noteBare follows a duplicate ACK without a SACK block, though those were agreed on. One may be a copy
// of an ACK, or the answer to a copy of a segment. After three in a row, while nothing is reported, a
// box on the way takes the blocks out: losses are found as without SACK, until one comes again.
func (c *tcb) noteBare() {
	r := c.repairs()
	r.bare++
	if r.bare >= dupThresh && c.phase != recovery && c.fl.sackedBytes == 0 {
		c.sacks, r.dupAcks = false, dupThresh-1
	}
}

func (c *tcb) inOpen(now instant, n *news, lost int) {
	switch r := c.rep; {
	case c.fl == nil:
	case c.sacks:
		if lost > 0 {
			c.enterRecovery(now)
			c.reducePaced(n, lost)
		}
	case r == nil, r.dupAcks < dupThresh:
	case c.phase == open && r.recover != 0 && c.sndUna <= r.recover:
		// RFC 6582 3.2 step 2: these may be for what the last recovery sent twice
	default:
		c.enterRecovery(now)
		r.dupAcked = min(dupThresh*c.mss(c.tsLen()), c.inFlight())
		c.markFirstLost(whyThirdDuplicate)
	}
}

// enterRecovery begins fast recovery (RFC 6675 5 step 4, RFC 6582 3.2 step 2). Where a mark of
// the path has begun a reduction, that was for the same congestion (RFC 3168 6.1.2).
func (c *tcb) enterRecovery(now instant) {
	counter.Inc(&c.stats.FastRecoveries)
	r := c.repairs()
	r.recover = c.sndNxt
	r.probeEnd = 0
	r.undo = undo{from: c.sndUna}
	if c.phase == open {
		r.prr = prr{flight: c.inFlight()}
		c.cc.lost(now, c.inFlight())
		c.ecn |= ecnReduced
	}
	c.phase = recovery
	c.resendNow = true
}

// markFirstLost has the first segment sent again at once, for reason w.
func (c *tcb) markFirstLost(w why) {
	c.fl.markFirstLost(c.mss(c.tsLen()))
	c.resendNow, c.lossWhy = true, w
}

func (c *tcb) inRecovery(now instant, n *news, lost int) {
	switch {
	case c.undone(now, n):
	case n.ack >= c.rep.recover:
		c.endRecovery(now)
		n.mended = c.sacks && !n.ece // RFC 3168 6.1.2: no growth for an echo
	case c.sacks:
		c.reducePaced(n, lost)
	case n.advanced: // RFC 6582 3.2 step 3, a partial acknowledgement
		c.rep.dupAcked = max(0, c.rep.dupAcked-max(0, n.bytes-c.mss(c.tsLen())))
		c.markFirstLost(whyPartialAck)
	}
}

func (c *tcb) inLoss(now instant, n *news) {
	switch {
	case c.undone(now, n), c.needlessTimeout(now, n):
	case n.ack >= c.rep.recover:
		c.endRecovery(now)
	}
}

// endRecovery leaves both kinds of recovery.
func (c *tcb) endRecovery(now instant) {
	c.phase = open
	c.forgetDupAcks()
	c.rep.frto, c.rep.reneged = frtoOff, false
	c.rep.reorder.recovered()
	c.resendNow = false
	c.cc.recovered(now, c.rep.undo.again)
}

// lossTimer is the reordering timer (RFC 8985 6.3): what it waited for has not arrived.
func (c *tcb) lossTimer(now instant) {
	lost := c.detectLost(now)
	if lost > 0 {
		c.lossWhy = whyReorderTimer
	}
	switch {
	case lost == 0:
	case c.phase <= cwr:
		c.enterRecovery(now)
		fallthrough
	case c.phase == recovery:
		c.reducePaced(&news{}, lost)
	}
}

// retransmitTimeout is RFC 6298 (5.4) to (5.6), RFC 5681 3.1 and RFC 8985 6.3.
func (c *tcb) retransmitTimeout(now instant) {
	counter.Inc(&c.stats.RTOTimeouts)
	c.counts.timeouts++
	r := c.repairs()
	c.tryFRTO()
	if c.fl.live()[0].state == sacked { // the peer took it back (RFC 2018 8)
		counter.Inc(&c.stats.SackReneges)
		c.fl.forgetSacks()
		r.reneged = true
	}
	c.fl.markSentBefore(now.add(-c.fl.rack.rtt - c.reorderWindow()))
	switch {
	case !c.state.synchronized():
	case c.phase == loss && c.sndUna < r.recover && c.rtt.backoff > 0, c.reducedFor(r.recover):
		c.cc.timedOutAgain(c.fl.pipe)
	default:
		c.cc.timedOut(now, c.inFlight(), c.fl.pipe)
		c.ecn |= ecnReduced
		r.undo = undo{from: c.sndUna}
	}
	c.phase = loss
	r.recover = c.sndNxt
	r.probeEnd = 0
	c.forgetDupAcks()
	c.resendNow, c.lossWhy = true, whyTimeout
	if !c.state.synchronized() {
		c.lossWhy = whySYNAgain
	}
	c.backOff()
}

// reducedFor reports whether ssthresh has been lowered for what was sent up to there: as in Linux a
// timeout within that recovery does not lower it again.
func (c *tcb) reducedFor(recover int64) bool {
	return (c.phase == recovery || c.phase == cwr) && c.sndUna < recover && !c.cc.ownsRecovery()
}

// backOff doubles the timeout (RFC 6298 5.5).
func (c *tcb) backOff() { c.rtt.backoff = min(c.rtt.backoff+1, 20) }
