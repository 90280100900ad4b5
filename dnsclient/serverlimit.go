package dnsclient

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/tinystack/tinystack/internal/ratelimit"
)

// rateBuckets is how many buckets clients share: what a flood from many addresses
// can take in memory is what these do.
const rateBuckets = 4096

// verdict is what the limits say of a client.
type verdict uint8

const (
	underRate verdict = iota
	overRate
	slipped // over the rate, but one in some gets a word
)

// slipEvery is how many of the questions over the rate it takes for one to be
// answered, so that a client whose address somebody else uses can still go to TCP.
const slipEvery = 2

// clientLimits bound what each client may do.
type clientLimits struct {
	rate  ratelimit.Rate
	conns int // connections for each client
	seed  maphash.Seed
	start time.Time

	mu      sync.Mutex
	buckets []ratelimit.Bucket
	over    uint64 // questions over the rate, of all
	open    map[netip.Addr]int
}

func (l *clientLimits) init(cfg ServerConfig) {
	if cfg.Rate > 0 {
		l.rate = ratelimit.PerSecond(cfg.Rate, time.Second, 1)
	}
	l.conns = max(cfg.MaxConns/4, 1)
	l.seed, l.start = maphash.MakeSeed(), time.Now()
	l.buckets, l.open = make([]ratelimit.Bucket, rateBuckets), map[netip.Addr]int{}
}

// admit takes a token of a client's bucket, if there is one. Of IPv6 a client is the
// network that one host can have all addresses of.
func (l *clientLimits) admit(client netip.AddrPort) verdict {
	addr := client.Addr()
	if addr.Is6() {
		network, _ := addr.Prefix(64) // of an IPv6 address it never fails
		addr = network.Addr()
	}
	now := time.Since(l.start)
	b := &l.buckets[maphash.Comparable(l.seed, addr)%rateBuckets]
	l.mu.Lock()
	defer l.mu.Unlock()
	if !b.Empty(now, l.rate) {
		b.Take(now, l.rate)
		return underRate
	}
	if l.over++; l.over%slipEvery == 0 {
		return slipped
	}
	return overRate
}

// connect counts a connection, if the client may have one more.
func (l *clientLimits) connect(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client] >= l.conns {
		return false
	}
	l.open[client]++
	return true
}

func (l *clientLimits) disconnect(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client]--; l.open[client] == 0 {
		delete(l.open, client)
	}
}
