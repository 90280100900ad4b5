package tcp

import (
	"math"
	"time"
)

// ProbeBW (draft-ietf-ccwg-bbr-06 5.3.3): down, cruise, refill, up, and down again.

// bbrCycle is the state of the cycle.
type bbrCycle struct {
	since         instant       // cycle_stamp
	wait          time.Duration // bw_probe_wait
	sinceProbe    int           // rounds_since_probe_up
	acks          bbrAcks
	probeSample   bool // is_bw_probe_sample: what is acknowledged was sent to probe
	tooHighBefore bool // prev_probe_too_high
	precautionary bool // prev_probe_precautionary
	upRounds      int  // bw_probe_up_rounds
	upAcked       int  // bw_probe_up_acked
	perIncrease   int  // probe_up_acked_per_inc
}

// bbrAcks is what ACKs tell of: ack_phase.
type bbrAcks uint8

const (
	bbrAcksInit bbrAcks = iota
	bbrAcksRefilling
	bbrAcksStarting
	bbrAcksFeedback
	bbrAcksStopping
)

// probesBW is IsInAProbeBWState.
func (b *bbr) probesBW() bool { return b.state >= bbrDown && b.state <= bbrUp }

// accelerates is IsProbingBW.
func (b *bbr) accelerates() bool {
	return b.state == bbrStartup || b.state == bbrRefill || b.state == bbrUp
}

// enter goes to a phase of ProbeBW, with its gains (5.6.1).
func (b *bbr) enter(s bbrState, pacing, cwnd float64) {
	b.state, b.pacingGain, b.cwndGain = s, pacing, cwnd
}

func (b *bbr) startDown(now instant) {
	b.resetSignals()
	b.perIncrease = math.MaxInt
	b.pickWait()
	b.since = now
	b.acks = bbrAcksStopping
	b.startRound()
	b.enter(bbrDown, bbrDownGain, bbrWindowGain)
}

// pickWait is PickProbeWait: chance keeps flows from probing in step (5.3.3.8).
func (b *bbr) pickWait() {
	b.sinceProbe = int(2 * b.chance())
	b.wait = time.Duration((2 + b.chance()) * float64(time.Second))
}

func (b *bbr) startCruise() { b.enter(bbrCruise, 1, bbrWindowGain) }

func (b *bbr) startRefill() {
	b.resetShortTerm()
	b.upRounds, b.upAcked = 0, 0
	b.precautionary = false
	b.acks = bbrAcksRefilling
	b.startRound()
	b.enter(bbrRefill, 1, bbrWindowGain)
}

func (b *bbr) startUp(s *rateSample) {
	b.acks = bbrAcksStarting
	b.startRound()
	b.resetFullPipe()
	b.fullBW = s.rate
	b.enter(bbrUp, bbrUpGain, bbrUpWindowGain)
	b.raiseSlope()
}

// updateCycle is UpdateProbeBWCyclePhase (5.3.3.9).
func (b *bbr) updateCycle(a *ackInfo) {
	if !b.full || b.adaptLongTerm(a) {
		return
	}
	switch b.state {
	case bbrDown:
		if !b.checkTimeToProbe(a.now) && b.timeToCruise() {
			b.startCruise()
		}
	case bbrCruise:
		b.checkTimeToProbe(a.now)
	case bbrRefill:
		if b.roundStart {
			b.probeSample = true
			b.startUp(&a.rate)
		}
	case bbrUp:
		if b.timeToGoDown(a) {
			b.tooHighBefore = false
			b.startDown(a.now)
		}
	}
}

// checkTimeToProbe is IsTimeToProbeBW (5.3.3.8.3): after two to three seconds, or as often as a Reno
// flow of this size would probe. As in Linux no size is below the least window.
func (b *bbr) checkTimeToProbe(now instant) bool {
	reno := min(max(b.targetInflight()/b.mss, bbrMinSegments), bbrRenoRounds)
	if now <= b.since.add(b.wait) && b.sinceProbe < reno {
		return false
	}
	b.startRefill()
	return true
}

// timeToCruise: the queue is gone, and there is room for others.
func (b *bbr) timeToCruise() bool {
	return b.pipe <= b.inflightWithHeadroom() && b.pipe <= b.inflight(b.maxBW(), 1)
}

// timeToGoDown is IsTimeToGoDown.
func (b *bbr) timeToGoDown(a *ackInfo) bool {
	switch {
	case b.tooHighBefore && b.pipe >= b.inflightLong:
		b.precautionary = true
		return true
	case a.full && b.cwnd >= b.inflightLong: // that is what bounds bandwidth
		b.resetFullPipe()
		b.fullBW = a.rate.rate
		return false
	}
	return b.fullNow
}

// adaptLongTerm is AdaptLongTermModel; it reports whether it went to another phase.
func (b *bbr) adaptLongTerm(a *ackInfo) bool {
	if b.acks == bbrAcksStarting && b.roundStart {
		b.acks = bbrAcksFeedback
	}
	if b.acks == bbrAcksStopping && b.roundStart && b.endProbe(a) {
		return true
	}
	if b.inflightLong == math.MaxInt || b.tooHigh(a.rate.lost, a.rate.inFlight) {
		return false
	}
	b.inflightLong = max(b.inflightLong, a.rate.inFlight)
	if b.state == bbrUp {
		b.probeUpward(a)
	}
	return false
}

// endProbe: all that was sent to probe has been acknowledged. It reports whether another
// probe follows at once, for a cautious one went well (5.3.3.6).
func (b *bbr) endProbe(a *ackInfo) bool {
	b.probeSample = false
	b.acks = bbrAcksInit
	if !b.probesBW() {
		return false
	}
	if !a.rate.appLimited {
		b.advanceMaxBW()
	}
	if !b.precautionary || b.tooHighBefore {
		return false
	}
	b.startRefill()
	return true
}

// raiseSlope is RaiseInflightLongtermSlope: each round trip doubles what the bound grows by.
func (b *bbr) raiseSlope() {
	b.perIncrease = max(b.cwnd>>b.upRounds, b.mss)
	b.upRounds = min(b.upRounds+1, 30)
}

// probeUpward is ProbeInflightLongtermUpward.
func (b *bbr) probeUpward(a *ackInfo) {
	if !a.full || b.cwnd < b.inflightLong {
		return
	}
	b.upAcked += a.acked
	if b.upAcked >= b.perIncrease {
		b.inflightLong += b.upAcked / b.perIncrease * b.mss
		b.upAcked %= b.perIncrease
	}
	if b.roundStart {
		b.raiseSlope()
	}
}
