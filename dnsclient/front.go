package dnsclient

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// staleAfter is how long who asked waits, where there is a stale answer, before that
// is given (RFC 8767 5).
const staleAfter = 1800 * time.Millisecond

// front is what a resolver does before anybody is asked: it looks into the cache,
// merges identical questions, and has stale answers for when nobody answers.
type front struct {
	stats   *FrontStats
	cache   *Cache
	flights flights[dns.Question, *Answer]
	timeout time.Duration // the longest that a question may take
	// find finds out what the cache, which knows k, does not know.
	find func(ctx context.Context, q dns.Question, k known) (*Answer, error)
}

// FrontStats are the counters that all resolvers have.
type FrontStats struct {
	Questions uint64 // asked of Resolve
	FromCache uint64 // of these, answered by the cache
	Merged    uint64 // of these, waited for one that was in flight
	Stale     uint64 // of these, answered with what was no longer fresh
	Failed    uint64 // of these, not answered
}

// resolve answers a question; see [Resolver].
func (f *front) resolve(ctx context.Context, q dns.Question) (*Answer, error) {
	counter.Inc(&f.stats.Questions)
	q, err := checkQuestion(q)
	if err != nil {
		return nil, err
	}
	if a := special(q); a != nil {
		return a, nil
	}
	k := f.cache.follow(ctx, q, false)
	switch {
	case k.whole:
		counter.Inc(&f.stats.FromCache)
		return &k.answer, nil
	case k.failure != nil:
		err = cachedFailure(k.rest, k.failure)
	default:
		var a *Answer
		if a, err = f.await(ctx, q, k); err == nil {
			return a, nil
		}
	}
	return f.fallBack(ctx, q, err)
}

// await asks, or waits for the answer to the same question. When that takes long and
// there is a stale answer, it returns that, and the question is asked on.
func (f *front) await(ctx context.Context, q dns.Question, k known) (*Answer, error) {
	fl, first := f.flights.join(ctx, q, func(ctx context.Context) (*Answer, error) {
		ctx, cancel := context.WithTimeout(ctx, f.timeout)
		defer cancel()
		return f.find(ctx, q, k)
	})
	if !first {
		counter.Inc(&f.stats.Merged)
	}
	slow := time.NewTimer(staleAfter)
	defer slow.Stop()
	for {
		select {
		case <-fl.done:
			f.flights.leave(q, fl, false)
			return fl.answer.clone(), fl.err
		case <-ctx.Done():
			f.flights.leave(q, fl, false)
			return nil, canceled(ctx, q)
		case <-slow.C:
			if k := f.cache.follow(ctx, q, true); k.whole {
				f.flights.leave(q, fl, true)
				counter.Inc(&f.stats.Stale)
				return &k.answer, nil
			}
		}
	}
}

// fallBack gives a stale answer, if there is one, in place of a failure.
func (f *front) fallBack(ctx context.Context, q dns.Question, failure error) (*Answer, error) {
	if ctx.Err() == nil {
		if k := f.cache.follow(ctx, q, true); k.whole {
			counter.Inc(&f.stats.Stale)
			return &k.answer, nil
		}
	}
	counter.Inc(&f.stats.Failed)
	return nil, failure
}

// chase goes on from what the cache knows along the aliases to the end; ask finds
// what the cache does not know.
func chase(ctx context.Context, c *Cache, k known, ask func(dns.Question) (*said, error)) (*Answer, error) {
	a := &Answer{Cached: true}
	for {
		a.Records = append(a.Records, k.answer.Records...)
		switch {
		case k.failure != nil:
			return nil, cachedFailure(k.rest, k.failure)
		case k.whole:
			a.Rcode, a.Authority = k.answer.Rcode, k.answer.Authority
			return a, nil
		}
		found, err := ask(k.rest)
		if err != nil {
			return nil, err
		}
		a.add(found)
		if found.whole() {
			return a, nil
		}
		if err := a.check(found.name); err != nil {
			return nil, misbehaving(k.rest, netip.AddrPort{}, err)
		}
		rest := k.rest
		rest.Name = found.name
		k = c.follow(ctx, rest, false)
	}
}

// check returns what is wrong with the answer's aliases, given where they lead.
func (a *Answer) check(end string) error {
	if len(a.Records) > maxAliases {
		return errTooManyAliases
	}
	if slices.ContainsFunc(a.Records, func(rr dns.RR) bool { return dns.CanonicalName(rr.Header().Name) == end }) {
		return errAliasLoop
	}
	return nil
}

// add appends what a server said.
func (a *Answer) add(s *said) {
	a.Cached = false
	a.Records = append(append(a.Records, s.aliases...), s.records...)
	if s.nxdomain {
		a.Rcode = dns.RcodeNameError
	}
	if s.soa != nil {
		a.Authority = []dns.RR{s.soa}
	}
}
