package tracedns

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/trace"
)

const (
	ruleHit     trace.Rule = "the cache knows, for as long as the TTL is not over, RFC 1034 5.3.3"
	ruleHitNone trace.Rule = "the cache knows that there is none, RFC 2308 5"
	ruleFailure trace.Rule = "the cache knows that it could not be answered lately, RFC 9520 3.2"
	ruleStale   trace.Rule = "the cache has what is no longer fresh, and nobody else answers, RFC 8767 4"
	ruleMiss    trace.Rule = "the cache does not know, RFC 1034 5.3.3"
	ruleAsk     trace.Rule = "a server is asked, RFC 1034 5.3.3"
	ruleSilent  trace.Rule = "no answer that is of use: another server may do better, RFC 1034 5.3.3"
)

// Resolver returns r, but that what it does is told at node. The cause is that in the
// context of the call.
func Resolver(node *trace.Node, r dnsclient.Resolver) dnsclient.Resolver { return &resolver{node, r} }

type resolver struct {
	node *trace.Node
	dnsclient.Resolver
}

// Resolve returns the answer to a question.
func (r *resolver) Resolve(ctx context.Context, q dns.Question) (*dnsclient.Answer, error) {
	return r.Resolver.Resolve(Context(ctx, r.node), q)
}

// Context returns a context with which what is asked of package dnsclient is told at
// node. Each event follows from the one before; the first has ctx's cause.
func Context(ctx context.Context, node *trace.Node) context.Context {
	if !node.On() {
		return ctx
	}
	s := &story{node: node, last: trace.Cause(ctx), conns: map[asked]net.Conn{}}
	return dnsclient.WithTrace(ctx, &dnsclient.Trace{
		Question: s.question, Answer: s.answer, Dropped: s.dropped, Failed: s.failed,
		CacheHit: s.hit, CacheMiss: s.miss,
	})
}

// asked is a message on its way.
type asked struct {
	server  netip.AddrPort
	network string
	id      uint16
}

// story is what was done for one question so far.
type story struct {
	node *trace.Node

	mu    sync.Mutex
	last  trace.ID
	conns map[asked]net.Conn
}

// tell emits e, which is because of cause, or of what was told last if that is 0.
func (s *story) tell(cause trace.ID, e trace.Event) trace.ID {
	if cause == 0 {
		cause = s.last
	}
	e.Cause = cause
	s.last = s.node.Emit(e)
	return s.last
}

func (s *story) question(e dnsclient.QuestionEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := ofQuestion(e.Question)
	d.Server, d.ID = e.Server.String(), e.ID
	id := s.tell(0, trace.Event{Kind: trace.Question, Rule: ruleAsk, Text: "over " + e.Network, DNS: d})
	s.conns[asked{e.Server, e.Network, e.ID}] = e.Conn
	if c, ok := e.Conn.(trace.Endpoint); ok {
		c.Because(id)
	}
}

func (s *story) answer(e dnsclient.AnswerEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, rule := answerOf(e.Reply.Msg)
	d.Server = e.Reply.Server.String()
	key := asked{e.Reply.Server, e.Reply.Network, e.Reply.Msg.Id}
	s.tell(heard(s.conns[key]), trace.Event{Kind: trace.Answer, Rule: rule, Text: "in " + e.Reply.RTT.String(), DNS: d})
	delete(s.conns, key)
}

func (s *story) failed(e dnsclient.FailEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := ofQuestion(e.Question)
	d.Server, d.Result = e.Server.String(), resultError
	s.tell(0, trace.Event{Kind: trace.Answer, Rule: ruleSilent, Text: e.Err.Error(), DNS: d})
}

func (s *story) dropped(e dnsclient.DropEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := ofQuestion(e.Question)
	d.Server = e.Server.String()
	if e.Record != nil {
		d.Answer = texts([]dns.RR{e.Record})
	}
	s.tell(0, trace.Event{Kind: trace.Dropped, Name: "DNS", Rule: trace.Rule(e.Reason), DNS: d})
}

func (s *story) hit(e dnsclient.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rule := ruleHit
	switch {
	case e.Stale:
		rule = ruleStale
	case e.Kind == dnsclient.Failure:
		rule = ruleFailure
	case e.Kind != dnsclient.Positive:
		rule = ruleHitNone
	}
	s.tell(0, trace.Event{Kind: trace.CacheHit, Rule: rule, DNS: &trace.DNS{
		Name: e.Name, Type: dns.Type(e.Type).String(), Result: e.Kind.String(),
		Answer: texts(e.Records), TTL: uint32(max(e.TTL, 0) / time.Second),
	}})
}

func (s *story) miss(q dns.Question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(0, trace.Event{Kind: trace.CacheMiss, Rule: ruleMiss, DNS: ofQuestion(q)})
}

func ofQuestion(q dns.Question) *trace.DNS {
	return &trace.DNS{Name: strings.ToLower(q.Name), Type: dns.Type(q.Qtype).String()}
}

// heard is the event that led to what was read last from c.
func heard(c net.Conn) trace.ID {
	if e, ok := c.(trace.Endpoint); ok {
		return e.Heard()
	}
	return 0
}
