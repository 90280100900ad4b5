package tcp

import (
	"testing"
	"time"
)

// BBR keeps a short queue where there is room for a long one, and has the whole rate all the same: in the mean less
// than half a round trip of queue, where CUBIC fills what there is.
func TestSimBBRQueue(t *testing.T) {
	t.Parallel()
	heavy(t)
	const rate, rtt, product = 20 * mbit, 40 * ms, 20 * mbit / 8 / 25
	waits := make(map[string]time.Duration)
	for _, name := range []string{BBR, CUBIC} {
		s := newLeanSim(t, 1)
		from, to := s.download(Config{Congestion: name}, rate, rtt, 4*product)
		line := from.out.line
		s.runFor(3 * time.Second)
		line.account(s.now, 0)
		since, area, got := s.now, line.area, to.got
		line.peak = 0
		s.runFor(12 * time.Second)
		waits[name] = line.meanWait(s.now, since, area)
		if mbits := float64(to.got-got) * 8 / 12 / mbit; mbits < 0.94*rate/mbit*1448/1500 {
			t.Errorf("%s: %.2f Mbit/s", name, mbits)
		}
	}
	if waits[BBR] > rtt/2 || waits[CUBIC] < 4*waits[BBR] {
		t.Errorf("packets wait %v", waits)
	}
}

// Losses that have nothing to do with congestion cost BBR no more than what was lost, up to LossThresh, 2 %
// (draft-ietf-ccwg-bbr-06 2.7), where they take CUBIC to a tenth.
func TestSimBBRRandomLoss(t *testing.T) {
	t.Parallel()
	heavy(t)
	const rate, rtt = 20 * mbit, 40 * ms
	for _, loss := range []float64{0.001, 0.01} {
		s := newLeanSim(t, 1)
		from, to := s.download(Config{Congestion: BBR}, rate, rtt, rate/8/20)
		from.out.loss = loss
		s.runFor(15 * time.Second)
		if mbits := float64(to.got) * 8 / 15 / mbit; mbits < 0.88*rate/mbit {
			t.Errorf("with a loss of %g %.1f Mbit/s", loss, mbits)
		}
	}
}

// What BBR sends goes out at its rate: in the time of a quantum no more than two of them, in startup, where the rate is
// up to 2.77 times the path's, and later, where it is up to 1.25 times that (draft-ietf-ccwg-bbr-06 2.4).
func TestSimBBRBursts(t *testing.T) {
	t.Parallel()
	heavy(t)
	const rate, rtt = 100 * mbit, 20 * ms
	s := newLeanSim(t, 1)
	from, _ := s.download(Config{Congestion: BBR}, rate, rtt, rate/8/20)
	s.runFor(2 * rtt) // the initial window is for the handshake's round trip to pace
	for _, phase := range []struct {
		gain float64
		last time.Duration
	}{{bbrStartupGain, time.Second}, {bbrUpGain, 3 * time.Second}} {
		b := from.watchBursts(quantumTime)
		s.runFor(phase.last)
		if most := int(2 * phase.gain * rate / 8 * quantumTime.Seconds()); b.most > most || b.most < most/8 {
			t.Errorf("%d bytes went out in %v, want up to %d", b.most, quantumTime, most)
		}
	}
}
