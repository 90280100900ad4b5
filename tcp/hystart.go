package tcp

import "time"

// The constants of RFC 9406 4.3 (https://www.rfc-editor.org/rfc/rfc9406#section-4.3). There is
// no limit L to what one ACK adds: it may stand for a super-segment.
const (
	hyMinThresh  = 4 * time.Millisecond  // MIN_RTT_THRESH
	hyMaxThresh  = 16 * time.Millisecond // MAX_RTT_THRESH
	hyDivisor    = 8                     // MIN_RTT_DIVISOR
	hySamples    = 8                     // N_RTT_SAMPLE
	hyCSSDivisor = 4                     // CSS_GROWTH_DIVISOR
	hyCSSRounds  = 5                     // CSS_ROUNDS
)

// hystart ends the first slow start when the round-trip time says that a queue builds, before
// it overflows (RFC 9406): it first goes on slowly for some rounds, for
// the delay may have been jitter.
type hystart struct {
	roundEnd int64         // windowEnd: what was sent when the round began
	minimum  time.Duration // currentRoundMinRTT; 0: none yet
	last     time.Duration // lastRoundMinRTT; 0: none
	baseline time.Duration // cssBaselineMinRtt; 0: not in conservative slow start
	samples  int           // rttSampleCount
	rounds   int           // in conservative slow start
}

// growth is how much of the n bytes that may be added to cwnd are; done means that slow start
// ends (4.2).
func (h *hystart) growth(a *ackInfo, n int) (grow int, done bool) {
	if a.una >= h.roundEnd {
		if h.baseline != 0 {
			h.rounds++
		}
		if h.rounds >= hyCSSRounds {
			return 0, true
		}
		h.last, h.minimum, h.samples = h.minimum, 0, 0
		h.roundEnd = a.nxt
	}
	h.sample(a.rtt)
	if h.baseline != 0 {
		return n / hyCSSDivisor, false
	}
	return n, false
}

// sample takes a round-trip time in.
func (h *hystart) sample(rtt time.Duration) {
	if rtt == 0 {
		return
	}
	h.samples++
	if h.minimum == 0 || rtt < h.minimum {
		h.minimum = rtt
	}
	if h.samples < hySamples {
		return
	}
	switch {
	case h.baseline == 0 && h.last != 0:
		if h.minimum >= h.last+min(max(h.last/hyDivisor, hyMinThresh), hyMaxThresh) {
			h.baseline, h.rounds = h.minimum, 0
		}
	case h.minimum < h.baseline: // it was jitter
		h.baseline = 0
	}
}
