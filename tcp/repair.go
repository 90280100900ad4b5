package tcp

// repair is what loss recovery remembers of a connection. One that has lost, probed and
// reordered nothing so far has none.
type repair struct {
	recover  int64 // what was sent when the phase began
	dupAcks  int32
	bare     int32 // duplicate ACKs in a row without the SACK blocks agreed on
	dupAcked int   // bytes that duplicate ACKs without SACK say have left the network
	prr      prr
	undo     undo
	frto     frto
	reorder  reordering
	reneged  bool  // in this recovery, what the peer had said it has was taken for missing
	probeEnd int64 // TLP.end_seq: what was sent when the last tail loss probe went out; 0: none is out
	probeOld bool  // TLP.is_retrans: it carried old data
}

// repairs returns what loss recovery remembers, from now on.
func (c *tcb) repairs() *repair {
	if c.rep == nil {
		c.rep = new(repair)
	}
	return c.rep
}

// forgetDupAcks is for an ACK of new data.
func (c *tcb) forgetDupAcks() {
	if c.rep != nil {
		c.rep.dupAcks, c.rep.dupAcked, c.rep.bare = 0, 0, 0
	}
}
