package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/tinystack/tinystack/stack"
)

// tracer finds the way to one address.
type tracer struct {
	tracePlan
	stack  *stack.Stack
	to     netip.Addr
	stdout io.Writer
	nameOf func(context.Context, netip.Addr) string // "": it has none
}

// traceroute resolves the host, and finds the way to it on the network of the plan.
func traceroute(ctx context.Context, p tracePlan, host string, stdout, stderr io.Writer) error {
	v, err := openVantage(p.netConfig, p.via, stderr)
	if err != nil {
		return err
	}
	to, err := v.lookup(ctx, host)
	if err != nil {
		return errors.Join(interrupted(codeError{exitNoName, err}), v.Close())
	}
	t := &tracer{p, v.stack, to, stdout, v.nameOf}
	var failed error
	err = v.during(ctx, func(ctx context.Context) { failed = t.run(ctx, host) })
	return errors.Join(cmp.Or(err, failed), v.Close()) // a network that fails interrupts the run
}

// run probes hop by hop until the host answers, or somebody says that there is no
// way to it.
func (t *tracer) run(ctx context.Context, host string) error {
	if _, err := fmt.Fprintf(t.stdout, "traceroute to %s (%v), %d hops max, %d byte packets\n", host, t.to, t.maxHops, probeSize); err != nil {
		return err
	}
	for ttl := t.first; ttl <= t.maxHops; ttl++ {
		answers, err := t.hop(ctx, ttl)
		if ctx.Err() != nil {
			return interrupted(ctx.Err())
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(t.stdout, "%2d %s\n", ttl, t.line(ctx, answers)); err != nil {
			return err
		}
		for _, a := range answers {
			if a.arrived {
				return nil
			}
		}
		if closed(answers) {
			break
		}
	}
	return codeError{code: exitFailure}
}

// closed reports whether all that answered, and somebody did, say that there is no way on.
func closed(answers []probeAnswer) bool {
	some := false
	for _, a := range answers {
		if a.from.IsValid() && a.mark == "" {
			return false
		}
		some = some || a.mark != ""
	}
	return some
}

// hop sends a hop's probes, all at a time, and waits for their answers.
func (t *tracer) hop(ctx context.Context, ttl int) ([]probeAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, t.wait)
	defer cancel()
	answers, errs := make([]probeAnswer, t.queries), make([]error, t.queries)
	var waiting sync.WaitGroup
	for i := range t.queries {
		waiting.Go(func() { answers[i], errs[i] = t.probe(ctx, ttl, (ttl-t.first)*t.queries+i) })
	}
	waiting.Wait()
	return answers, errors.Join(errs...)
}

// line is a hop's line after its number: who answered, once while it is the same
// one, and each probe's time.
func (t *tracer) line(ctx context.Context, answers []probeAnswer) string {
	var b strings.Builder
	var last netip.Addr
	for _, a := range answers {
		if !a.from.IsValid() {
			b.WriteString(" *")
			continue
		}
		if a.from != last {
			b.WriteString(" " + t.who(ctx, a.from))
			last = a.from
		}
		fmt.Fprintf(&b, "  %.3f ms", float64(a.rtt)/float64(time.Millisecond))
		if a.mark != "" {
			b.WriteString(" " + a.mark)
		}
	}
	return b.String()
}

func (t *tracer) who(ctx context.Context, addr netip.Addr) string {
	if t.numeric {
		return addr.String()
	}
	name := t.nameOf(ctx, addr)
	if name == "" {
		name = addr.String()
	}
	return fmt.Sprintf("%s (%v)", name, addr)
}
