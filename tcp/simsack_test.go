package tcp

import (
	"testing"
	"time"
)

// Where a box on the way takes the SACK blocks out that both ends have agreed on, a connection does as well as one that
// has not agreed on them, and no timeout that a loss led to is taken for needless. It does better again once they come.
func TestSimSACKTakenOut(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		for _, loss := range []float64{0.001, 0.01, 0.05} {
			without := simBlindDownload(t, Config{Congestion: name, NoSACK: true}, loss)
			taken := simBlindDownload(t, Config{Congestion: name}, loss)
			if taken.got < without.got*8/10 || taken.again > 2*without.again+10 {
				t.Errorf("loss %v: %v; without SACK agreed on: %v", loss, taken, without)
			}
			if taken.spurious > 0 {
				t.Errorf("loss %v: %d timeouts were undone", loss, taken.spurious)
			}
			if taken.healed < taken.got {
				t.Errorf("loss %v: %d bytes arrive while blocks are taken out, %d when they come again", loss, taken.got, taken.healed)
			}
		}
	})
}

// simBlind is what came of downloads, by several seeds.
type simBlind struct {
	got, healed int64 // bytes without blocks, and in the same time with them
	again       int   // segments of 1000 sent again meanwhile
	spurious    uint64
}

func simBlindDownload(t *testing.T, cfg Config, loss float64) (sum simBlind) {
	const took, seeds = 10 * time.Second, 4
	for seed := range uint64(seeds) {
		s := newLeanSim(t, seed)
		from, to := s.download(cfg, 10*mbit, 40*ms, 50_000)
		from.out.loss = loss
		to.acks(func(h *Header) { h.Options.NumSACK = 0 })
		s.runFor(took)
		sum.got += to.got
		sum.again += int(from.counts.retrans) * 1000 / from.out.sentData / seeds
		sum.spurious += from.stats.SpuriousRTOs
		before := to.got
		to.out.middle = nil
		s.runFor(took)
		sum.healed += to.got - before
		if !cfg.NoSACK && !from.sacks {
			t.Errorf("seed %d: blocks come again, and are not believed in", seed)
		}
	}
	return sum
}
