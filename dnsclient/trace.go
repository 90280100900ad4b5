package dnsclient

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Trace is a set of hooks that are called as things happen, in the style of
// net/http/httptrace. Any may be nil. They are called on the goroutine that does
// the work, so they must not wait, by several goroutines at a time, and after the call
// that they are about has returned, if it waited no longer. What they are given is not
// theirs to change.
type Trace struct {
	// Question: a message was sent to a server.
	Question func(QuestionEvent)
	// Answer: the answer to it was accepted.
	Answer func(AnswerEvent)
	// Dropped: a message, or a record in one, was not used.
	Dropped func(DropEvent)
	// Retry: the same server is asked again in another way.
	Retry func(RetryEvent)
	// Failed: a server gave no answer.
	Failed func(FailEvent)
	// CacheHit: the cache knows; the entry has the time left.
	CacheHit func(Entry)
	// CacheMiss: the cache does not know.
	CacheMiss func(dns.Question)
	// CacheStore: the cache knows from now on.
	CacheStore func(Entry)
	// Step: the iterative resolver chose a zone's server to ask.
	Step func(StepEvent)
	// Referral: a server named the servers of a zone below its own.
	Referral func(ReferralEvent)
	// Served: our server answered a client. It alone is not told to a context's trace,
	// but to the one in ServerConfig.
	Served func(ServedEvent)
}

// QuestionEvent is a message sent.
type QuestionEvent struct {
	Question  dns.Question
	Server    netip.AddrPort
	Network   string // "udp" or "tcp"
	ID        uint16
	Recursion bool
	UDPSize   int      // what EDNS says of the longest answer; 0: no EDNS
	Conn      net.Conn // that it goes out on, and the answer comes in on
}

// AnswerEvent is an answer that passed all checks.
type AnswerEvent struct {
	Question dns.Question
	Reply    *Reply
}

// DropEvent is a message or a record that was not used.
type DropEvent struct {
	Question dns.Question
	Server   netip.AddrPort
	Network  string
	Reason   DropReason
	Record   dns.RR // nil: the whole message
}

// RetryEvent is that a server is asked again.
type RetryEvent struct {
	Question dns.Question
	Server   netip.AddrPort
	How      RetryReason
}

// RetryReason is how a server is asked again, and why.
type RetryReason string

// Ways to ask again.
const (
	RetryOverTCP     RetryReason = "over TCP: the answer was truncated"
	RetryWithoutEDNS RetryReason = "without EDNS, which the server does not know"
)

// FailEvent is a server that gave no answer.
type FailEvent struct {
	Question dns.Question
	Server   netip.AddrPort
	Network  string
	Err      error
}

// StepEvent is a step of the iterative resolver. The message and its answer follow,
// unless the same is being asked for the sake of another question.
type StepEvent struct {
	Question dns.Question   // as it is asked, which may be a part of For
	For      dns.Question   // what is to be found out
	Depth    int            // how many questions wait for that, 0 if it is who asked
	Zone     string         // whose servers are asked
	Name     string         // of the server
	Server   netip.AddrPort // where it is asked
}

// ReferralEvent is a server's word on who knows more.
type ReferralEvent struct {
	Question dns.Question
	Server   netip.AddrPort // that gave it
	Zone     string         // the zone that is delegated
	Servers  []string       // the names of its servers
	Glue     []dns.RR       // the addresses of these that came along and are used
}

// ServedEvent is an answer to a client.
type ServedEvent struct {
	Client         netip.AddrPort
	Network        string
	Request, Reply *dns.Msg
	Took           time.Duration
}

type traceKey struct{}

// WithTrace returns a context with which all that is asked is told to t, in place
// of a trace that ctx may have.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// traceOf returns the context's trace, which may be nil: the methods know.
func traceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

func (t *Trace) question(e QuestionEvent) {
	if t != nil && t.Question != nil {
		t.Question(e)
	}
}

func (t *Trace) answer(e AnswerEvent) {
	if t != nil && t.Answer != nil {
		t.Answer(e)
	}
}

func (t *Trace) dropped(e DropEvent) {
	if t != nil && t.Dropped != nil {
		t.Dropped(e)
	}
}

func (t *Trace) retry(e RetryEvent) {
	if t != nil && t.Retry != nil {
		t.Retry(e)
	}
}

func (t *Trace) failed(e FailEvent) {
	if t != nil && t.Failed != nil {
		t.Failed(e)
	}
}

func (t *Trace) cacheHit(e Entry) {
	if t != nil && t.CacheHit != nil {
		t.CacheHit(e)
	}
}

func (t *Trace) cacheMiss(q dns.Question) {
	if t != nil && t.CacheMiss != nil {
		t.CacheMiss(q)
	}
}

func (t *Trace) cacheStore(i *item, now time.Time) {
	if t != nil && t.CacheStore != nil {
		t.CacheStore(i.view(now))
	}
}

func (t *Trace) referral(e ReferralEvent) {
	if t != nil && t.Referral != nil {
		t.Referral(e)
	}
}

func (t *Trace) step(e StepEvent) {
	if t != nil && t.Step != nil {
		t.Step(e)
	}
}
