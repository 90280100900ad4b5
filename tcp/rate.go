package tcp

// The rate of delivery is estimated as in
// https://datatracker.ietf.org/doc/html/draft-ietf-ccwg-bbr-06#section-4.1: what arrived between
// a transmission and its acknowledgement, over the time that took to be sent, or to be
// acknowledged if that was longer. What duplicate ACKs without SACK tell of counts only once
// it is acknowledged.

// txRecord is the state of delivery at a transmission (4.1.2.1.2).
type txRecord struct {
	delivered   int64   // bytes that had arrived
	deliveredAt instant // when the last of those was acknowledged; 0: it carries no data
	firstSentAt instant // when that was sent
	lost        int64   // bytes found lost
	inFlight    int     // pipe, with this transmission
	appLimited  bool
}

// deliveryState is that of a connection now (4.1.2.1.1).
type deliveryState struct {
	delivered   int64
	deliveredAt instant
	firstSentAt instant
	lost        int64 // bytes ever found lost
	appLimited  int64 // until so much is delivered, a gap for want of data lowers the samples; 0: none does

	rate    float64 // bytes/s: the latest sample that is no lower bound, or a higher one; 0: none yet
	rateApp bool    // it is a lower bound: the application had nothing to send
	holds   int     // the bandwidth-delay product, in bytes
}

// rateSample is what an ACK tells of the rate of delivery (4.1.2.1.3).
type rateSample struct {
	rate       float64 // bytes/s; 0: there is none
	delivered  int     // bytes, in the interval of the sample; 0: nothing is known
	prior      int64   // bytes delivered before it
	priorLost  int64   // bytes found lost before it
	lost       int     // and since
	inFlight   int     // bytes in flight when what was acknowledged was sent
	appLimited bool
}

// noteSent records a transmission of data for the rate's sake, and for pacing (4.1.2.2).
func (c *tcb) noteSent(r *run) {
	if r.start == 0 {
		return // the SYN
	}
	l := c.account()
	c.countLost(r.at)
	pipe := c.pipe()
	if pipe <= int(r.end-r.start) { // nothing else is in flight
		l.firstSentAt, l.deliveredAt = r.at, r.at
	}
	r.tx = txRecord{
		delivered:   l.delivered,
		deliveredAt: l.deliveredAt,
		firstSentAt: l.firstSentAt,
		lost:        l.lost,
		inFlight:    pipe,
		appLimited:  l.appLimited != 0,
	}
	c.pace(r.at, int(r.end-r.start))
}

// noteAppLimited marks what is sent from now on, if there was room for more than the application
// gave us (4.1.2.4). It comes before anything that may change that.
func (c *tcb) noteAppLimited() {
	switch {
	case c.limits == nil, c.unsent() > 0, c.fl != nil && c.fl.lostBytes > 0, c.pipe() >= c.cwnd():
	case int(c.sndBuf.n) > c.sendBuffer()/2: // what it gave us is most of what we take
	default:
		c.markAppLimited()
	}
}

func (c *tcb) markAppLimited() {
	c.limits.appLimited = max(c.limits.delivered+int64(c.pipe()), 1)
}

// sampleRate takes in that n bytes have arrived, of which newest was sent last (4.1.2.3).
func (c *tcb) sampleRate(now instant, n int, newest *run) (s rateSample) {
	l := c.limits
	if l == nil || n == 0 {
		return s
	}
	l.delivered += int64(n)
	l.deliveredAt = now
	if l.delivered > l.appLimited {
		l.appLimited = 0
	}
	tx := &newest.tx
	if tx.deliveredAt == 0 || (c.rep != nil && c.rep.reneged) { // it may have arrived long ago, and counted
		return s
	}
	l.firstSentAt = newest.at
	s = rateSample{
		delivered:  int(l.delivered - tx.delivered),
		prior:      tx.delivered,
		priorLost:  tx.lost,
		inFlight:   tx.inFlight,
		appLimited: tx.appLimited,
	}
	interval := max(newest.at.sub(tx.firstSentAt), now.sub(tx.deliveredAt))
	if interval <= 0 || interval < c.rtt.minimum { // it was not the last transmission that arrived
		return s
	}
	s.rate = float64(s.delivered) / interval.Seconds()
	l.holds = max(l.holds, int(s.rate*c.rtt.minimum.Seconds()))
	if !s.appLimited || s.rate >= l.rate {
		l.rate, l.rateApp = s.rate, s.appLimited
	}
	return s
}

// countLost adds up what has been found lost since the last call, and tells congestion control of
// each transmission if it wants to know.
func (c *tcb) countLost(now instant) (n int) {
	l, f := c.limits, c.fl
	if f == nil || l == nil {
		return 0
	}
	n = f.marked
	for i := range f.log {
		r := &f.log[i]
		l.lost += r.end - r.start
		c.cc.lostRun(now, lossSample{r.tx, r.start, r.end, int(l.lost - r.tx.lost), l.delivered})
		f.marked -= int(r.end - r.start)
	}
	l.lost += int64(f.marked)
	f.marked, f.log = 0, f.log[:0]
	return n
}

// logLosses has the flight remember what is lost, if congestion control wants to know.
func (c *tcb) logLosses() { c.fl.logs = c.cc != nil && c.cc.ownsRecovery() }

// pathHolds is the bandwidth-delay product: the bytes that the path takes in the time of its
// shortest round trip, at the highest rate at which they have arrived; 0 before that is known.
func (c *tcb) pathHolds() int {
	if c.limits == nil {
		return 0
	}
	return c.limits.holds
}
