package dnsclient

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// maxDepth is how many questions there may be for the sake of each other: the
// address of a server of the zone of a server, and so on.
const maxDepth = 6

// task is a question on its way, and the work that it may yet cause.
type task struct {
	r       *Iterative
	ctx     context.Context
	queries int
}

// trail is the questions that wait for one another, the outermost first.
type trail []dns.Question

// outer reports whether nothing but who asked waits for the last question.
func (w trail) outer() bool { return len(w) == 1 }

// spend takes one query from those that the task may cause.
func (t *task) spend(q dns.Question) error {
	switch {
	case t.ctx.Err() != nil:
		return canceled(t.ctx, q)
	case t.queries == 0:
		counter.Inc(&t.r.stats.LimitQueries)
		return misbehaving(q, netip.AddrPort{}, errTooManyQueries)
	}
	t.queries--
	return nil
}

// lookUp answers a question for the sake of those that wait.
func (t *task) lookUp(q dns.Question, waiting trail) (*Answer, error) {
	switch {
	case slices.Contains(waiting, q):
		counter.Inc(&t.r.stats.LimitCycle)
		return nil, misbehaving(q, netip.AddrPort{}, errCycle)
	case len(waiting) > maxDepth:
		counter.Inc(&t.r.stats.LimitDepth)
		return nil, misbehaving(q, netip.AddrPort{}, errTooDeep)
	}
	counter.Inc(&t.r.stats.Lookups)
	return t.resolve(q, t.r.cache.follow(t.ctx, q, false), append(slices.Clip(waiting), q))
}

// resolve answers the last of the questions that wait, of which k is known.
func (t *task) resolve(q dns.Question, k known, waiting trail) (*Answer, error) {
	a, err := chase(t.ctx, t.r.cache, k, func(q dns.Question) (*said, error) {
		f, err := t.descend(q, waiting)
		if err != nil {
			t.remember(q, err, waiting)
			return nil, err
		}
		return &f.said, nil
	})
	if isAliasError(err) {
		t.remember(q, err, waiting)
	}
	return a, err
}

// remember stores a failure: one of the question's own, and not of those for whose
// sake it was asked, nor one of ours.
func (t *task) remember(q dns.Question, err error, waiting trail) {
	ended := t.ctx.Err()
	if ended == context.Canceled || !waiting.outer() && (ended != nil || boundOf(err) != nil) {
		return
	}
	t.r.cache.PutFailure(t.ctx, q.Name, q.Qtype, err, netip.AddrPort{})
}

// What is too much work for one question. It says nothing of what is asked for on
// the way.
var (
	errTooManyQueries = errors.New("too many servers had to be asked")
	errCycle          = errors.New("its answer is needed to find it")
	errTooDeep        = errors.New("too many servers' names depend on each other")
)

// boundOf returns which of these the error is because of; nil: of none.
func boundOf(err error) error {
	for _, bound := range []error{errTooManyQueries, errCycle, errTooDeep} {
		if errors.Is(err, bound) {
			return bound
		}
	}
	return nil
}
