package dnsclient

import (
	"context"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// itemOverhead is about what an entry takes in memory beside its records' bytes,
// recordOverhead what each record takes.
const (
	itemOverhead   = 400
	recordOverhead = 100
)

// PutRecords stores a set of records, which have one name and type, for as long as
// the least of their TTLs (RFC 2181 5.2); with a TTL of 0 it doesn't. The name is
// one that exists, and failed no more.
func (c *Cache) PutRecords(ctx context.Context, records []dns.RR, rank Rank, source netip.AddrPort) {
	if len(records) == 0 {
		return
	}
	h := records[0].Header()
	ttl := time.Duration(h.Ttl) * time.Second
	for _, rr := range records[1:] {
		ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
	}
	c.put(ctx, Entry{
		Name: dns.CanonicalName(h.Name), Type: h.Rrtype, Kind: Positive,
		Records: copyRecords(records), Rank: rank, Source: source,
	}, min(ttl, c.cfg.MaxTTL))
}

// PutNegative stores that a name has no records of a type, kind NoData, or does not
// exist, kind NXDomain. Both last for as long as the zone's SOA record says: the
// lesser of its TTL and its last field (RFC 2308 5). Without a SOA they are not
// stored.
func (c *Cache) PutNegative(ctx context.Context, kind Kind, name string, qtype uint16, soa *dns.SOA, rank Rank, source netip.AddrPort) {
	if soa == nil {
		return
	}
	if kind == NXDomain {
		qtype = dns.TypeNone
	}
	c.put(ctx, Entry{
		Name: dns.CanonicalName(name), Type: qtype, Kind: kind,
		Records: []dns.RR{dns.Copy(soa)}, Rank: rank, Source: source,
	}, min(negativeTTL(soa), c.cfg.MaxNegativeTTL))
}

func negativeTTL(soa *dns.SOA) time.Duration {
	return time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
}

// PutFailure stores that a question could not be answered, and why. What is known
// of it, fresh or stale, stays: where there is something stale, it is not refreshed
// again for 30 seconds at least (RFC 8767 5).
func (c *Cache) PutFailure(ctx context.Context, name string, qtype uint16, failure error, source netip.AddrPort) {
	name = dns.CanonicalName(name)
	ttl, now := c.cfg.FailureTTL, time.Now()
	c.mu.Lock()
	if last := c.find(failureKey(name, qtype), now); last != nil {
		ttl = min(2*last.expires.Sub(last.stored), maxFailureTTL) // RFC 9520 3.2
	}
	if c.find(dataKey(name, qtype), now) != nil {
		ttl = max(ttl, StaleTTL)
	}
	c.mu.Unlock()
	c.put(ctx, Entry{Name: name, Type: qtype, Kind: Failure, Err: failure, Source: source}, ttl)
}

func (c *Cache) put(ctx context.Context, e Entry, ttl time.Duration) {
	if ttl <= 0 {
		return // "can only be used for the transaction in progress" (RFC 1035 3.2.1)
	}
	now := time.Now()
	i := &item{Entry: e, stored: now, expires: now.Add(ttl), bytes: size(&e)}
	if c.insert(i, now) {
		counter.Inc(&c.stats.Stores)
		traceOf(ctx).cacheStore(i, now)
	}
}

func (c *Cache) insert(i *item, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i.bytes > c.cfg.MaxBytes/4 { // it would cost too many others their place
		counter.Inc(&c.stats.TooLarge)
		return false
	}
	k := i.key()
	if old := c.fresh(k, now); old != nil && old.Rank > i.Rank {
		counter.Inc(&c.stats.Outranked)
		return false
	}
	c.supersede(i)
	for len(c.items) >= c.cfg.MaxEntries || c.bytes+i.bytes > c.cfg.MaxBytes {
		c.remove(c.used.Back())
		counter.Inc(&c.stats.Evictions)
	}
	c.items[k] = c.used.PushFront(i)
	c.bytes += i.bytes
	return true
}

// supersede removes what i proves to be no longer so: its predecessor, a failure to
// find it and, of what exists, that its name or one above it does not, unless it was
// a more trusted server that said so.
func (c *Cache) supersede(i *item) {
	c.drop(i.key(), i.Rank)
	if i.Kind == Failure {
		return
	}
	c.drop(failureKey(i.Name, i.Type), i.Rank)
	if i.Kind == NXDomain {
		return
	}
	for at, end := 0, false; !end; at, end = dns.NextLabel(i.Name, at) {
		c.drop(nxdomainKey(i.Name[at:]), i.Rank)
	}
}

// drop removes the item of that key, if there is one and it is of that rank at most
// or stale.
func (c *Cache) drop(k cacheKey, rank Rank) {
	el := c.items[k]
	if el == nil {
		return
	}
	if i := el.Value.(*item); i.Rank <= rank || !i.expires.After(time.Now()) {
		c.remove(el)
	}
}

// size is about how much memory an entry takes.
func size(e *Entry) int {
	n := itemOverhead + 2*len(e.Name)
	for _, rr := range e.Records {
		n += recordOverhead + dns.Len(rr)
	}
	return n
}
