package dnsclient

import (
	"context"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// query is a question to a server. Those for A and for AAAA records lead down the same
// way, and often at the same time.
type query struct {
	server netip.AddrPort
	q      dns.Question
}

// query asks a server, or waits for its answer if the same is being asked for the sake
// of another question. The answer is not to be changed.
func (r *Iterative) query(ctx context.Context, server netip.AddrPort, q dns.Question) (*Reply, error) {
	k := query{server, q}
	f, first := r.inFlight.join(ctx, k, func(ctx context.Context) (*Reply, error) { return r.exchange(ctx, server, q) })
	defer r.inFlight.leave(k, f, false)
	if !first {
		counter.Inc(&r.stats.MergedQueries)
	}
	select {
	case <-f.done:
		return f.answer, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// exchange asks a server, and takes note of how long it took. A server is not to blame
// where nobody waited for its answer.
func (r *Iterative) exchange(ctx context.Context, server netip.AddrPort, q dns.Question) (*Reply, error) {
	counter.Inc(&r.stats.Queries)
	reply, err := r.client.Exchange(ctx, server, Query{Question: q, Timeout: r.peers.timeout(server.Addr())})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		counter.Inc(&r.stats.Unanswered)
		r.peers.timedOut(server.Addr())
	default:
		r.peers.answered(server.Addr(), reply.RTT)
	}
	return reply, err
}
