package tcp

// reno is the congestion control of RFC 5681, with the byte counting of RFC 3465.
type reno struct {
	windows
	counted int      // bytes acknowledged since cwnd last grew in congestion avoidance
	before  *windows // the latest reduction; nil: there is none to undo
}

func (r *reno) name() string { return Reno }

func (r *reno) acked(a ackInfo) {
	r.validate(&a)
	n := r.slowStart(&a, r.growth(&a))
	r.counted = min(r.counted, r.cwnd) + n // cwnd may have been lowered meanwhile
	for r.counted >= r.cwnd {              // one segment per round trip, RFC 3465 2.1
		r.counted -= r.cwnd
		r.cwnd += r.mss
	}
}

// lost leaves whole segments, as in Linux: a part of one lets none go, but would have to be
// acknowledged for cwnd to grow.
func (r *reno) lost(_ instant, inFlight int) {
	w := r.windows
	r.before = &w
	r.reduceTo(0.5, inFlight)
	r.ssthresh -= r.ssthresh % r.mss
	r.cwnd = r.ssthresh
	r.counted = 0
}

func (r *reno) timedOut(now instant, inFlight, _ int) {
	r.lost(now, inFlight)
	r.cwnd, r.doubted = r.mss, 0
}

// ecnEcho is as a loss, but for small windows (RFC 3168 6.1.2).
func (r *reno) ecnEcho(now instant, inFlight int) {
	cwnd := r.cwnd
	r.lost(now, inFlight)
	r.marked(0.5, cwnd)
	r.before = nil
}

func (r *reno) undo(instant) {
	if r.before != nil {
		r.restore(*r.before)
		r.before = nil
	}
}
