package dnsclient

import (
	"cmp"
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// maxResolution is how long a question is tried to be answered.
const maxResolution = 30 * time.Second

// StubConfig is what can be set about a stub resolver. Its zero value has no servers.
type StubConfig struct {
	// Client asks the servers; with nil it is one over the kernel's sockets.
	Client *Client
	// Cache remembers the answers; with nil it is one of its own.
	Cache *Cache
	// ResolvConf says whom to ask and how; it is called for each question. See
	// [ReadResolvConf] for that of a file. With nil there are no servers.
	ResolvConf func() *ResolvConf
}

// Stub is a resolver that asks others to do the work: the servers of a resolv.conf,
// one after another. Its methods may be called by several goroutines.
//
// What its cache knows is not asked. What is asked by several at the same time is
// asked once. When no server answers, that is remembered for a time too, and where
// there is an answer that is no longer fresh, it is given (RFC 8767).
type Stub struct {
	stats StubStats // first, for its alignment on 32-bit machines
	front

	client *Client
	conf   func() *ResolvConf
	turn   atomic.Uint32 // of the servers, to rotate
}

var _ Resolver = (*Stub)(nil)

// StubStats are a stub's counters.
type StubStats struct {
	FrontStats

	ServersFailed uint64 // times that a server gave no answer, or none of use
}

// NewStub returns a stub resolver.
func NewStub(cfg StubConfig) (*Stub, error) {
	var err error
	if cfg.Client == nil {
		if cfg.Client, err = NewClient(ClientConfig{}); err != nil {
			return nil, err
		}
	}
	if cfg.Cache == nil {
		if cfg.Cache, err = NewCache(CacheConfig{}); err != nil {
			return nil, err
		}
	}
	if cfg.ResolvConf == nil {
		cfg.ResolvConf = func() *ResolvConf { return &ResolvConf{} }
	}
	s := &Stub{client: cfg.Client, conf: cfg.ResolvConf}
	s.front = front{stats: &s.stats.FrontStats, cache: cfg.Cache, timeout: maxResolution, find: s.find}
	return s, nil
}

// Stats returns the counters as they are now.
func (s *Stub) Stats() StubStats { return counter.Snapshot(&s.stats) }

// Resolve answers a question; see [Resolver].
func (s *Stub) Resolve(ctx context.Context, q dns.Question) (*Answer, error) {
	return s.resolve(ctx, q)
}

// find asks for what the cache does not know.
func (s *Stub) find(ctx context.Context, q dns.Question, k known) (*Answer, error) {
	a, err := chase(ctx, s.cache, k, func(q dns.Question) (*said, error) {
		found, err := s.askServers(ctx, q)
		if err != nil {
			s.remember(ctx, q, err)
		}
		return found, err
	})
	if isAliasError(err) {
		s.remember(ctx, q, err)
	}
	return a, err
}

// remember stores a failure, unless it is ours: nobody waited for the answer.
func (s *Stub) remember(ctx context.Context, q dns.Question, err error) {
	if ctx.Err() != context.Canceled {
		s.cache.PutFailure(ctx, q.Name, q.Qtype, err, netip.AddrPort{})
	}
}

// askServers asks one server after another, in as many rounds as there are attempts,
// until one answers.
func (s *Stub) askServers(ctx context.Context, q dns.Question) (*said, error) {
	conf := s.conf()
	last := noServers(q)
	start := 0
	if conf.Rotate && len(conf.Servers) > 0 {
		start = int(s.turn.Add(1)-1) % len(conf.Servers)
	}
	for range max(cmp.Or(conf.Attempts, 2), 1) {
		for i := range conf.Servers {
			found, err := s.askServer(ctx, conf.Servers[(start+i)%len(conf.Servers)], conf, q)
			if err == nil {
				return found, nil
			}
			last = err
			counter.Inc(&s.stats.ServersFailed)
			if ctx.Err() != nil {
				return nil, last
			}
		}
	}
	return nil, last
}

// askServer asks one server, stores what it says, and returns it.
func (s *Stub) askServer(ctx context.Context, server netip.AddrPort, conf *ResolvConf, q dns.Question) (*said, error) {
	r, err := s.client.Exchange(ctx, server, Query{
		Question: q, Recursion: true, TCP: conf.UseTCP, Timeout: max(conf.Timeout, 0),
	})
	if err != nil {
		return nil, err
	}
	found, err := judge(ctx, r, q)
	if err != nil {
		traceOf(ctx).failed(FailEvent{q, server, r.Network, err})
		return nil, err
	}
	s.cache.putSaid(ctx, q, found, RankAnswer, server)
	return found, nil
}

// judge returns what a recursive server's answer says, or why it is none: the next
// server may do better.
func judge(ctx context.Context, r *Reply, q dns.Question) (*said, error) {
	m := r.Msg
	switch {
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return nil, refusal(q, r)
	case m.Truncated:
		return nil, misbehaving(q, r.Server, errTruncated)
	}
	found, err := read(m, q, func(rr dns.RR) {
		traceOf(ctx).dropped(DropEvent{q, r.Server, r.Network, DropRecord, rr})
	})
	if err == nil && len(m.Answer) == 0 && found.soa == nil && !found.nxdomain && !m.Authoritative && !m.RecursionAvailable {
		err = errLame // it may have named others who know
	}
	if err != nil {
		return nil, misbehaving(q, r.Server, err)
	}
	return &found, nil
}
