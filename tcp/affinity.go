package tcp

// follow has the connection's segments leave on the queue that s came in on: where answers come
// from there, the device keeps the flow, and so its order.
func (c *Conn) follow(s *segment) {
	if s.queue != c.queue && c.tcb.mayBeLatest(s) {
		c.queue = s.queue
	}
}

// mayBeLatest reports whether the peer may have sent nothing after s that is here already. When
// the device has moved the flow, what is left on the old queue may come late, and is not to move
// it back.
func (c *tcb) mayBeLatest(s *segment) bool {
	if c.state == SynSent {
		return true
	}
	seq := c.rcvPos(s.Seq)
	return c.ooo == nil && seq >= c.rcvNxt && seq <= c.rcvEdge && c.sndPos(s.Ack) >= c.sndUna
}
