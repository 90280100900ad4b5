package dnsclient

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// IterativeConfig is what can be set about an iterative resolver. Its zero value works.
type IterativeConfig struct {
	// Client asks the servers; with nil it is one over the kernel's sockets.
	Client *Client
	// Cache remembers what they say; with nil it is one of its own.
	Cache *Cache
	// Roots are the root servers to begin with; with none they are [RootServers].
	Roots []RootServer
	// Minimise says how much of a question those servers see that can't answer it.
	Minimise Minimise
	// Timeout is the longest that a question may take, 100 ms to 1 minute; 0 means 10
	// seconds.
	Timeout time.Duration
	// MaxQueries is how often servers may be asked for one question, 1 to 1000, with
	// all that is asked to find their addresses; 0 means 100.
	MaxQueries int
	// IPv6 has servers asked at their IPv6 addresses, too.
	IPv6 bool
	// Rand chooses among servers that are equally good, for a run that can be
	// repeated; its calls come one at a time. With nil it is the runtime's.
	Rand rand.Source
}

// Iterative is a resolver that does all the work itself: it begins at the root
// servers, follows their referrals to the servers of the zone that has the answer,
// and remembers what it learns on the way. Its methods may be called by several
// goroutines.
type Iterative struct {
	stats IterativeStats // first, for its alignment on 32-bit machines
	front

	client   *Client
	peers    *peers
	inFlight flights[query, *Reply]
	roots    *cut
	local    bool // the root servers are on this host, so others may be, too
	minimise Minimise
	queries  int
	ipv6     bool
}

var _ Resolver = (*Iterative)(nil)

// NewIterative returns a resolver; an error names the field of cfg that is out of range.
func NewIterative(cfg IterativeConfig) (*Iterative, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	roots, err := rootCut(cfg.Roots)
	if err != nil {
		return nil, err
	}
	r := &Iterative{
		client: cfg.Client, peers: newPeers(cfg.Rand), roots: roots,
		local:    slices.ContainsFunc(cfg.Roots, func(s RootServer) bool { return s.Addr.IsLoopback() }),
		minimise: cfg.Minimise, queries: cfg.MaxQueries, ipv6: cfg.IPv6,
	}
	r.front = front{stats: &r.stats.FrontStats, cache: cfg.Cache, timeout: cfg.Timeout, find: r.find}
	return r, nil
}

func (r *Iterative) task(ctx context.Context) *task {
	return &task{r: r, ctx: ctx, queries: r.queries}
}

func (cfg IterativeConfig) withDefaults() (_ IterativeConfig, err error) {
	if len(cfg.Roots) == 0 {
		cfg.Roots = RootServers()
	}
	if cfg.Minimise > MinimiseOff {
		return cfg, fmt.Errorf("dnsclient: IterativeConfig.Minimise %d: want %d to %d", cfg.Minimise, MinimiseRelaxed, MinimiseOff)
	}
	if err = setInt("IterativeConfig.MaxQueries", &cfg.MaxQueries, 100, 1, 1000); err != nil {
		return cfg, err
	}
	if err = setTime("IterativeConfig.Timeout", &cfg.Timeout, 10*time.Second, 100*time.Millisecond, time.Minute); err != nil {
		return cfg, err
	}
	if cfg.Client == nil {
		if cfg.Client, err = NewClient(ClientConfig{}); err != nil {
			return cfg, err
		}
	}
	if cfg.Cache == nil {
		cfg.Cache, err = NewCache(CacheConfig{})
	}
	return cfg, err
}

// Resolve answers a question; see [Resolver]. The codes in its errors are No Reachable
// Authority where no server of a zone answers, Cached Error for a question that could
// not be answered lately, and Other for one that would be too much work.
func (r *Iterative) Resolve(ctx context.Context, q dns.Question) (*Answer, error) {
	return r.resolve(ctx, q)
}

// find asks for what the cache does not know.
func (r *Iterative) find(ctx context.Context, q dns.Question, k known) (*Answer, error) {
	return r.task(ctx).resolve(q, k, trail{q})
}

// Prime asks a root server who the root servers are (RFC 9609), so that the hints are
// needed no more for as long as the cache keeps the answer. It is to be called before
// there are questions, or not at all: the hints do as well.
func (r *Iterative) Prime(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	q := inet(".", dns.TypeNS)
	t := r.task(ctx)
	f, err := t.askZone(r.roots, q, true, trail{q})
	if err == nil {
		t.store(r.roots, f)
	}
	return err
}
