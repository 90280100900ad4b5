package tcp

import (
	"fmt"
	"syscall"
	"time"
)

// SetCongestionControl has the connection go on with another congestion control, [CUBIC],
// [Reno] or [BBR], as Linux's TCP_CONGESTION does. The window stays as it is at first, and what is
// known of the round trip. A name of none of them is refused with ENOENT.
func (c *Conn) SetCongestionControl(name string) error {
	if name == "" || checkCongestion(name) != nil {
		err := fmt.Errorf("congestion control %q: %w: want %q, %q or %q", name, syscall.ENOENT, CUBIC, Reno, BBR)
		return c.opError("set", err)
	}
	return c.do("set", func() { c.tcb.switchCongestion(c.layer.clock.now(), name) })
}

// handover is what one algorithm leaves to the next.
type handover struct {
	now       instant
	window    int
	threshold int
	delivered int64
	srtt      time.Duration
	minRTT    time.Duration
}

// switchCongestion puts another algorithm in the place of the one there is.
func (c *tcb) switchCongestion(now instant, name string) {
	if c.cc == nil || c.cc.name() == name {
		return
	}
	h := handover{
		now: now, window: c.cc.window(), threshold: c.cc.threshold(),
		srtt: c.rtt.srtt, minRTT: c.rtt.minimum,
	}
	if l := c.limits; l != nil {
		c.countLost(now)
		h.delivered = l.delivered
		l.pacer = pacer{}
	}
	if c.cc.ownsRecovery() && h.window > initialWindow(c.mss(c.tsLen())) {
		h.threshold = h.window // it was found without one, and is not to double
	}
	c.cc = newCongestion(name, c.mss(c.tsLen()), uint32(c.iss))
	c.cc.takeOver(&h)
	if c.fl != nil {
		c.logLosses()
	}
}

func (w *windows) takeOver(h *handover) { w.cwnd, w.ssthresh = h.window, h.threshold }

// takeOver: Startup begins at the rate that the window has given so far.
func (b *bbr) takeOver(h *handover) {
	b.cwnd, b.priorCwnd = h.window, h.window
	b.delivered, b.roundEnd, b.lossRoundEnd = h.delivered, h.delivered, h.delivered
	if h.srtt > 0 {
		b.rate = bbrStartupGain * float64(h.window) / h.srtt.Seconds()
		b.updateMinRTT(h.now, h.minRTT)
	}
}
