package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// digWay is what +trace prints of the way from the root servers down.
type digWay struct {
	*digger
	query  *digQuery
	layout layout

	mu   sync.Mutex
	step dnsclient.StepEvent // the last
	err  error               // of writing
}

// traceDown resolves a query from the root servers down, and prints what each server
// says. Each is shown the whole question.
func (d *digger) traceDown(ctx context.Context, q *digQuery) error {
	roots := d.net.roots
	r, err := dnsclient.NewIterative(dnsclient.IterativeConfig{Client: d.client, Roots: roots, Minimise: dnsclient.MinimiseOff})
	if err != nil {
		return err
	}
	way := &digWay{digger: d, query: q, layout: q.opts.layout()}
	way.begin(roots)
	traced := dnsclient.WithTrace(ctx, &dnsclient.Trace{
		Step: way.asks, Answer: way.answered, Failed: way.failed, Dropped: way.dropped,
	})
	a, err := r.Resolve(traced, dns.Question{Name: q.name, Qtype: q.qtype, Qclass: q.class})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		d.unanswered = true
		return errors.Join(way.err, way.gaveUp(err))
	}
	if q.opts.short && !d.plan.json {
		way.print(shortData(a.Records, "\n"))
	}
	return way.err
}

// print notes the first error.
func (t *digWay) print(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		_, t.err = io.WriteString(t.w, s)
	}
}

// quiet reports whether the way is not to be seen.
func (t *digWay) quiet() bool { return t.plan.json || t.query.opts.short }

func (t *digWay) begin(roots []dnsclient.RootServer) {
	if t.quiet() {
		return
	}
	s, seen := t.greeting(t.query, len(roots)), map[string]bool{}
	for _, root := range roots {
		if !seen[root.Name] {
			s += plain.columns(".", "", "IN", "NS", dns.Fqdn(root.Name)) + "\n"
		}
		seen[root.Name] = true
	}
	t.print(s + fmt.Sprintf(";; The root servers, %d of them, as the hints have them\n\n", len(seen)))
}

// asks notes which zone's server is asked next, and says why, where it is for the
// sake of another question.
func (t *digWay) asks(e dnsclient.StepEvent) {
	t.mu.Lock()
	last := t.step
	t.step = e
	t.mu.Unlock()
	if e.Depth > 0 && e.For != last.For && !t.quiet() {
		t.print(fmt.Sprintf(";; To find a server's address: %s %s\n", e.For.Name, typeName(e.For.Qtype)))
	}
}

// answered prints what a server said.
func (t *digWay) answered(e dnsclient.AnswerEvent) {
	t.mu.Lock()
	step := t.step
	t.mu.Unlock()
	r := e.Reply
	switch {
	case t.plan.json:
		a := jsonReply(r, step.Name)
		a.Zone = step.Zone
		if err := writeJSON(t.w, a); err != nil {
			t.err = err
		}
		return
	case t.quiet():
		return
	}
	records := r.Msg.Answer
	if len(records) == 0 {
		records = r.Msg.Ns
	}
	s := t.layout.records(records)
	if r.Msg.Rcode != dns.RcodeSuccess {
		s += fmt.Sprintf(";; status: %s\n", rcodeName(r.Msg.Rcode))
	}
	t.print(s + fmt.Sprintf(";; Received %d bytes from %s(%s) in %d ms\n\n", r.Size, hashed(r.Server), t.nameOf(r.Server, step), r.RTT.Milliseconds()))
}

// nameOf is the server's name, if it is the one that was asked last.
func (t *digWay) nameOf(server netip.AddrPort, step dnsclient.StepEvent) string {
	if step.Server == server {
		return step.Name
	}
	return server.Addr().String()
}

func (t *digWay) failed(e dnsclient.FailEvent) {
	t.comment("communications error to %s: %s", hashed(e.Server), silenceReason(e.Err))
}

// dropped says which records were not believed: they are for others to say.
func (t *digWay) dropped(e dnsclient.DropEvent) {
	what := "a message"
	if e.Record != nil {
		what = plain.columns(e.Record.Header().Name, "", "", typeName(e.Record.Header().Rrtype), recordData(e.Record))
	}
	if !t.quiet() {
		t.comment("dropped: %s from %s: %s", what, hashed(e.Server), e.Reason)
	}
}

// gaveUp says why there is no answer.
func (t *digWay) gaveUp(err error) error {
	var e *net.DNSError
	text := err.Error()
	if errors.As(err, &e) {
		text = e.Err
	}
	if t.plan.json {
		return writeJSON(t.w, digFailure{Schema: digSchema, Question: jsonQuestion(t.query.question().Question), Error: text})
	}
	_, err = fmt.Fprintf(t.w, ";; %s\n", text)
	return err
}
