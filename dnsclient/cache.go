package dnsclient

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// CacheConfig is what can be set about a cache. Its zero value works.
type CacheConfig struct {
	// MaxEntries is how many entries there may be, 1 to 16777216; 0 means 10000.
	MaxEntries int
	// MaxBytes is about how much memory they may take, 4096 to 1 GiB; 0 means 8 MiB.
	MaxBytes int
	// MaxTTL is the longest that records are fresh, 1 second to 7 days (RFC 8767 4);
	// 0 means a day.
	MaxTTL time.Duration
	// MaxNegativeTTL is the longest that the word of no records is fresh, 1 second to
	// a day; 0 means an hour (RFC 2308 5).
	MaxNegativeTTL time.Duration
	// FailureTTL is for how long a failure is remembered, 1 second to 5 minutes (RFC
	// 9520 3.2); 0 means 5 seconds. It doubles with each failure that follows, up to 5 minutes.
	FailureTTL time.Duration
	// MaxStale is how long records that are no longer fresh are kept, for when they
	// can't be refreshed, up to 7 days; 0 means a day, negative that none are.
	MaxStale time.Duration
}

// maxFailureTTL is the longest that a failure may be remembered (RFC 9520 3.2).
const maxFailureTTL = 5 * time.Minute

func (cfg CacheConfig) withDefaults() (CacheConfig, error) {
	const day = 24 * time.Hour
	for _, err := range []error{
		setInt("CacheConfig.MaxEntries", &cfg.MaxEntries, 10000, 1, 1<<24),
		setInt("CacheConfig.MaxBytes", &cfg.MaxBytes, 8<<20, 4096, 1<<30),
		setTime("CacheConfig.MaxTTL", &cfg.MaxTTL, day, time.Second, 7*day),
		setTime("CacheConfig.MaxNegativeTTL", &cfg.MaxNegativeTTL, time.Hour, time.Second, day),
		setTime("CacheConfig.FailureTTL", &cfg.FailureTTL, 5*time.Second, time.Second, maxFailureTTL),
	} {
		if err != nil {
			return cfg, err
		}
	}
	if cfg.MaxStale < 0 {
		cfg.MaxStale = 0
		return cfg, nil
	}
	return cfg, setTime("CacheConfig.MaxStale", &cfg.MaxStale, day, time.Second, 7*day)
}

// Cache remembers what servers said, for as long as they allow. Resolvers may
// share one. Its methods may be called by several goroutines.
//
// It holds sets of records, each under its owner's name and its type, so that a
// chain of aliases is several entries. What was used longest ago makes room.
type Cache struct {
	stats CacheStats // first, for its alignment on 32-bit machines

	cfg CacheConfig

	mu    sync.Mutex
	items map[cacheKey]*list.Element // of *item
	used  list.List                  // the last used first
	bytes int
}

// cacheKey is what an item is found by. kind is NXDomain, Failure, which lies beside
// what it failed to refresh, or Positive, of NoData too.
type cacheKey struct {
	name  string
	qtype uint16
	kind  Kind
}

func dataKey(name string, qtype uint16) cacheKey    { return cacheKey{name, qtype, Positive} }
func failureKey(name string, qtype uint16) cacheKey { return cacheKey{name, qtype, Failure} }
func nxdomainKey(name string) cacheKey              { return cacheKey{name, dns.TypeNone, NXDomain} }

// item is an entry in the cache. Its records are never changed.
type item struct {
	Entry
	stored, expires time.Time
	bytes           int
}

func (i *item) key() cacheKey {
	if i.Kind == NoData {
		return dataKey(i.Name, i.Type)
	}
	return cacheKey{i.Name, i.Type, i.Kind}
}

// NewCache returns an empty cache; an error names the field of cfg that is out of range.
func NewCache(cfg CacheConfig) (*Cache, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Cache{cfg: cfg, items: map[cacheKey]*list.Element{}}, nil
}

// CacheStats are a cache's counters. Each look into it is one of the first five.
type CacheStats struct {
	Hits         uint64 // records found
	NegativeHits uint64 // found that there are none
	FailureHits  uint64 // found that it could not be answered lately
	StaleHits    uint64 // found what is no longer fresh, after a failure
	Misses       uint64 // nothing found

	Stores    uint64 // entries stored
	Evictions uint64 // entries that made room for others
	Expired   uint64 // entries removed when found too old
	Outranked uint64 // entries not stored, for a fresh one of a higher rank was there
	TooLarge  uint64 // entries not stored, for they would fill more than a quarter

	Entries, Bytes uint64 // what is there now
}

// Stats returns the counters as they are now.
func (c *Cache) Stats() CacheStats {
	s := counter.Snapshot(&c.stats)
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Entries, s.Bytes = uint64(len(c.items)), uint64(c.bytes)
	return s
}

// Get returns what is known, and fresh, of a name and a type: records, that there
// are none, or else a failure. An NXDomain at the name or above it is about the
// name (RFC 8020). In place of what it does not have it returns the name's alias,
// whose Type is CNAME.
func (c *Cache) Get(ctx context.Context, name string, qtype uint16) (Entry, bool) {
	return c.look(ctx, name, qtype, false)
}

// GetStale is Get for when what is wanted could not be refreshed: what it returns
// may be no longer fresh (RFC 8767), and is not a failure.
func (c *Cache) GetStale(ctx context.Context, name string, qtype uint16) (Entry, bool) {
	return c.look(ctx, name, qtype, true)
}

func (c *Cache) look(ctx context.Context, name string, qtype uint16, stale bool) (Entry, bool) {
	q := dns.Question{Name: dns.CanonicalName(name), Qtype: qtype, Qclass: dns.ClassINET}
	e, ok := c.step(q, stale)
	c.tell(ctx, q, e, ok)
	return e, ok
}

// Snapshot returns all entries, the last used first; stale ones are among them.
func (c *Cache) Snapshot() []Entry {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	entries := make([]Entry, 0, len(c.items))
	for el := c.used.Front(); el != nil; el = el.Next() {
		if i := el.Value.(*item); !c.tooOld(i, now) {
			entries = append(entries, i.view(now))
		}
	}
	return entries
}

// Flush forgets all.
func (c *Cache) Flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.items)
	c.used.Init()
	c.bytes = 0
}

// fresh returns the item of that key, if it is fresh.
func (c *Cache) fresh(k cacheKey, now time.Time) *item {
	if i := c.find(k, now); i != nil && i.expires.After(now) {
		return i
	}
	return nil
}

// find returns the item of that key, fresh or stale, and notes that it is in use.
func (c *Cache) find(k cacheKey, now time.Time) *item {
	el := c.items[k]
	if el == nil {
		return nil
	}
	i := el.Value.(*item)
	if c.tooOld(i, now) {
		c.remove(el)
		counter.Inc(&c.stats.Expired)
		return nil
	}
	c.used.MoveToFront(el)
	return i
}

// tooOld reports whether an item is of no more use. A failure is kept for as long
// again as it lasted, so that the next one is known to follow it.
func (c *Cache) tooOld(i *item, now time.Time) bool {
	keep := c.cfg.MaxStale
	if i.Kind == Failure {
		keep = i.expires.Sub(i.stored)
	}
	return !i.expires.Add(keep).After(now)
}

func (c *Cache) remove(el *list.Element) {
	i := c.used.Remove(el).(*item)
	delete(c.items, i.key())
	c.bytes -= i.bytes
}
