package tcp

import "time"

// Congestion window validation is that of RFC 7661 (https://www.rfc-editor.org/rfc/rfc7661), which
// obsoletes RFC 2861. By the older one, as in Linux, a window shrinks to half for each
// retransmission timeout of silence, so that who pauses starts slowly again. Here it is kept
// for five minutes; while it is in doubt it does not grow, a loss takes it down to what was
// really in use, and what is sent is paced, so that no burst of a whole window meets a path
// that may have changed.

// nonValidatedPeriod is how long a window in doubt is kept (5).
const nonValidatedPeriod = 5 * time.Minute

// validation is what is known of how much of cwnd was put to use.
type validation struct {
	// pipeACK: the most acknowledged in a round trip, in this half of its sampling period and in the one before.
	volumes [2]int
	half    time.Duration // the sampling period's
	turned  instant       // this half of it began; 0: pipeACK is undefined (4.1)
	doubt   instant       // since then cwnd is not validated; 0: it is
	minRTT  time.Duration
}

// validate takes in what an ACK tells.
func (w *windows) validate(a *ackInfo) {
	if w.valid == nil {
		if a.rate.delivered == 0 {
			return
		}
		w.valid = new(validation)
	}
	v := w.valid
	v.half = max(3*a.srtt, time.Second) / 2 // 4.2
	v.minRTT = a.minRTT
	if a.phase != open { // 4.4.1: no samples in recovery, and pipeACK is undefined after it
		v.forget()
		return
	}
	v.turn(a.now)
	v.volumes[0] = max(v.volumes[0], a.rate.delivered)
	w.check(a.now, a.now, a.full)
}

// forget leaves pipeACK undefined, so that the window passes for validated until there is a sample.
func (v *validation) forget() { v.volumes, v.turned, v.doubt = [2]int{}, 0, 0 }

// turn forgets what is older than the sampling period.
func (v *validation) turn(now instant) {
	switch age := now.sub(v.turned); {
	case v.turned == 0 || age >= 2*v.half:
		v.volumes = [2]int{}
	case age >= v.half:
		v.volumes = [2]int{0, v.volumes[0]}
	default:
		return
	}
	v.turned = now
}

// pipeACK is the volume of RFC 7661 4.2.
func (w *windows) pipeACK() int {
	if w.valid == nil {
		return 0
	}
	return max(w.valid.volumes[0], w.valid.volumes[1])
}

// check tells whether cwnd is validated (4.3), if not from a moment on; used: it was full.
// What the path could take from the start needs no proof.
func (w *windows) check(now, from instant, used bool) {
	v := w.valid
	if used || w.pipeACK() >= w.cwnd/2 || w.cwnd <= initialWindow(w.mss) {
		v.doubt = 0
		return
	}
	if v.doubt == 0 {
		v.doubt = from
	}
	for now.sub(v.doubt) >= nonValidatedPeriod && w.cwnd > initialWindow(w.mss) { // 4.4.3
		w.ssthresh = max(w.ssthresh, w.cwnd/4*3)
		w.cwnd = max(w.cwnd/2, initialWindow(w.mss))
		v.doubt = v.doubt.add(nonValidatedPeriod)
	}
}

// restart: nothing was sent for so long, for whatever reason. A sampling period without a sample
// is one that tells of nothing, also where the last flight ended in a recovery.
func (w *windows) restart(now instant, idle time.Duration, _ bool) {
	v := w.valid
	if v == nil || (v.turned == 0 && idle < 2*v.half) {
		return
	}
	v.turn(now)
	w.check(now, now.add(-idle), false)
}

// pacing spreads what a window in doubt allows over a round trip (4.4.2), the shortest one, so that no
// longer queue builds than when it was in use.
func (w *windows) pacing() float64 {
	v := w.valid
	if v == nil || v.doubt == 0 || v.minRTT <= 0 {
		return 0
	}
	return float64(w.cwnd) / v.minRTT.Seconds()
}
