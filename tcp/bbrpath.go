package tcp

import "time"

// The model of the path: rounds, bandwidth, aggregation (draft-ietf-ccwg-bbr-06 5.5.1 to
// 5.5.6, 5.5.9).

// bbrRounds counts packet-timed round trips (5.5.1).
type bbrRounds struct {
	rounds     int
	roundEnd   int64 // next_round_delivered
	roundStart bool  // this ACK began a round
}

func (b *bbr) updateRound(s *rateSample) {
	if s.prior < b.roundEnd {
		return
	}
	b.startRound()
	b.rounds++
	b.sinceProbe++
	b.roundStart = true
}

func (b *bbr) startRound() { b.roundEnd = b.delivered }

// bbrPath is what the path can do.
type bbrPath struct {
	bw       float64    // bytes/s: what to send at
	filter   [2]float64 // the highest bandwidth of this cycle, and of the one before
	minRTT   time.Duration
	minRTTAt instant // 0: no sample yet

	// The most acknowledged beyond what bw explains, in this half of the filter, and in the one before.
	extra          [2]int
	extraRounds    int // that this half has seen
	extraSince     instant
	extraDelivered int
}

// maxBW is BBR.max_bw.
func (b *bbr) maxBW() float64 { return max(b.filter[0], b.filter[1]) }

// updateMaxBW is UpdateMaxBw (5.5.5). A sample that the application limited counts if it is higher.
func (b *bbr) updateMaxBW(s *rateSample) {
	if s.rate >= b.maxBW() || !s.appLimited {
		b.filter[0] = max(b.filter[0], s.rate)
	}
}

// advanceMaxBW begins a cycle of the filter; one without a sample is none.
func (b *bbr) advanceMaxBW() {
	if b.filter[0] > 0 {
		b.filter = [2]float64{0, b.filter[0]}
	}
}

// updateAggregation is UpdateACKAggregation (5.5.9).
func (b *bbr) updateAggregation(now instant, acked int) {
	expected := int(b.bw * now.sub(b.extraSince).Seconds())
	if b.extraDelivered <= expected || b.extraSince == 0 {
		b.extraDelivered, b.extraSince, expected = 0, now, 0
	}
	b.extraDelivered += acked
	if b.roundStart {
		b.ageExtra()
	}
	most := int(b.bw * bbrExtraTime.Seconds())
	b.extra[0] = max(b.extra[0], min(b.extraDelivered-expected, b.cwnd, most))
}

// ageExtra has the filter's halves take turns; in Startup only the latest round counts.
func (b *bbr) ageExtra() {
	b.extraRounds++
	switch {
	case !b.full:
		b.extra = [2]int{}
	case b.extraRounds >= bbrExtraRounds:
		b.extra = [2]int{0, b.extra[0]}
	default:
		return
	}
	b.extraRounds = 0
}
