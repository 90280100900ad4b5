package tcp

import "time"

// reno is the congestion control of RFC 5681, with the byte counting of RFC 3465.
type reno struct {
	windows
	counted int // bytes acknowledged since cwnd last grew in congestion avoidance
}

func (r *reno) acked(_ instant, n int, _ time.Duration) {
	r.counted = min(r.counted, r.cwnd) + r.slowStart(n) // cwnd may have been lowered meanwhile
	for r.counted >= r.cwnd {                           // one segment per round trip, RFC 3465 2.1
		r.counted -= r.cwnd
		r.cwnd += r.mss
	}
}

func (r *reno) lost(inFlight int) {
	r.reduceTo(0.5, inFlight)
	r.cwnd = r.ssthresh
	r.counted = 0
}

func (r *reno) timedOut(inFlight int) {
	r.reduceTo(0.5, inFlight)
	r.cwnd = r.mss
	r.counted = 0
}
