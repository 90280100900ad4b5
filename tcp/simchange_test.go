package tcp

import (
	"testing"
	"time"
)

// seconds returns the rates in Mbit/s at which the host's application got data in each second so far,
// from where it is called on.
func (s *sim) seconds(h *simHost) *[]float64 {
	var rates []float64
	last := h.got
	s.each(time.Second, func() {
		rates = append(rates, float64(h.got-last)*8/mbit)
		last = h.got
	})
	return &rates
}

// wantRates holds each second from one up to another against the least rate there is to be.
func wantRates(t *testing.T, rates []float64, from, to int, least float64) {
	t.Helper()
	for i := from; i < to; i++ {
		if rates[i] < least {
			t.Errorf("second %d: %.1f Mbit/s, want %.1f: %.1f", i, rates[i], least, rates)
			return
		}
	}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// steadyDownload is one that gets 18.5 Mbit/s and more from its third second on, until something changes.
func steadyDownload(t *testing.T, algorithm string) (s *sim, from, to *simHost) {
	s = newLeanSim(t, 1)
	from, to = s.download(Config{Congestion: algorithm}, 20*mbit, 40*ms, 100_000)
	return s, from, to
}

// wantNoneInVain checks that no timer has expired, and that nothing was sent again that had arrived.
func wantNoneInVain(t *testing.T, from, to *simHost) {
	t.Helper()
	if from.counts.timeouts > 0 || to.gotAgain > 0 {
		t.Errorf("%d timeouts, %d packets in vain", from.counts.timeouts, to.gotAgain)
	}
}

// A link that becomes ten times slower, and fast again: the queue overflows with what the old window lets out, but no
// timeout follows, and nothing is sent in vain; once it is fast again the window grows to where it was.
func TestSimRateChanges(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		s, from, to := steadyDownload(t, name)
		s.at(5*time.Second, func() { from.out.line.rate = 2 * mbit })
		s.at(10*time.Second, func() { from.out.line.rate = 20 * mbit })
		rates := s.seconds(to)
		s.runFor(22 * time.Second)
		wantRates(t, *rates, 2, 5, 18.5)
		if got := mean((*rates)[6:10]); got < 1.5 {
			t.Errorf("%.1f of 2 Mbit/s: %.1f", got, *rates)
		}
		wantRates(t, *rates, 20, 22, 18)
		wantNoneInVain(t, from, to)
	})
}

// A way that becomes longer, as when a link fails and another takes over, and shorter again: no timeout, nothing
// is sent again in vain, and with time the window grows to the new product.
func TestSimDelayChanges(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		s, from, to := steadyDownload(t, name)
		s.at(5*time.Second, func() { from.out.delay = 80 * ms })
		s.at(20*time.Second, func() { from.out.delay = 20 * ms })
		rates := s.seconds(to)
		s.runFor(25 * time.Second)
		wantRates(t, *rates, 2, 5, 18.5)
		wantRates(t, *rates, 6, 20, 12)
		wantRates(t, *rates, 18, 20, 16)
		wantRates(t, *rates, 21, 25, 18.5)
		wantNoneInVain(t, from, to)
	})
}

// No ACK comes for three seconds, though all data arrives. What is sent meanwhile is one segment for each timeout,
// each later than the one before; a second after the ACKs come again, all is as it was.
func TestSimAckPathBlackHole(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		s, from, to := steadyDownload(t, name)
		sent := 0
		s.at(5*time.Second, func() { to.out.loss = 1 })
		s.at(6*time.Second, func() { sent = from.out.sentData })
		s.at(8*time.Second, func() { to.out.loss, sent = 0, from.out.sentData-sent })
		rates := s.seconds(to)
		s.runFor(14 * time.Second)
		wantRates(t, *rates, 2, 5, 18.5)
		wantRates(t, *rates, 10, 14, 18)
		if sent > 4 {
			t.Errorf("%d segments were sent in the two last seconds without ACKs", sent)
		}
		if to.gotAgain > 8 {
			t.Errorf("%d segments were sent in vain, %d timeouts", to.gotAgain, from.counts.timeouts)
		}
	})
}

// A way that becomes longer by more than the retransmission timeout: the timeout was needless, and so is all but the little
// that it sends again.
func TestSimDelayJump(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		s, from, to := steadyDownload(t, name)
		s.at(5*time.Second, func() { from.out.delay = 500 * ms })
		s.at(15*time.Second, func() { from.out.delay = 20 * ms })
		rates := s.seconds(to)
		s.runFor(20 * time.Second)
		wantRates(t, *rates, 2, 5, 18.5)
		wantRates(t, *rates, 7, 15, 1.5)
		wantRates(t, *rates, 17, 20, 18)
		if to.gotAgain > 10 {
			t.Errorf("%d packets in vain, %d needless recoveries, %d needless timeouts", to.gotAgain, from.stats.SpuriousRecoveries, from.stats.SpuriousRTOs)
		}
	})
}

// Of packets that come late by less than a tick of the timestamp clock, and what is sent again meanwhile, none is
// refused as an old duplicate.
func TestSimLateByLessThanATick(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		s := newLeanSim(t, 1)
		from, to := s.download(Config{Congestion: name}, 20*mbit, 20*ms, 100_000)
		from.out.loss, from.out.reorder, from.out.late = 0.003, 0.1, 900*time.Microsecond
		s.runFor(5 * time.Second)
		if to.stats.InPAWS > 0 || int(from.counts.retrans) > from.out.lost+3 {
			t.Errorf("%d were refused; %d were lost, %d sent again", to.stats.InPAWS, from.out.lost, from.counts.retrans)
		}
	})
}

// Of a path that loses 30 % of all packets both ways no rate can be asked, but that it delivers.
func TestSimHeavyLoss(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		for seed := range uint64(5) {
			s := newSim(t, seed, Config{Congestion: name}, 10*mbit, 10*ms).badWire(0.3, 0, 0)
			s.a.total, s.b.total = 200_000, 50_000
			s.transfer(10 * time.Minute)
			if took := time.Duration(s.b.lastGot); took > 2*time.Minute {
				t.Errorf("200 kB took %v, %d timeouts", took, s.a.counts.timeouts)
			}
		}
	})
}
