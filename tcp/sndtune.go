package tcp

// sendBuffer is the most bytes to hold now. Four times what the path holds lets slow start
// double, with as much again in wait; a buffer larger than the path needs only makes the data
// leave the processor's cache before it is sent.
func (c *tcb) sendBuffer() int {
	size := int(c.sndBufMax)
	if !c.sndBufSet {
		size = min(size, max(initialSendBuffer, 4*c.pathHolds()))
	}
	switch c.pressure {
	case memoryScarce:
		return min(size, scarceSendBuffer)
	case memoryFull:
		return min(size, minBuffer)
	}
	return size
}

// write queues as much of p as there is room for.
func (c *tcb) write(p []byte) int {
	c.noteAppLimited()
	n := c.sndBuf.write(p[:min(len(p), c.belowMark())], c.sendBuffer())
	c.starved = n < len(p)
	return n
}

// belowMark is how many bytes may be written before so many are unsent as the low-water mark has it. Of
// the last segment below it there is always room for the rest.
func (c *tcb) belowMark() int {
	left := int(c.notSentLowat) - c.unsent()
	switch {
	case c.notSentLowat == 0:
		return maxBuffer
	case left <= 0:
		return 0
	}
	return max(left, c.mss(c.tsLen()))
}

// writable reports whether enough room has come free to wake a writer: a third of the buffer, and as in
// Linux half of what the low-water mark allows. What was sacked fills the buffer until the gap
// before it is: then any room will do, or there would be nothing to send meanwhile.
func (c *tcb) writable() bool {
	size := c.sendBuffer()
	enough := size / 3
	if c.fl != nil && c.fl.sackedBytes > 0 && c.unsent() == 0 {
		enough = min(enough, c.burst(c.mss(c.tsLen())))
	}
	return size-int(c.sndBuf.n) >= enough && (c.notSentLowat == 0 || 2*c.unsent() < int(c.notSentLowat))
}
