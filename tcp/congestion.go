package tcp

import (
	"fmt"
	"math"
	"time"
)

// congestion decides how many bytes may be in flight. It counts bytes, is told
// events, and holds no connection.
type congestion interface {
	// window is cwnd, at least one segment.
	window() int
	// threshold is ssthresh; math.MaxInt until the first loss.
	threshold() int
	// acked: n bytes were newly acknowledged outside of fast recovery, while cwnd
	// was what held the sender back.
	acked(now instant, n int, srtt time.Duration)
	// lost: a loss was detected with inFlight bytes out; fast recovery begins.
	lost(inFlight int)
	// timedOut: the retransmission timer expired, for the first time for this data.
	timedOut(inFlight int)
	// timedOutAgain: it expired again; ssthresh stays as it is (RFC 5681 3.1).
	timedOutAgain()
	// idle: nothing was sent for longer than a retransmission timeout.
	idle()
	// synLost: the SYN had to be sent again.
	synLost()
	// setMSS changes the segment size.
	setMSS(mss int)
}

// The congestion control algorithms there are.
const (
	CUBIC = "cubic" // RFC 9438, the default
	Reno  = "reno"  // RFC 5681
)

// newCongestion returns the state of the named algorithm for a new connection.
func newCongestion(name string, mss int) congestion {
	w := windows{cwnd: initialWindow(mss), ssthresh: math.MaxInt, mss: mss}
	if name == Reno {
		return &reno{windows: w}
	}
	return &cubic{windows: w}
}

func checkCongestion(name string) error {
	switch name {
	case "", CUBIC, Reno:
		return nil
	}
	return fmt.Errorf("tcp: unknown congestion control %q: want %q or %q", name, CUBIC, Reno)
}

// initialWindow is the window of a new connection (RFC 6928 2).
func initialWindow(mss int) int { return min(10*mss, max(2*mss, 14600)) }

// windows is what all algorithms have in common.
type windows struct {
	cwnd     int
	ssthresh int
	mss      int
}

func (w *windows) window() int    { return w.cwnd }
func (w *windows) threshold() int { return w.ssthresh }
func (w *windows) setMSS(mss int) {
	w.mss = mss
	w.cwnd = max(w.cwnd, mss)
}

// slowStart adds what was acknowledged to cwnd, up to ssthresh (RFC 5681 3.1,
// RFC 3465 without its limit: one ACK may stand for a super-segment). It returns the bytes left for
// congestion avoidance.
func (w *windows) slowStart(n int) (rest int) {
	grow := min(n, max(0, w.ssthresh-w.cwnd))
	w.cwnd += grow
	return n - grow
}

// reduceTo sets ssthresh to a share of what is in flight, at least two segments
// (RFC 5681 (4)).
func (w *windows) reduceTo(share float64, inFlight int) {
	w.ssthresh = max(int(share*float64(min(inFlight, w.cwnd))), 2*w.mss)
}

// timedOutAgain sets cwnd to the loss window (RFC 5681 3.1).
func (w *windows) timedOutAgain() { w.cwnd = w.mss }

// idle sets cwnd to the restart window (RFC 5681 4.1).
func (w *windows) idle() { w.cwnd = min(w.cwnd, initialWindow(w.mss)) }

// synLost sets cwnd to one segment (RFC 5681 3.1, "the initial window ... MUST be
// set to 1 SMSS if the SYN or SYN/ACK is lost", of RFC 6928 2 too).
func (w *windows) synLost() { w.cwnd = w.mss }
