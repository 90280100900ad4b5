package tcp

// prr is Proportional Rate Reduction (RFC 6937): in a fast recovery, sending is spread over the
// ACKs so that ssthresh bytes are in the network at its end, neither halted at first nor
// sent in a burst.
type prr struct {
	flight    int // RecoverFS: FlightSize when the recovery began
	delivered int // prr_delivered: bytes that arrived since then
	out       int // prr_out: bytes sent since then
	cwnd      int
}

// update is RFC 6937 3, for an ACK by which bytes arrived, with pipe bytes then in the network.
// progress: SND.UNA moved and nothing more was lost. Only then the window may grow
// back in slow start, as Linux has it; else by as much as arrives.
func (p *prr) update(bytes, pipe, ssthresh, mss int, progress bool) {
	p.delivered += bytes
	room := 0
	if pipe > ssthresh { // proportional
		flight := int64(max(p.flight, 1)) // an int of 32 bits does not hold the product of two windows
		room = int((int64(p.delivered)*int64(ssthresh)+flight-1)/flight) - p.out
	} else {
		limit := p.delivered - p.out // PRR-CRB
		if progress {
			limit = max(limit, bytes) + mss // PRR-SSRB
		}
		room = min(ssthresh-pipe, limit)
	}
	p.cwnd = pipe + max(0, room)
}

// reducePaced takes the cut of cwnd one step further, to ssthresh, or below for a mark. An ACK without news is none: what little
// it would leave to send after a small flight may be less than a segment.
func (c *tcb) reducePaced(n *news, lost int) {
	if n.bytes == 0 && lost == 0 {
		return
	}
	c.rep.prr.update(n.bytes, c.pipe(), c.cc.window(), c.mss(c.tsLen()), n.advanced && lost == 0)
}

// usesPRR reports whether PRR has the say on cwnd now. Without SACK, a recovery sends what
// duplicate ACKs let it (RFC 6582).
func (c *tcb) usesPRR() bool {
	return (c.phase == cwr || c.phase == recovery && c.sacks) && !c.cc.ownsRecovery()
}
