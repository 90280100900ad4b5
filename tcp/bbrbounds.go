package tcp

import "math"

// What losses say of the model (draft-ietf-ccwg-bbr-06 5.5.10, 5.5.11).

// bbrBounds are the bounds that losses set: long-term ones from probing, short-term ones from
// losses while not probing.
type bbrBounds struct {
	bwShort        float64 // bw_shortterm; +Inf: none
	inflightShort  int     // inflight_shortterm; math.MaxInt: none
	inflightLong   int     // inflight_longterm; math.MaxInt: none
	bwLatest       float64 // the highest of the latest round trip
	inflightLatest int
	gainBefore     float64 // at which the round before was paced
	lossInRound    bool
	markInRound    bool  // by ECN
	lossRoundEnd   int64 // loss_round_delivered
	lossRoundStart bool  // this ACK began such a round
	lossRanges     int   // found lost in it, apart from each other
	lostUpTo       int64 // the end of the latest
	recovering     bool  // in fast recovery or after a timeout
}

func (b *bbr) updateLatest(s *rateSample) {
	b.bwLatest = max(b.bwLatest, s.rate)
	b.inflightLatest = max(b.inflightLatest, s.delivered)
	if s.prior >= b.lossRoundEnd {
		b.lossRoundEnd = b.delivered
		b.lossRoundStart = true
	}
}

func (b *bbr) advanceLatest(s *rateSample) {
	if b.lossRoundStart {
		b.bwLatest, b.inflightLatest = s.rate, s.delivered
	}
}

func (b *bbr) resetSignals() {
	b.lossInRound, b.markInRound = false, false
	b.bwLatest, b.inflightLatest = 0, 0
}

func (b *bbr) resetShortTerm() { b.bwShort, b.inflightShort = math.Inf(1), math.MaxInt }

// adaptLowerBounds is UpdateCongestionSignals and AdaptLowerBoundsFromCongestion (5.5.10.3): once in
// each round with a mark, or with more losses than LossThresh allows. What arrived is compared
// with what was sent, not with what the path can take: it was paced lower on purpose.
func (b *bbr) adaptLowerBounds(s *rateSample) {
	if !b.lossRoundStart {
		return
	}
	congested := b.markInRound || (b.lossInRound && b.tooHigh(s.lost, s.inFlight))
	share := min(1, b.pacingGain, b.gainBefore) * bbrMargin
	b.lossInRound, b.markInRound, b.gainBefore = false, false, b.pacingGain
	if !congested || b.accelerates() {
		return
	}
	if math.IsInf(b.bwShort, 1) {
		b.bwShort = b.maxBW()
	}
	if b.inflightShort == math.MaxInt {
		b.inflightShort = b.cwnd
	}
	b.bwShort = max(b.bwLatest/share, bbrBeta*b.bwShort)
	b.inflightShort = int(max(float64(b.inflightLatest)/share, bbrBeta*float64(b.inflightShort)))
}

// noteLoss is NoteLoss.
func (b *bbr) noteLoss() {
	if !b.lossInRound {
		b.lossRoundEnd = b.delivered
	}
	b.lossInRound = true
}

// lostRun is HandleLostPacket (5.5.10.2).
func (b *bbr) lostRun(now instant, s lossSample) {
	b.delivered = s.arrived
	b.noteLoss()
	if s.start != b.lostUpTo {
		b.lossRanges++
	}
	b.lostUpTo = s.end
	if b.probeSample && b.tooHigh(s.lostSince, s.inFlight) {
		b.handleTooHigh(now, b.inflightAtLoss(&s), s.appLimited)
	}
}

// tooHigh is IsInflightTooHigh.
func (b *bbr) tooHigh(lost, inFlight int) bool {
	if !b.sack {
		return lost > 0
	}
	expected := bbrLossThresh * float64(inFlight) / float64(b.mss)
	return float64(lost)/float64(b.mss) > expected+2*math.Sqrt(expected)
}

// inflightAtLoss is how much was in flight where losses exceeded the threshold, which may be in the
// midst of a super-segment.
func (b *bbr) inflightAtLoss(s *lossSample) int {
	size := int(s.end - s.start)
	inFlight, lost := float64(s.inFlight-size), float64(s.lostSince-size)
	return int(inFlight + (bbrLossThresh*inFlight-lost)/(1-bbrLossThresh))
}

// handleTooHigh is HandleInflightTooHigh, once for each probe.
func (b *bbr) handleTooHigh(now instant, inFlight int, appLimited bool) {
	b.tooHighBefore = true
	b.probeSample = false
	if !appLimited {
		b.inflightLong = max(inFlight, int(bbrBeta*float64(b.targetInflight())))
	}
	if b.state == bbrUp {
		b.noteUndo(bbrUp)
		b.startDown(now)
	}
}

// ecnEcho takes a mark of the path for a loss (3.7): the draft says no more than that it must count.
func (b *bbr) ecnEcho(now instant, inFlight int) {
	b.noteLoss()
	b.markInRound = true
	switch {
	case b.state == bbrStartup:
		b.tooHighInStartup()
	case b.probeSample:
		b.handleTooHigh(now, inFlight, false)
	}
}

// bbrUndo is what a needless recovery changes (2.15).
type bbrUndo struct {
	state         bbrState // to return to, if not Drain
	bwShort       float64
	inflightShort int
	inflightLong  int
}

// lost begins fast recovery (5.6.4.4, 5.5.11.1). What may be undone is the latest: a timeout that was
// needless takes nothing back of a fast recovery that it came in.
func (b *bbr) lost(instant, int) {
	b.saveCwnd()
	b.recovering = true
	b.undone = &bbrUndo{bbrDrain, b.bwShort, b.inflightShort, b.inflightLong}
}

// noteUndo remembers a state that a loss has ended.
func (b *bbr) noteUndo(s bbrState) {
	if b.undone != nil {
		b.undone.state = s
	}
}

// timedOut lets one segment go, beside what may still arrive (5.6.4.4).
func (b *bbr) timedOut(now instant, inFlight, pipe int) {
	b.lost(now, inFlight)
	b.timedOutAgain(pipe)
}

func (b *bbr) timedOutAgain(pipe int) { b.cwnd = pipe + b.mss }

// recovered: the window is what it was; the model bounds it at the next ACK.
func (b *bbr) recovered(instant, int) {
	if b.recovering {
		b.recovering = false
		b.restoreCwnd()
	}
}

// undo is HandleSpuriousLossDetection (5.5.11.2).
func (b *bbr) undo(instant) {
	u := b.undone
	if u == nil {
		return
	}
	b.undone = nil
	b.recovering = false
	b.restoreCwnd()
	b.lossInRound = false
	b.resetFullPipe()
	b.bwShort = max(b.bwShort, u.bwShort)
	b.inflightShort = max(b.inflightShort, u.inflightShort)
	b.inflightLong = max(b.inflightLong, u.inflightLong)
	switch {
	case u.state == bbrStartup && b.state != bbrStartup:
		b.full = false
		if b.state != bbrRTT {
			b.enterStartup()
		}
	case u.state == bbrUp && b.state != bbrUp && b.state != bbrRTT:
		b.startRefill()
	}
}
