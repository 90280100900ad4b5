package tcp

import "github.com/tinystack/tinystack/internal/counter"

// recoverLoss finds what is lost from what an ACK tells, and has cwnd shrink for
// it: fast retransmit and recovery by RFC 6675 with SACK, by RFC 6582 without. Limited transmit (RFC 3042) needs no rule of its own, since what
// duplicate ACKs show to have arrived no longer counts as in the network.
func (c *tcb) recoverLoss(now instant, ack int64, delivered, news int, advanced, duplicate bool) {
	if duplicate {
		c.dupAcks++
		c.noteDupAck()
	}
	switch c.phase {
	case open:
		c.inOpen(now, advanced)
	case recovery:
		c.inRecovery(now, ack, delivered, advanced)
	case loss:
		c.inLoss(now, ack, advanced)
	}
}

// noteDupAck takes what left the network off pipe, if no SACK block says it. Before a
// recovery that lets two segments go (RFC 3042 2); in it, one for each (RFC 6582 3.2
// step 2); after a timeout none, for what went before that is not in pipe any more.
func (c *tcb) noteDupAck() {
	if c.sackOK || c.phase == loss {
		return
	}
	mss := c.mss(c.tsLen())
	c.dupAcked = min(c.dupAcked+mss, c.inFlight())
	if c.phase == open {
		c.dupAcked = min(c.dupAcked, (dupThresh-1)*mss)
	}
}

func (c *tcb) inOpen(now instant, advanced bool) {
	if advanced {
		c.dupAcks, c.dupAcked = 0, 0
	}
	if c.fl == nil {
		return
	}
	edge := c.fl.lossEdgeBySACK(c.mss(c.tsLen()))
	switch {
	case edge > c.sndUna:
	case c.dupAcks < dupThresh:
		return
	case !c.sackOK && c.recover != 0 && c.sndUna <= c.recover:
		return // RFC 6582 3.2 step 2: these may be for what the last recovery sent twice
	}
	c.enterRecovery(now, edge)
}

// enterRecovery is RFC 6675 5 step 4, RFC 6582 3.2 step 2.
func (c *tcb) enterRecovery(now instant, edge int64) {
	counter.Inc(&c.stats.FastRecoveries)
	c.phase = recovery
	c.recover = c.sndNxt
	if !c.sackOK {
		c.dupAcked = min(dupThresh*c.mss(c.tsLen()), c.inFlight())
	}
	c.cc.lost(now, c.inFlight())
	c.fl.markFirstLost(c.mss(c.tsLen()))
	c.fl.markLostBelow(edge)
	c.resendNow = true
}

func (c *tcb) inRecovery(now instant, ack int64, delivered int, advanced bool) {
	if ack >= c.recover {
		c.endRecovery()
		c.cc.recovered(now)
		return
	}
	if c.sackOK {
		c.fl.markLostBelow(c.fl.lossEdgeBySACK(c.mss(c.tsLen())))
		return
	}
	if advanced { // RFC 6582 3.2 step 3, a partial acknowledgement
		mss := c.mss(c.tsLen())
		c.dupAcked = max(0, c.dupAcked-max(0, delivered-mss))
		c.fl.markFirstLost(mss)
		c.resendNow = true
	}
}

func (c *tcb) inLoss(now instant, ack int64, advanced bool) {
	if advanced {
		c.dupAcks, c.dupAcked = 0, 0
	}
	if ack >= c.recover {
		c.endRecovery()
		c.cc.recovered(now)
	}
}

func (c *tcb) endRecovery() {
	c.phase = open
	c.dupAcks, c.dupAcked = 0, 0
	c.resendNow = false
}

// retransmitTimeout is RFC 6298 (5.4) to (5.6) and RFC 5681 3.1.
func (c *tcb) retransmitTimeout(now instant) {
	counter.Inc(&c.stats.RTOTimeouts)
	c.counts.timeouts++
	if c.state.synchronized() {
		if c.phase == loss && c.sndUna < c.recover && c.rtt.backoff > 0 {
			c.cc.timedOutAgain()
		} else {
			c.cc.timedOut(now, c.inFlight())
		}
	}
	if c.fl.live()[0].state == sacked { // the peer took it back (RFC 2018 8)
		counter.Inc(&c.stats.SackReneges)
		c.fl.forgetSacks()
	}
	c.fl.markAllLost()
	c.phase = loss
	c.recover = c.sndNxt
	c.dupAcks, c.dupAcked = 0, 0
	c.resendNow = true
	c.backOff()
}

// backOff doubles the timeout (RFC 6298 5.5).
func (c *tcb) backOff() { c.rtt.backoff = min(c.rtt.backoff+1, 20) }
