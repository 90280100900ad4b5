package tcp

import (
	"math"
	"time"
)

// What the model makes of the pace and the window (draft-ietf-ccwg-bbr-06 5.6).

// initPacing is InitPacingRate: the initial window in a round trip, once one is known.
func (b *bbr) initPacing(srtt time.Duration) {
	if b.rate == 0 && srtt > 0 {
		b.rate = bbrStartupGain * float64(b.initial) / srtt.Seconds()
	}
}

// setPacing is SetPacingRateWithGain (5.6.2). Until the pipe has been full the rate only grows.
func (b *bbr) setPacing(gain float64) {
	rate := gain * b.bw * bbrMargin
	if rate > 0 && (b.full || rate > b.rate) {
		b.rate = rate
	}
}

// bdp is BDPMultiple.
func (b *bbr) bdp(gain float64) int { return b.bdpOf(b.bw, gain) }

func (b *bbr) bdpOf(bw, gain float64) int {
	if b.minRTTAt == 0 || bw == 0 {
		return int(gain * float64(b.initial))
	}
	return int(gain * bw * b.minRTT.Seconds())
}

// budget is QuantizationBudget: enough for offloads, for delayed ACKs, and for ProbeBW_UP to show.
func (b *bbr) budget(n int) int {
	n = max(n, 3*quantum(b.rate, b.mss), bbrMinSegments*b.mss)
	if b.state == bbrUp {
		n += 2 * b.mss
	}
	return n
}

// inflight is Inflight: what a share of the path holds.
func (b *bbr) inflight(bw, gain float64) int { return b.budget(b.bdpOf(bw, gain)) }

// inflightWithHeadroom leaves room for others below the bound that losses have set.
func (b *bbr) inflightWithHeadroom() int {
	if b.inflightLong == math.MaxInt {
		return math.MaxInt
	}
	headroom := max(b.mss, int(bbrHeadroom*float64(b.inflightLong)))
	return max(b.inflightLong-headroom, bbrMinSegments*b.mss)
}

// targetInflight is TargetInflight.
func (b *bbr) targetInflight() int { return min(b.bdp(1), b.cwnd) }

func (b *bbr) probeRTTWindow() int { return max(b.bdp(bbrRTTWindowGain), bbrMinSegments*b.mss) }

// setWindow is SetCwnd (5.6.4.6): down at once, up by what arrives.
func (b *bbr) setWindow(acked int) {
	limit := b.budget(b.bdp(b.cwndGain) + max(b.extra[0], b.extra[1]))
	switch {
	case b.full:
		b.cwnd = min(b.cwnd+acked, limit)
	case b.cwnd < limit, b.delivered < int64(b.initial):
		b.cwnd += acked
	}
	b.cwnd = max(b.cwnd, bbrMinSegments*b.mss)
	if b.state == bbrRTT {
		b.cwnd = min(b.cwnd, b.probeRTTWindow())
	}
	b.boundWindow()
}

// boundWindow is BoundCwndForModel (5.6.4.7).
func (b *bbr) boundWindow() {
	limit := math.MaxInt
	switch {
	case b.state == bbrRTT, b.state == bbrCruise:
		limit = b.inflightWithHeadroom()
	case b.probesBW():
		limit = b.inflightLong
	}
	limit = max(min(limit, b.inflightShort), bbrMinSegments*b.mss)
	b.cwnd = min(b.cwnd, limit)
}

// saveCwnd keeps the last good window (5.6.4.4).
func (b *bbr) saveCwnd() {
	if b.recovering || b.state == bbrRTT {
		b.priorCwnd = max(b.priorCwnd, b.cwnd)
		return
	}
	b.priorCwnd = b.cwnd
}

func (b *bbr) restoreCwnd() { b.cwnd = max(b.cwnd, b.priorCwnd) }
