package tcp

import "time"

// pacer spaces what is sent: a quantum at a time, each when the one before it has been under way
// for as long as the rate has it. A timer wakes the connection, or an ACK if one comes first.
type pacer struct {
	next  instant // the next quantum may go from then on
	left  int     // bytes of the quantum that may go now
	until instant // something waits for next; 0: nothing does
	late  bool    // something waited when the last was sent, and what is late may be made up for
}

const (
	// quantumTime is how long a quantum lasts at the rate: a segment each time would take a
	// timer each time, and no super-segments (draft-ietf-ccwg-bbr-06 5.6.3, as Linux's
	// sk_pacing_shift).
	quantumTime = time.Millisecond
	maxQuantum  = 64 << 10
	// pacingCredit is how late what waits may be sent with the next quanta following at once for it:
	// timers fire late, we run late, and the rate is to be met all the same. The path does not
	// get more at a time than it would have had by then.
	pacingCredit = 10 * time.Millisecond
	// longestPause is the most that what waits is held back, as in Linux's fq: what goes then may show that
	// the rate, that of a peer whose window was a few bytes, is no longer right.
	longestPause = time.Second
)

// quantum is the number of bytes to send at a time, at a rate in bytes/s.
func quantum(rate float64, mss int) int {
	n := min(int(rate*quantumTime.Seconds()), maxQuantum)
	return max(n/mss, 2) * mss
}

// pacingRate is the rate in bytes/s at which data goes out; 0: as the windows allow.
func (c *tcb) pacingRate() float64 {
	if c.cc == nil {
		return 0
	}
	return c.cc.pacing()
}

// held reports whether data has to wait for its turn, and has a timer wake us then.
func (c *tcb) held(now instant) bool {
	l := c.limits
	if l == nil || c.pacingRate() == 0 || l.left > 0 || now >= l.next {
		return false
	}
	l.until = l.next
	return true
}

// pace takes note of n bytes sent.
func (c *tcb) pace(now instant, n int) {
	rate := c.pacingRate()
	if rate == 0 {
		return
	}
	l := c.limits
	q := quantum(rate, c.mss(c.tsLen()))
	if l.left <= 0 {
		l.left = q
	}
	l.left = min(l.left, q) - n
	begin := now
	if l.late {
		begin = now.add(-pacingCredit)
	}
	l.next = min(max(l.next, begin).add(rateTime(n, rate)), now.add(longestPause))
}

// rateTime is how long n bytes take at a rate in bytes/s, longestPause at the most.
func rateTime(n int, rate float64) time.Duration {
	return time.Duration(min(float64(n)/rate, longestPause.Seconds()) * float64(time.Second))
}

// pacedUntil is when something that waits for its turn may be sent; 0: nothing waits.
func (c *tcb) pacedUntil() instant {
	if c.limits == nil {
		return 0
	}
	return c.limits.until
}
