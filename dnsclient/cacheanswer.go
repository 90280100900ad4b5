package dnsclient

import (
	"context"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// known is what the cache knows about a question.
type known struct {
	answer  Answer       // as far as it goes
	whole   bool         // it goes to the end
	rest    dns.Question // what is yet to be asked: the end of the aliases known
	failure error        // why that was not answered lately; nil if it was not asked
}

// follow finds what the cache knows about q, whose name is canonical, through
// aliases; with stale, also what is no longer fresh.
func (c *Cache) follow(ctx context.Context, q dns.Question, stale bool) known {
	k := known{rest: q}
	k.answer.Cached = true
	for len(k.answer.Records) <= maxAliases {
		e, ok := c.step(k.rest, stale)
		c.tell(ctx, k.rest, e, ok)
		if !ok {
			return k
		}
		k.answer.Stale = k.answer.Stale || e.Stale
		switch e.Kind {
		case Failure:
			k.failure = e.Err
			return k
		case Positive:
			k.answer.Records = append(k.answer.Records, e.Records...)
			if cname, ok := e.Records[0].(*dns.CNAME); ok && q.Qtype != dns.TypeCNAME {
				k.rest.Name = dns.CanonicalName(cname.Target)
				continue
			}
		case NXDomain:
			k.answer.Rcode = dns.RcodeNameError
			fallthrough
		case NoData:
			k.answer.Authority = e.Records
		}
		k.whole = true
		return k
	}
	k.failure = errTooManyAliases
	return k
}

// step finds what the cache knows of one name: the records, that there are none, an
// alias, that it does not exist, or a failure.
func (c *Cache) step(q dns.Question, stale bool) (Entry, bool) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.about(q, func(k cacheKey) *item { return c.fresh(k, now) })
	switch {
	case i != nil:
	case stale:
		i = c.about(q, func(k cacheKey) *item { return c.find(k, now) })
	default:
		i = c.fresh(failureKey(q.Name, q.Qtype), now)
	}
	if i == nil {
		return Entry{}, false
	}
	return i.view(now), true
}

// about finds the item that is about q's name and type.
func (c *Cache) about(q dns.Question, find func(cacheKey) *item) *item {
	// Glue and referrals are not to be returned as answers (RFC 2181 5.4.1).
	if i := find(dataKey(q.Name, q.Qtype)); i != nil && i.Rank > RankReferral {
		return i
	}
	if i := find(dataKey(q.Name, dns.TypeCNAME)); i != nil && i.Kind == Positive {
		return i
	}
	for at, end := 0, false; !end; at, end = dns.NextLabel(q.Name, at) {
		if i := find(nxdomainKey(q.Name[at:])); i != nil { // RFC 8020 2
			return i
		}
	}
	return nil
}

// tell counts and traces what was found, or that nothing was.
func (c *Cache) tell(ctx context.Context, q dns.Question, e Entry, ok bool) {
	count := &c.stats.NegativeHits
	switch {
	case !ok:
		count = &c.stats.Misses
	case e.Stale:
		count = &c.stats.StaleHits
	case e.Kind == Positive:
		count = &c.stats.Hits
	case e.Kind == Failure:
		count = &c.stats.FailureHits
	}
	counter.Inc(count)
	if !ok {
		traceOf(ctx).cacheMiss(q)
		return
	}
	traceOf(ctx).cacheHit(e)
}

// putSaid stores what a server said about q, each alias by itself.
func (c *Cache) putSaid(ctx context.Context, q dns.Question, s *said, rank Rank, source netip.AddrPort) {
	for _, alias := range s.aliases {
		c.PutRecords(ctx, []dns.RR{alias}, rank, source)
		rank = min(rank, RankAnswer) // what they lead to is not surely the server's (RFC 2181 5.4.1)
	}
	switch {
	case len(s.records) > 0:
		c.PutRecords(ctx, s.records, rank, source)
	case s.nxdomain:
		c.PutNegative(ctx, NXDomain, s.name, q.Qtype, s.soa, rank, source)
	default:
		c.PutNegative(ctx, NoData, s.name, q.Qtype, s.soa, rank, source)
	}
}
