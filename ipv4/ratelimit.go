package ipv4

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tinystack/tinystack/internal/random"
	"github.com/tinystack/tinystack/internal/ratelimit"
)

const (
	limitPeers = 256 // destinations share this many buckets

	// limitBurst is how long a bucket that was left alone is served at any rate: it
	// holds the messages of that time.
	limitBurst = 100 * time.Millisecond
	minBurst   = 10 // messages that a bucket holds at least
)

// limiter is a token bucket for all ICMP errors (RFC 1812 4.3.2.8), and one for
// each group of destinations, so that one of them can't use up the others'.
type limiter struct {
	global, peer ratelimit.Rate
	hash         func(uint64) uint64
	start        time.Time

	mu    sync.Mutex
	all   ratelimit.Bucket
	peers [limitPeers]ratelimit.Bucket
}

func rate(perSecond int) ratelimit.Rate {
	if perSecond < 0 {
		return ratelimit.Rate{}
	}
	return ratelimit.PerSecond(perSecond, limitBurst, minBurst)
}

func (m *limiter) init(perSecond int, r *random.Source) {
	m.global = rate(perSecond)
	if perSecond > 0 {
		perSecond = max(perSecond/peersShareOfICMPRate, 1)
	}
	m.peer = rate(perSecond)
	m.hash, m.start = r.Hash(), time.Now()
}

// verdict is what the limiter says of a message.
type verdict uint8

const (
	allowed verdict = iota
	overGlobal
	overPeer
)

// allow takes a token for a message to dst, if there is one in both buckets.
func (m *limiter) allow(dst netip.Addr) verdict {
	now := time.Since(m.start)
	peer := &m.peers[m.hash(uint64(bits4(dst)))%limitPeers]
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case peer.Empty(now, m.peer):
		return overPeer
	case m.all.Empty(now, m.global):
		return overGlobal
	}
	peer.Take(now, m.peer)
	m.all.Take(now, m.global)
	return allowed
}
