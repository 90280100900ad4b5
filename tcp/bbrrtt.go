package tcp

import "time"

// The shortest round trip, and ProbeRTT, which drains the queue to see it
// (draft-ietf-ccwg-bbr-06 5.3.4, 5.5.7).

// bbrProbeRTT is the state of that.
type bbrProbeRTT struct {
	probeMin    time.Duration // probe_rtt_min_delay
	probeMinAt  instant       // 0: there is none
	probeDue    bool          // probe_rtt_expired
	doneAt      instant       // probe_rtt_done_stamp; 0: too much is in flight yet
	roundDone   bool
	idleRestart bool
	lowUntil    int64 // samples of what was sent before so much was delivered are low
}

// updateMinRTT is UpdateMinRTT (5.3.4.3).
func (b *bbr) updateMinRTT(now instant, rtt time.Duration) {
	b.probeDue = b.probeMinAt != 0 && now > b.probeMinAt.add(bbrRTTInterval)
	if rtt > 0 && (b.probeMinAt == 0 || rtt < b.probeMin || b.probeDue) {
		b.probeMin, b.probeMinAt = rtt, now
	}
	if b.probeMinAt != 0 && (b.minRTTAt == 0 || b.probeMin < b.minRTT || now > b.minRTTAt.add(bbrMinRTTFilter)) {
		b.minRTT, b.minRTTAt = b.probeMin, b.probeMinAt
	}
}

// checkProbeRTT is CheckProbeRTT.
func (b *bbr) checkProbeRTT(now instant) {
	if b.state != bbrRTT && b.probeDue && !b.idleRestart {
		b.saveCwnd()
		b.enter(bbrRTT, 1, bbrRTTWindowGain)
		b.doneAt = 0
		b.acks = bbrAcksStopping
		b.startRound()
	}
	if b.state == bbrRTT {
		b.handleProbeRTT(now)
	}
	b.idleRestart = false
}

// handleProbeRTT waits until little is in flight, and from then on for a while, and a round.
func (b *bbr) handleProbeRTT(now instant) {
	b.lowUntil = b.delivered + int64(b.pipe)
	switch {
	case b.doneAt == 0 && b.pipe <= b.probeRTTWindow():
		b.doneAt = now.add(bbrRTTDuration)
		b.roundDone = false
		b.startRound()
	case b.doneAt != 0:
		b.roundDone = b.roundDone || b.roundStart
		if b.roundDone {
			b.checkProbeRTTDone(now)
		}
	}
}

func (b *bbr) checkProbeRTTDone(now instant) {
	if b.doneAt == 0 || now <= b.doneAt {
		return
	}
	b.probeMinAt = now
	b.restoreCwnd()
	b.resetShortTerm()
	if !b.full {
		b.enterStartup()
		return
	}
	b.startDown(now) // the next probe for bandwidth is due in a while
	b.startCruise()
}
