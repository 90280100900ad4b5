package tcp

import (
	"testing"
	"time"
)

// simBurst watches how much a host sends within a time, at the most.
type simBurst struct {
	within time.Duration
	most   int // bytes of data

	sent []simSent // within the time before the last
	sum  int
}

type simSent struct {
	at instant
	n  int
}

// watchBursts sees what the host sends from now on.
func (h *simHost) watchBursts(within time.Duration) *simBurst {
	b := &simBurst{within: within}
	h.out.see = func(now instant, _ *Header, n int) { b.add(now, n) }
	return b
}

func (b *simBurst) add(now instant, n int) {
	b.sent = append(b.sent, simSent{now, n})
	b.sum += n
	for now.sub(b.sent[0].at) >= b.within {
		b.sum -= b.sent[0].n
		b.sent = b.sent[1:]
	}
	b.most = max(b.most, b.sum)
}

// A window that was not in use for a while does not go out at once: it is spread over a round trip, a
// quantum at a time (RFC 7661 4.4.2), and the queue it makes is that of a quantum or two.
func TestSimRestartIsPaced(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Reno, CUBIC} {
		s := newLeanSim(t, 1)
		const rate, rtt = 100 * mbit, 40 * ms // which hold 500 kB
		from, _ := s.download(Config{Congestion: name}, rate, rtt, rate/8/25)
		from.total = 30_000_000
		s.runFor(10 * time.Second)
		window := from.cwnd()
		if from.inFlight() > 0 || window < 100*1448 {
			t.Fatalf("%s: after 30 MB %d bytes are in flight, cwnd is %d", name, from.inFlight(), window)
		}
		line := from.out.line
		line.peak = 0
		b := from.watchBursts(quantumTime)
		from.total = 1 << 40
		from.pump(s)
		s.runFor(rtt)
		if mean := int(int64(window) * int64(quantumTime) / int64(rtt)); b.most > 4*mean {
			t.Errorf("%s: up to %d bytes went out in %v, where cwnd %d is %d in the mean", name, b.most, quantumTime, window, mean)
		}
		if most := window - from.out.line.rate/8/25 + 2*maxQuantum; line.peak > most {
			t.Errorf("%s: the queue grew to %d bytes, the window is %d more than the path holds", name, line.peak, most)
		}
	}
}

// A window does not grow while the application has less to say than it allows, however long that goes on (RFC 9438 5.8,
// RFC 7661 4.3): when it has more, it is not sent in a burst that nothing has shown the path to take.
func TestSimAppLimited(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		const rate, rtt, chunk = 20 * mbit, 40 * ms, 20_000
		s := newLeanSim(t, 1)
		from, to := s.download(Config{Congestion: name}, rate, rtt, rate/8/25)
		from.chunk, from.writeEvery = chunk, 100*ms
		s.runFor(30 * time.Second)
		if from.cwnd() > 3*chunk || to.got < 299*chunk || from.counts.retrans > 0 {
			t.Errorf("cwnd is %d after 30 s with %d bytes each 100 ms, of which %d arrived, %d resent", from.cwnd(), chunk, to.got, from.counts.retrans)
		}
		from.chunk, from.writeEvery, from.writeAt = 0, 0, 0
		from.pump(s)
		before := to.got
		s.runFor(5 * time.Second)
		if mbits := float64(to.got-before) * 8 / 5 / mbit; mbits < 0.8*rate/mbit {
			t.Errorf("then, with all to send, %.1f Mbit/s", mbits)
		}
	})
}
