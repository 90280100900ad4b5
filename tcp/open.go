package tcp

import "github.com/tinystack/tinystack/internal/counter"

const (
	// defaultMSS is what a peer takes that did not say (RFC 9293 3.7.1).
	defaultMSS = 536
	// minMSS keeps a peer from making us send a header for every byte.
	minMSS = 48
	// dupThresh is the number of duplicate ACKs that show a loss (RFC 5681 3.2).
	dupThresh = 3
)

// synOptions are what a SYN offers, or a SYN-ACK agrees to. They are kept in a
// half-open record in place of a whole tcb.
type synOptions struct {
	mss        uint16 // of the peer
	scale      uint8
	scaleOK    bool
	sackOK     bool
	tsOK       bool
	ecn        bool
	tsVal      uint32
	window     uint16
	peerSynSeq Seq
}

func readSyn(h *Header) synOptions {
	o := synOptions{
		mss:        defaultMSS,
		scale:      min(h.Options.WindowScale, maxWindowScale), // RFC 7323 2.3
		scaleOK:    h.Options.HasWindowScale,
		sackOK:     h.Options.SACKPermitted,
		tsOK:       h.Options.HasTimestamps,
		ecn:        offersECN(h.Flags),
		tsVal:      h.Options.TSVal,
		window:     h.Window,
		peerSynSeq: h.Seq,
	}
	if h.Options.MSS != 0 {
		o.mss = max(h.Options.MSS, minMSS)
	}
	return o
}

// scaleFor is the smallest window scale that can tell of a window of n bytes.
func scaleFor(n int) uint8 {
	scale := uint8(0)
	for n>>scale > 65535 && scale < maxWindowScale {
		scale++
	}
	return scale
}

// offerAll sets what our SYN offers.
func (c *tcb) offerAll() {
	c.tsOK, c.sackOK, c.scaleOK = true, !c.cfg.NoSACK, true
	if c.cfg.ECN != ECNOff {
		c.ecn = ecnOK
	}
	c.rcvScale = scaleFor(c.cfg.ReceiveBuffer)
}

// connect begins an active open (RFC 9293 3.10.1).
func (c *tcb) connect(now instant) {
	c.offerAll()
	if c.cfg.ECN == ECNPassive {
		c.ecn = 0
	}
	c.state = SynSent
	c.lastAcked, c.lastRecv, c.lastData = now, now, now
	counter.Inc(&c.stats.ActiveOpens)
}

// learnSyn takes from the peer's SYN where its stream begins and what it agrees to.
func (c *tcb) learnSyn(now instant, o synOptions) {
	c.irs = o.peerSynSeq
	c.rcvNxt, c.lastAckSent = 1, 1
	c.peerMSS = o.mss
	c.tsOK = c.tsOK && o.tsOK
	c.sackOK = c.sackOK && o.sackOK
	c.sacks = c.sackOK
	c.scaleOK = c.scaleOK && o.scaleOK
	if !o.ecn {
		c.ecn = 0
	}
	if c.scaleOK {
		c.sndScale = o.scale
	} else {
		c.rcvScale = 0
	}
	if c.tsOK {
		c.tsRecent, c.tsRecentAt = o.tsVal, now
	}
	c.setSendWindow(int(o.window), 0, 0) // never scaled in a SYN (RFC 7323 2.2)
	c.rcvEdge = c.rcvNxt + int64(min(c.rcvBuf, 65535))
}

// accept begins in SYN-RECEIVED with the SYN-ACK sent at sentAt (0: more than once),
// for the segment with its ACK that receive is given next.
func (c *tcb) accept(now instant, o synOptions, sentAt instant) {
	c.offerAll()
	c.learnSyn(now, o)
	c.state = SynReceived
	c.fl = newFlight()
	c.fl.sent(now, 0, 1)
	r := &c.fl.live()[0]
	r.at, r.first, r.resent = sentAt, max(sentAt, 1), sentAt == 0 // sent twice, it is not known when first
	c.sndNxt = 1
	c.lastAcked, c.lastSent, c.lastRecv, c.lastData = now, now, now, now
	c.startCongestion()
	if r.resent {
		c.synWasLost()
	}
	c.armRexmit(now, false)
}

// synWasLost starts slowly where the SYN or SYN-ACK was sent more than once.
func (c *tcb) synWasLost() {
	c.cc.synLost()
	c.rtt.synLost()
}

// startCongestion begins with the initial window, once the segment size is known.
func (c *tcb) startCongestion() {
	if c.cc == nil {
		c.cc = newCongestion(c.cfg.Congestion, c.mss(c.tsLen()), uint32(c.iss))
		return
	}
	c.cc.setMSS(c.mss(c.tsLen()))
}

// tsLen is the number of option bytes in an ordinary segment.
func (c *tcb) tsLen() int {
	if c.tsOK {
		return timestampsLen
	}
	return 0
}

// mss is the most data in bytes that one segment on the wire takes, beside
// optLen bytes of options (RFC 9293 3.7.1, Eff.snd.MSS).
func (c *tcb) mss(optLen int) int {
	return max(1, min(int(c.peerMSS), c.maxSegment)-optLen)
}

// setPath takes what the network layer says of the path: the MTU less the
// network header, and whether super-segments may be sent.
func (c *tcb) setPath(mtu int, tso bool) {
	c.tso = tso
	n := mtu - minHeaderLen
	if n == c.maxSegment {
		return
	}
	before := c.mss(c.tsLen())
	c.maxSegment = n
	mss := c.mss(c.tsLen())
	if c.cc != nil {
		c.cc.setMSS(mss)
	}
	if mss < before {
		c.pathShrank(mss)
	}
}

// receiveSynSent is RFC 9293 3.10.7.3.
func (c *tcb) receiveSynSent(now instant, s *segment) {
	ackOK := false
	if s.Flags.Has(ACK) { // First, check the ACK bit
		ack := c.sndPos(s.Ack)
		if ack <= 0 || ack > c.sndNxt {
			s.drop(&c.stats.InBadAck)
			c.refuse(s)
			return
		}
		ackOK = true
	}
	switch {
	case s.Flags.Has(RST): // Second, check the RST bit
		if !ackOK {
			s.drop(&c.stats.InBadState)
			return
		}
		c.end(errRefused)
	case s.Flags.Has(SYN): // Fourth, check the SYN bit
		c.learnSyn(now, readSyn(&s.Header))
		if !ackOK {
			c.simultaneousOpen()
			return
		}
		c.startCongestion()
		c.establish(now)
		c.ackedData(now, s, c.sndPos(s.Ack))
		c.ack(whyHandshakeAck)
		// Data and FIN that came with the SYN-ACK (RFC 9293 3.10.7.3, last paragraph but one).
		c.text(now, s, c.trim(s, 1))
	default: // Fifth
		s.drop(&c.stats.InBadState)
	}
}

// simultaneousOpen: a SYN crossed ours; our SYN goes out again with an ACK (RFC 9293 3.5).
func (c *tcb) simultaneousOpen() {
	c.state = SynReceived
	c.startCongestion()
	c.fl.markFirstLost(1)
	c.resendNow, c.lossWhy = true, whySimultaneous
}

// establish enters ESTABLISHED, or FIN-WAIT-1 if the application closed meanwhile.
func (c *tcb) establish(now instant) {
	c.state = Established
	if c.finAt != 0 {
		c.state = FinWait1
	}
	if c.phase == loss { // of our SYN, which is no sign of congestion
		c.endRecovery(now)
		c.synWasLost()
	}
	if c.ecn.has(ecnOK) {
		counter.Inc(&c.stats.EcnAgreed)
	}
	c.softErr = nil
	c.touchKeepAlive(now)
}
