package tcp

import (
	"time"

	"github.com/tinystack/tinystack/internal/counter"
)

// finWait2Timeout ends a connection that the application has closed and whose
// peer never closes, as Linux's tcp_fin_timeout.
const finWait2Timeout = 60 * time.Second

// nextTimeout is the next moment advance is to be called; zero: none.
func (c *tcb) nextTimeout() instant {
	at := earlier(earlier(c.rexmitAt, c.ackDue), earlier(c.keepAt, c.lingerAt))
	if c.fl != nil {
		at = earlier(at, earlier(c.fl.probeAt, c.fl.rack.due))
	}
	return earlier(at, c.pacedUntil())
}

// advance does what is due.
func (c *tcb) advance(now instant) {
	due := func(t *instant) bool {
		if *t == 0 || *t > now {
			return false
		}
		*t = 0
		return true
	}
	c.noteAppLimited()
	if c.fl != nil && due(&c.fl.rack.due) {
		c.lossTimer(now)
	}
	if c.fl != nil && due(&c.fl.probeAt) {
		c.probeExpired(now)
	}
	if due(&c.rexmitAt) {
		c.rexmitExpired(now)
	}
	if due(&c.ackDue) {
		counter.Inc(&c.stats.DelayedAcks)
		c.ack(whyDelayedAck)
	}
	if due(&c.keepAt) {
		c.keepAliveExpired(now)
	}
	if due(&c.lingerAt) {
		c.end(nil)
	}
}

func (c *tcb) rto() time.Duration { return c.rtt.rto(c.cfg.MinRTO, c.cfg.MaxRTO) }

// armRexmit sets the retransmission or the persist timer, no later than the moment to give up.
func (c *tcb) armRexmit(now instant, persist bool) {
	c.persisting = persist
	c.rexmitAt = now.add(c.rto())
	if giveUp := c.giveUpAt(); giveUp > now {
		c.rexmitAt = min(c.rexmitAt, giveUp)
	}
}

// giveUpAt is when the connection ends if nothing more is acknowledged. A peer that answers
// while its window is shut is alive (RFC 9293 3.8.6.1), unless there is a user timeout.
func (c *tcb) giveUpAt() instant {
	switch {
	case !c.state.synchronized():
		return c.lastAcked.add(c.cfg.ConnectTimeout)
	case c.userTimeout > 0: // RFC 9293 3.8.3, RFC 5482
		return c.lastAcked.add(c.userTimeout)
	case (c.persisting || c.sndWnd == 0) && !c.orphan:
		return max(c.lastAcked, c.lastRecv).add(c.cfg.GiveUp)
	}
	return c.lastAcked.add(c.cfg.GiveUp)
}

// setUserTimeout sets the time to give up, and moves a timer that would come after it.
func (c *tcb) setUserTimeout(now instant, d time.Duration) {
	c.userTimeout = d
	if c.rexmitAt != 0 {
		c.rexmitAt = min(c.rexmitAt, max(now, c.giveUpAt()))
	}
}

// rexmitExpired is the retransmission timer or the persist timer.
func (c *tcb) rexmitExpired(now instant) {
	switch {
	case c.releaseNew():
		return
	case now >= c.giveUpAt():
		c.timeOut()
		return
	case c.orphan && c.pressure == memoryFull: // as Linux has it
		counter.Inc(&c.stats.AbortOnMemory)
		c.abort(nil)
		return
	}
	if c.persisting {
		c.probe = true
		c.backOff()
		return // sendProbe sets the timer again
	}
	c.retransmitTimeout(now)
	c.armRexmit(now, false)
}

// restartTimer follows an ACK (RFC 6298 (5.2), (5.3)).
func (c *tcb) restartTimer(now instant, advanced bool) {
	switch {
	case c.fl == nil && c.ecn.has(ecnHold):
	case c.fl == nil:
		if c.persisting { // it was the probes that were far apart
			c.rtt.backoff = 0
		}
		c.rexmitAt, c.persisting = 0, false
	case c.persisting && c.sndWnd > 0: // the window opened; the probe did not get in
		c.rtt.backoff = 0
		c.fl.markLonger(0)
		c.resendNow, c.lossWhy = true, whyWindowOpened
		c.armRexmit(now, false)
	case advanced:
		c.armRexmit(now, c.persisting)
		c.scheduleProbe(now)
	}
}

// timeOut ends the connection because nothing was heard for too long.
func (c *tcb) timeOut() {
	counter.Inc(&c.stats.TimedOut)
	if c.softErr != nil { // what an ICMP error said is more use than "timed out"
		c.end(c.softErr)
		return
	}
	c.end(errTimedOut)
}

// startLinger bounds FIN-WAIT-2 for a connection without an application.
func (c *tcb) startLinger(now instant) {
	if c.state == FinWait2 && c.orphan {
		c.lingerAt = now.add(finWait2Timeout)
	}
}
