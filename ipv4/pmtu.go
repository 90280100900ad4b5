package ipv4

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinystack/tinystack/packet"
)

const (
	// pmtuLife is how long a lowered path MTU holds before the link's is tried
	// again (RFC 1191 6.3), so that a path that got better, or a forged message,
	// costs ten minutes at most.
	pmtuLife = 10 * time.Minute

	// pmtuMax bounds the paths that are remembered; the oldest makes room.
	pmtuMax = 4096

	// minPMTU is the least that a path MTU is lowered to, as in Linux. A path that
	// takes less gets its packets without DF, for routers to fragment, so that a
	// forged message can't make us send crumbs (RFC 5927 7).
	minPMTU = 552
)

// pathMTU is what is known of a path.
type pathMTU struct {
	mtu  int  // bytes; at least minPMTU
	less bool // it takes even less
}

// pmtuCache remembers the path MTU of destinations whose path takes less than
// its first link (RFC 1191).
type pmtuCache struct {
	gen atomic.Uint64 // incremented by every change, so that routes look again

	mu     sync.Mutex
	closed bool
	paths  aged[netip.Addr, pathMTU]
}

func (c *pmtuCache) init() { c.paths.init(pmtuLife, c.expire) }

// get returns what is known of the path to dst. Not known: it takes all.
func (c *pmtuCache) get(dst netip.Addr) pathMTU {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.paths.get(dst); ok {
		return p
	}
	return pathMTU{mtu: packet.MaxSize}
}

// lower records that the path to dst takes no packet above mtu. A message never
// raises a path MTU (RFC 1191 3), and one below 68 is no path's (RFC 791 3.2).
func (c *pmtuCache) lower(dst netip.Addr, mtu int) {
	if mtu < minMTU {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := pathMTU{mtu: max(mtu, minPMTU), less: mtu < minPMTU}
	old, ok := c.paths.get(dst)
	if c.closed || ok && (old.mtu < p.mtu || old.less && !p.less) {
		return
	}
	if !ok && c.paths.len() == pmtuMax {
		oldest, _ := c.paths.oldest()
		c.paths.remove(oldest)
	}
	c.paths.put(dst, p) // also if it is the same, to live on
	if old != p {
		c.gen.Add(1)
	}
}

func (c *pmtuCache) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paths.takeExpired()
	c.gen.Add(1)
}

func (c *pmtuCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.paths.clear()
}
