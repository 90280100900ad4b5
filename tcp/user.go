package tcp

import "net"

// The user's calls (RFC 9293 3.9.1), as far as they concern the state.

// canWrite reports whether there is a stream to write to.
func (c *tcb) canWrite() bool {
	return c.finAt == 0 && (c.state == Established || c.state == CloseWait)
}

// readable reports whether a Read would not wait.
func (c *tcb) readable() bool { return c.queue.n > 0 || c.ended() }

// ended reports whether nothing more will come from the peer.
func (c *tcb) ended() bool {
	return c.state == Closed || c.noReader || c.finTaken()
}

// finTaken reports whether all up to the peer's FIN has arrived.
func (c *tcb) finTaken() bool { return c.rcvFin != 0 && c.rcvNxt > c.rcvFin }

// read takes n bytes that have arrived for p: those of the chunks that it returns are to be copied to the beginning
// of p, what follows them is there.
func (c *tcb) read(p []byte) (n int, whole *chunk) {
	whole, n = c.queue.takeWhole(len(p))
	n += c.queue.read(p[n:])
	c.roomMade()
	return n, whole
}

// roomMade has an ACK tell the peer that the window has opened, if that is of use to it: it
// has at least doubled, by a segment or half the buffer (RFC 9293 3.8.6.2.2), and the
// peer has used half of what it was told last, or has too little for two segments.
func (c *tcb) roomMade() {
	if !c.state.receives() || c.rcvFin != 0 {
		return
	}
	left := c.rcvEdge - c.rcvNxt
	told := c.rcvEdge - c.lastAckSent
	room := int64(c.receiveRoom())
	opened := room-left >= int64(min(int(c.rcvBuf/2), c.maxSegment)) && room >= 2*left
	if opened && (2*left <= told || left < int64(2*c.maxSegment)) {
		c.ack(whyWindowUpdate)
	}
}

// closeWrite queues a FIN after all data (RFC 9293 3.10.4).
func (c *tcb) closeWrite() {
	if c.finAt != 0 {
		return
	}
	c.finAt = c.sndBuf.end()
	switch c.state {
	case Established:
		c.state = FinWait1
	case CloseWait:
		c.state = LastAck
	case SynSent:
		c.end(net.ErrClosed)
	}
}

// closeRead drops what is queued and what will come.
func (c *tcb) closeRead() {
	c.noReader = true
	c.queue.free()
	c.roomMade()
}

// close is the end of the application's interest: what was written is delivered
// in the background. Data that will not be read resets the connection, so that
// the peer does not think it arrived (RFC 9293 3.6.1).
func (c *tcb) close(now instant) {
	unread := c.queue.n > 0 && !c.noReader
	c.orphan, c.noReader = true, true
	c.queue.free()
	if unread {
		c.abort(nil)
		return
	}
	c.closeWrite()
	c.startLinger(now)
}

// abort ends the connection with a RST (RFC 9293 3.10.5).
func (c *tcb) abort(err error) {
	switch c.state {
	case Closed, TimeWait, SynSent:
	case Closing, LastAck: // the peer has closed, too: only if it lacks something of ours
		c.resetNow = c.unsent() > 0 || c.finUnsent()
	default:
		c.resetNow = true
	}
	c.end(err)
}
