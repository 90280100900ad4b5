package tcp

import (
	"testing"
	"time"
)

// simAnyPath is a path as chance has it, 0.1 to 100 Mbit/s and 1 to 300 ms, that loses nothing.
func simAnyPath(t *testing.T, algorithm string, seed uint64) (s *sim, from, to *simHost) {
	d := seeded(seed)
	s = newLeanSim(t, seed)
	from, to = s.download(Config{Congestion: algorithm}, 100_000<<d.n(11), time.Duration(1+d.n(300))*ms, 0)
	from.mtu([]int{576, 1500, 9000}[d.n(3)], d.n(2) == 0)
	return s, from, to
}

// Where nothing is lost, nothing is sent again, however slow, long or uneven the path is, and whatever its way back.
func TestSimCleanPath(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		heavy(t)
		for seed := range uint64(20) {
			s, from, to := simAnyPath(t, name, seed)
			from.out.jitter = from.out.delay * time.Duration(s.d.n(3)) / 4
			to.out.jitter = to.out.delay * time.Duration(s.d.n(3)) / 4
			to.out.line.rate >>= s.d.n(5)
			s.runFor(2 * time.Second)
			if c := from.counts; c.retrans > 0 || c.timeouts > 0 || to.got == 0 {
				t.Errorf("seed %d: %d segments were sent again, %d timeouts; %d bytes arrived", seed, c.retrans, c.timeouts, to.got)
			}
		}
	})
}

// Where one packet of a hundred comes late, by up to half a round trip, what arrives is nearly what arrives if all are in
// order, and little is sent in vain.
func TestSimReorderingPath(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		heavy(t)
		for seed := range uint64(10) {
			s, _, inOrder := simAnyPath(t, name, seed)
			s.runFor(5 * time.Second)
			s, from, to := simAnyPath(t, name, seed)
			from.out.reorder, from.out.late = 0.01, from.out.delay*time.Duration(1+s.d.n(8))/8
			s.runFor(5 * time.Second)
			if to.got < inOrder.got*9/10 || to.gotAgain > 10+from.out.sentData/500 || from.counts.timeouts > 0 {
				t.Errorf("seed %d: %d bytes arrive, %d in order; %d of %d segments in vain, %d timeouts", seed, to.got, inOrder.got, to.gotAgain, from.out.sentData, from.counts.timeouts)
			}
		}
	})
}
