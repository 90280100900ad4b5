package ipv4

import (
	"net/netip"
	"sync/atomic"

	"github.com/tinystack/tinystack/internal/random"
)

const idCounters = 1024

// identifier gives the identifications of datagrams that may be fragmented. They
// must differ within a datagram's lifetime for the same source, destination and
// protocol (RFC 6864 4.3), and nobody else should be able to guess them or to
// tell from them how much we send (RFC 7739 has the attacks). So each flow has
// an offset of its own and one of many counters, which goes up by random steps.
type identifier struct {
	random   *random.Source
	hash     func(uint64) uint64
	counters [idCounters]atomic.Uint32
}

func (g *identifier) init(r *random.Source) {
	g.random, g.hash = r, r.Hash()
	for i := range g.counters {
		g.counters[i].Store(uint32(r.Uint64()))
	}
}

// next returns the first of n identifications in a row.
func (g *identifier) next(src, dst netip.Addr, protocol uint8, n int) uint16 {
	h := g.hash(uint64(bits4(src))<<32|uint64(bits4(dst))) ^ uint64(protocol)*0x9e3779b97f4a7c15
	skip := uint32(g.random.IntN(4))
	end := g.counters[h%idCounters].Add(uint32(n) + skip)
	return uint16(end) - uint16(n) + uint16(h>>48)
}
