package tcp

import "time"

const (
	// initialReceiveBuffer is enough for the first round trips of a sender that starts slowly.
	initialReceiveBuffer = 128 << 10
	// leastTuneInterval is the time that a reader may be late for want of a processor, in which
	// the sender is not to stop.
	leastTuneInterval = 10 * time.Millisecond
	// tuneEpoch is how long the least round trip counts: the path may have changed.
	tuneEpoch = 10 * time.Second
)

// rcvTuner finds out how large a receive buffer has to be: four times what arrives in a round
// trip, and does not wait for the application. That lets a sender in slow start double, with as much
// again for what comes beyond a gap (Fisk and Feng, Dynamic Right-Sizing in TCP; Linux's
// tcp_rcv_space_adjust). A connection has one while its buffer may still grow.
type rcvTuner struct {
	since instant // when the interval began
	start int64   // what had arrived by then
	all   int64   // and by now: what filled a gap has not arrived anew when it is read
	most  int     // bytes that have arrived in an interval, at the most

	rtt, rttBefore time.Duration // the least of this epoch and of the one before; 0: none
	epoch          instant       // when this one began
	edge           int64         // without timestamps: of the window that was offered at edgeAt
	edgeAt         instant
}

// tuneReceive lets the receive buffer grow, if need be, after data has arrived.
func (c *tcb) tuneReceive(now instant, s *segment) {
	if c.rcvBufSet || int(c.rcvBuf) >= c.cfg.ReceiveBuffer {
		c.tuner = nil
		return
	}
	if c.pressure != memoryPlenty {
		return
	}
	t := c.tuner
	if t == nil {
		if c.rcvNxt < int64(c.rcvBuf/4) {
			return
		}
		all := c.arrivedInAll()
		t = &rcvTuner{since: now, start: all, all: all, edge: c.rcvEdge, edgeAt: now}
		c.tuner = t
	}
	c.sampleReceiveRTT(now, s)
	t.all = max(t.all, c.arrivedInAll())
	if n := int(t.all - t.start); n > t.most {
		t.most = n
		c.rcvBuf = int32(min(max(int(c.rcvBuf), 4*n), c.cfg.ReceiveBuffer))
	}
	if now.sub(t.since) >= max(t.leastRTT(), leastTuneInterval) {
		t.since, t.start = now, t.all
	}
}

// arrivedInAll is the number of bytes that have arrived, beyond a gap too, without those that
// wait for the application.
func (c *tcb) arrivedInAll() int64 {
	n := c.rcvNxt - int64(c.queue.n)
	if c.ooo != nil {
		n += int64(c.ooo.bytes)
	}
	return n
}

// sampleReceiveRTT measures a round trip as the receiver sees it: from an ACK to the data
// that echoes its timestamp, or, without those, from the offer of a window to the first data beyond.
// It may be too long by what the sender waited, so that the least one counts.
func (c *tcb) sampleReceiveRTT(now instant, s *segment) {
	t := c.tuner
	switch {
	case c.tsOK && s.Options.TSEcr != 0:
		took := time.Duration(int32(c.tsNow(now)-s.Options.TSEcr)) * time.Millisecond
		if took < 0 || took > c.cfg.MaxRTO { // it is no echo of ours
			return
		}
		if now.sub(t.epoch) > tuneEpoch {
			t.rttBefore, t.rtt, t.epoch = t.rtt, 0, now
		}
		t.noteRTT(max(took, granularity)) // that of the clock, which may not have ticked
	case !c.tsOK && c.rcvNxt > t.edge:
		// A window may last for several round trips once it has grown, so the least is never forgotten.
		t.noteRTT(now.sub(t.edgeAt))
		t.edge, t.edgeAt = c.rcvEdge, now
	}
}

func (t *rcvTuner) noteRTT(sample time.Duration) {
	if t.rtt == 0 || sample < t.rtt {
		t.rtt = sample
	}
}

func (t *rcvTuner) leastRTT() time.Duration {
	if t.rttBefore != 0 && t.rttBefore < t.rtt {
		return t.rttBefore
	}
	return t.rtt
}
