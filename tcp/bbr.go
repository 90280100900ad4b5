package tcp

import (
	"math"
	"time"
)

// The constants of BBR (draft-ietf-ccwg-bbr-06 2.4 to 2.16).
const (
	bbrStartupGain   = 2.77 // StartupPacingGain: 4 ln 2
	bbrDrainGain     = 0.5  // DrainPacingGain
	bbrDownGain      = 0.9
	bbrUpGain        = 1.25
	bbrWindowGain    = 2 // DefaultCwndGain
	bbrUpWindowGain  = 2.25
	bbrRTTWindowGain = 0.5  // ProbeRTTCwndGain
	bbrMargin        = 0.99 // 1 - PacingMarginPercent
	bbrLossThresh    = 0.02 // LossThresh
	bbrBeta          = 0.7  // Beta
	bbrHeadroom      = 0.15 // Headroom
	bbrMinSegments   = 4    // MinPipeCwnd
	bbrFullRounds    = 3    // without growth: the pipe is full
	bbrFullGrowth    = 1.25
	bbrFullLosses    = 6 // BBRStartupFullLossCnt
	bbrMinRTTFilter  = 10 * time.Second
	bbrRTTInterval   = 5 * time.Second        // ProbeRTTInterval
	bbrRTTDuration   = 200 * time.Millisecond // ProbeRTTDuration
	bbrRenoRounds    = 63                     // the most round trips between probes
	bbrExtraRounds   = 5                      // half of ExtraAckedFilterLen
	bbrExtraTime     = 100 * time.Millisecond // of bandwidth is the most that aggregation adds, as in Linux
	bbrDrainRounds   = 3
)

// bbr is BBR version 3 (https://datatracker.ietf.org/doc/html/draft-ietf-ccwg-bbr-06): a model of the
// path, its bandwidth and its shortest round trip, says how fast to send and how much may be
// in flight; losses bound the model where they are many. Names are the draft's where they
// fit. It needs SACK to be good: without, what is lost is told too late.
type bbr struct {
	mss, initial int // bytes; the initial window
	cwnd         int
	priorCwnd    int     // before recovery or ProbeRTT
	rate         float64 // pacing_rate, bytes/s; 0: no round trip is known yet
	state        bbrState
	pacingGain   float64
	cwndGain     float64
	random       uint64

	delivered int64 // as of the latest ACK
	pipe      int
	sack      bool

	bbrRounds
	bbrPath
	bbrFullPipe
	bbrBounds
	bbrCycle
	bbrProbeRTT
	undone *bbrUndo // before the loss recovery that may be undone; nil: there is none
}

// bbrState is where in the state machine it is (5.1).
type bbrState uint8

const (
	bbrStartup bbrState = iota
	bbrDrain
	bbrDown
	bbrCruise
	bbrRefill
	bbrUp
	bbrRTT
)

var bbrStages = [...]string{
	bbrStartup: "startup", bbrDrain: "drain", bbrDown: "probe bandwidth: down", bbrCruise: "probe bandwidth: cruise",
	bbrRefill: "probe bandwidth: refill", bbrUp: "probe bandwidth: up", bbrRTT: "probe round trip",
}

func (b *bbr) stage() string { return bbrStages[b.state] }

// newBBR begins (5.2.1). The seed is to differ from connection to connection.
func newBBR(mss, window int, seed uint64) *bbr {
	b := &bbr{mss: mss, initial: window, cwnd: window, random: seed}
	b.inflightLong, b.perIncrease = math.MaxInt, math.MaxInt
	b.gainBefore = 1
	b.resetShortTerm()
	b.enterStartup()
	return b
}

func (b *bbr) name() string       { return BBR }
func (b *bbr) window() int        { return b.cwnd }
func (b *bbr) threshold() int     { return math.MaxInt }
func (b *bbr) pacing() float64    { return b.rate }
func (b *bbr) ownsRecovery() bool { return true }

// acked is UpdateOnACK (5.2.3).
func (b *bbr) acked(a ackInfo) {
	b.delivered, b.pipe, b.sack = a.delivered, a.pipe, a.sack
	b.initPacing(a.srtt)
	b.roundStart, b.lossRoundStart = false, false
	switch {
	case a.rate.delivered > 0:
		b.updateModel(&a)
	case a.delivered == 0: // the SYN
		b.updateMinRTT(a.now, a.rtt)
		return
	}
	b.setPacing(b.pacingGain)
	b.setWindow(a.acked)
}

// updateModel is UpdateModelAndState (5.2.3).
func (b *bbr) updateModel(a *ackInfo) {
	if a.rate.prior < b.lowUntil {
		a.rate.appLimited = true // sent in ProbeRTT, or just before
	}
	b.updateLatest(&a.rate)
	b.updateRound(&a.rate)
	b.updateMaxBW(&a.rate)
	b.adaptLowerBounds(&a.rate)
	b.updateAggregation(a.now, a.acked)
	b.checkFullPipe(&a.rate)
	b.checkStartupDone(a)
	b.checkDrainDone(a.now)
	b.updateCycle(a)
	b.updateMinRTT(a.now, a.rtt)
	b.checkProbeRTT(a.now)
	b.advanceLatest(&a.rate)
	b.bw = min(b.maxBW(), b.bwShort)
}

// restart is HandleRestartFromIdle (5.4.1).
func (b *bbr) restart(now instant, _ time.Duration, app bool) {
	if !app {
		return
	}
	b.idleRestart = true
	b.extraSince, b.extraDelivered = now, 0
	switch {
	case b.probesBW():
		b.setPacing(1)
	case b.state == bbrRTT:
		b.checkProbeRTTDone(now)
	}
}

func (b *bbr) info() *BBRInfo {
	return &BBRInfo{
		Phase: b.stage(), Bandwidth: uint64(b.bw), MinRTT: b.minRTT,
		PacingGain: b.pacingGain, CwndGain: b.cwndGain,
	}
}

// synLost: what RFC 6928 2 asks for holds here too.
func (b *bbr) synLost() { b.cwnd, b.initial = b.mss, b.mss }

func (b *bbr) setMSS(mss int) {
	b.mss = mss
	b.cwnd = max(b.cwnd, mss)
}

// chance is a number from 0 up to 1.
func (b *bbr) chance() float64 {
	b.random = b.random*6364136223846793005 + 1442695040888963407
	return float64(b.random>>11) / (1 << 53)
}
