package tcp

// Startup and Drain (draft-ietf-ccwg-bbr-06 5.3.1, 5.3.2), and the estimator of whether
// the pipe is full, which ends ProbeBW_UP too.

// bbrFullPipe is that estimator's state.
type bbrFullPipe struct {
	fullBW     float64 // the bandwidth to outgrow
	fullCount  int     // rounds that did not
	fullNow    bool    // full since the last look began
	full       bool    // full_bw_reached: it has been full once
	drainRound int     // in which Drain began
}

func (b *bbr) enterStartup() {
	b.state = bbrStartup
	b.pacingGain, b.cwndGain = bbrStartupGain, bbrWindowGain
}

func (b *bbr) resetFullPipe() { b.fullBW, b.fullCount, b.fullNow = 0, 0, false }

// checkFullPipe is CheckFullBWReached: three rounds without growth by a quarter.
func (b *bbr) checkFullPipe(s *rateSample) {
	switch {
	case b.fullNow, !b.roundStart, s.appLimited:
	case s.rate >= b.fullBW*bbrFullGrowth:
		b.resetFullPipe()
		b.fullBW = s.rate
	default:
		b.fullCount++
		b.fullNow = b.fullCount >= bbrFullRounds
		b.full = b.full || b.fullNow
	}
}

// checkStartupDone leaves Startup for a bandwidth that has stopped to grow, or for losses.
func (b *bbr) checkStartupDone(a *ackInfo) {
	if b.state == bbrStartup && b.highLoss(a) {
		b.tooHighInStartup()
	}
	if b.state == bbrStartup && b.full {
		b.state = bbrDrain
		b.pacingGain, b.cwndGain = bbrDrainGain, bbrWindowGain
		b.drainRound = b.rounds
	}
	if b.lossRoundStart {
		b.lossRanges = 0
	}
}

// highLoss is CheckStartupHighLoss (5.3.1.3).
func (b *bbr) highLoss(a *ackInfo) bool {
	switch {
	case a.phase != recovery:
		return false
	case !b.sack:
		return a.lost > 0
	}
	return b.lossRoundStart && b.lossRanges >= bbrFullLosses &&
		b.tooHigh(a.rate.lost, a.rate.inFlight)
}

// tooHighInStartup: what is in flight loses too much.
func (b *bbr) tooHighInStartup() {
	b.noteUndo(bbrStartup)
	b.full, b.fullNow = true, true
	b.inflightLong = max(b.bdp(1), b.inflightLatest)
}

// checkDrainDone is CheckDrainDone (5.3.2).
func (b *bbr) checkDrainDone(now instant) {
	if b.state == bbrDrain && (b.pipe <= b.inflight(b.bw, 1) || b.rounds > b.drainRound+bbrDrainRounds) {
		b.startDown(now)
	}
}
