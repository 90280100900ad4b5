package ipv4

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tinystack/tinystack/internal/random"
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
	global, peer bucketRate
	hash         func(uint64) uint64
	start        time.Time

	mu    sync.Mutex
	all   bucket
	peers [limitPeers]bucket
}

// bucketRate is how fast a bucket fills, and how much it holds.
type bucketRate struct {
	interval time.Duration // from one token to the next; 0: always full
	burst    time.Duration // that of as many tokens as it holds
}

func rate(perSecond int) bucketRate {
	if perSecond < 0 {
		return bucketRate{}
	}
	interval := time.Second / time.Duration(max(perSecond, 1))
	return bucketRate{interval, max(limitBurst, minBurst*interval)}
}

// bucket is when it will be full, if nothing is taken from it until then: time
// since the limiter's start.
type bucket time.Duration

func (b bucket) empty(now time.Duration, r bucketRate) bool {
	return time.Duration(b)-now > r.burst-r.interval
}

func (b *bucket) take(now time.Duration, r bucketRate) {
	*b = bucket(max(time.Duration(*b), now) + r.interval)
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
	case peer.empty(now, m.peer):
		return overPeer
	case m.all.empty(now, m.global):
		return overGlobal
	}
	peer.take(now, m.peer)
	m.all.take(now, m.global)
	return allowed
}
