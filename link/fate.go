package link

import "math/rand/v2"

// fate is what the wire does to one packet.
type fate struct {
	lose, duplicate, corrupt, reorder, late, mark bool

	bit    uint64  // which is flipped, modulo the packet's length
	jitter float64 // -1 to 1, of the configured jitter
}

// chances decides packets' fates. Each takes the same number of draws, whatever
// is configured, so that changing one probability changes nothing else.
type chances struct {
	cfg    *Impairment
	rng    *rand.Rand
	number uint64
}

func (c *chances) next(p []byte) (f fate) {
	c.number++
	f.lose = c.draw(c.cfg.Loss, c.cfg.LoseIf, p)
	f.duplicate = c.draw(c.cfg.Duplicate, c.cfg.DuplicateIf, p)
	f.corrupt = c.draw(c.cfg.Corrupt, c.cfg.CorruptIf, p)
	f.reorder = c.draw(c.cfg.Reorder, c.cfg.ReorderIf, p)
	f.mark = c.cfg.MarkIf != nil && c.cfg.MarkIf(c.number, p)
	f.bit = c.rng.Uint64()
	f.jitter = 2*c.rng.Float64() - 1
	f.late = c.draw(c.cfg.Late, c.cfg.LateIf, p)
	return f
}

func (c *chances) draw(probability float64, match Match, p []byte) bool {
	chosen := c.rng.Float64() < probability
	if match != nil && match(c.number, p) {
		return true
	}
	return chosen
}

// flip flips one bit of p, which no ones' complement sum misses.
func (f *fate) flip(p []byte) {
	bit := f.bit % uint64(8*len(p))
	p[bit/8] ^= 1 << (bit % 8)
}
