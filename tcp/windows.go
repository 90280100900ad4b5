package tcp

import "math"

// windows is what the algorithms that know the path by its losses have in common.
type windows struct {
	cwnd     int
	ssthresh int
	mss      int
	credit   int         // bytes that arrived beyond a gap, to be counted once it is filled
	hystart  *hystart    // nil: not in the first slow start, or no data was acknowledged yet
	valid    *validation // nil: nothing is known of the use of cwnd
	doubted  int         // bytes in use of a window in doubt, when a loss showed that it is too large; 0: none did
}

func (w *windows) window() int        { return w.cwnd }
func (w *windows) threshold() int     { return w.ssthresh }
func (w *windows) ownsRecovery() bool { return false }

func (w *windows) stage() string {
	switch {
	case w.cwnd >= w.ssthresh:
		return "congestion avoidance"
	case w.hystart != nil && w.hystart.baseline != 0:
		return "conservative slow start"
	}
	return "slow start"
}

func (w *windows) setMSS(mss int) {
	w.mss = mss
	w.cwnd = max(w.cwnd, mss)
}

// growth is the number of bytes for which an ACK lets cwnd grow: none in fast recovery but for the
// ACK that ends it, which finds cwnd where it is to be (RFC 5681 3.2 step 6, as in Linux), none
// where the application or the peer's window was the limit (RFC 9293 3.8.2, RFC 9438 5.8). A
// duplicate ACK lets it grow neither (RFC 5681 3.2 step 1), but what it says has arrived
// counts when the gap turns out to be late packets.
func (w *windows) growth(a *ackInfo) int {
	switch {
	case a.mended:
	case a.phase == recovery, a.phase == cwr:
		w.credit = 0
		return 0
	case !a.advanced:
		w.credit += a.acked
		return 0
	}
	n := a.acked + w.credit
	w.credit = 0
	if !a.full && a.phase != loss { // after a timeout cwnd is the limit
		return 0
	}
	return n
}

// slowStart adds what was acknowledged to cwnd, up to ssthresh (RFC 5681 3.1,
// RFC 3465 without its limit: one ACK may stand for a super-segment). It returns the bytes left for
// congestion avoidance.
func (w *windows) slowStart(a *ackInfo, n int) (rest int) {
	if w.ssthresh == math.MaxInt && a.phase == open {
		return w.firstSlowStart(a, n)
	}
	grow := min(n, max(0, w.ssthresh-w.cwnd))
	w.cwnd += grow
	return n - grow
}

// firstSlowStart has no ssthresh to go by, but the delay.
func (w *windows) firstSlowStart(a *ackInfo, n int) (rest int) {
	if w.hystart == nil {
		if a.nxt == 1 { // of the SYN, before any data: no round has begun
			return 0
		}
		w.hystart = &hystart{roundEnd: a.nxt}
	}
	grow, done := w.hystart.growth(a, n)
	if done {
		w.hystart, w.ssthresh = nil, w.cwnd
		return n
	}
	w.cwnd += grow
	return 0
}

// reduceTo sets ssthresh to a share of what is in flight, or was lately if that is more
// (RFC 7661 4.4.1), at least two segments (RFC 5681 (4)).
func (w *windows) reduceTo(share float64, inFlight int) {
	used := min(max(inFlight, w.pipeACK()), w.cwnd)
	w.ssthresh = max(int(share*float64(used)), 2*w.mss)
	w.hystart = nil
	w.doubted = 0
	if w.valid != nil && w.valid.doubt != 0 {
		w.doubted = used
	}
}

// marked follows a reduction for a mark of the path, which goes on where one for a loss ends, at two segments: down
// to a single one (RFC 9438 4.6, as RFC 3168 6.1.2). cwnd is what it was; there is nothing to undo.
func (w *windows) marked(share float64, cwnd int) {
	w.cwnd = min(w.ssthresh, max(int(share*float64(cwnd)), w.mss))
	w.doubted = 0
}

// restore is RFC 4015 4 (1): both go back to what they were.
func (w *windows) restore(before windows) {
	w.cwnd = max(w.cwnd, before.cwnd)
	w.ssthresh = max(w.ssthresh, before.ssthresh)
	w.doubted = 0
}

func (w *windows) lostRun(instant, lossSample) {}

// recovered: cwnd was at ssthresh all the while. Of a window in doubt a share was lost that the path
// could not carry, and is taken off: "cwnd = (Max(pipeACK,LossFlightSize) - R)/2" (RFC 7661 4.4.1).
func (w *windows) recovered(_ instant, again int) {
	if w.doubted == 0 {
		return
	}
	w.cwnd = max(int(float64(w.cwnd)*float64(w.doubted-again)/float64(w.doubted)), w.mss)
	w.ssthresh = max(w.cwnd, 2*w.mss)
	w.doubted = 0
}

// timedOutAgain sets cwnd to the loss window (RFC 5681 3.1).
func (w *windows) timedOutAgain(int) { w.cwnd, w.doubted = w.mss, 0 }

// synLost sets cwnd to one segment (RFC 5681 3.1, "the initial window ... MUST be
// set to 1 SMSS if the SYN or SYN/ACK is lost", of RFC 6928 2 too).
func (w *windows) synLost() { w.cwnd = w.mss }
