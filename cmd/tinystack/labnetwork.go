package main

import (
	"context"
	"errors"
	"net/netip"

	"github.com/tinystack/tinystack/internal/lab"
	"github.com/tinystack/tinystack/trace"
)

// labInstance is a lab whose events may go to a file.
type labInstance struct {
	*lab.Lab
	events *traceFile
}

// openLab starts the lab of --via lab.
func openLab(c netConfig) (*labInstance, error) {
	tracer := trace.New()
	events := &traceFile{name: c.trace}
	if err := events.begin(tracer); err != nil {
		return nil, err
	}
	l, err := lab.New(lab.Config{Trace: tracer})
	if err != nil {
		return nil, errors.Join(err, events.Close())
	}
	return &labInstance{l, events}, nil
}

// Close ends the lab, and then the trace.
func (l *labInstance) Close() error { return errors.Join(l.Lab.Close(), l.events.Close()) }

// lookup finds the address of a host as programs on the lab's host do.
func (l *labInstance) lookup(ctx context.Context, host string) (netip.Addr, error) {
	found, err := l.Node("host").LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return netip.Addr{}, err
	}
	return found[0], nil
}

// nameOf names the lab's nodes by their addresses; "": it is no node's.
func (l *labInstance) nameOf(_ context.Context, addr netip.Addr) string {
	if n := l.Owner(addr); n != nil {
		return n.Name()
	}
	return ""
}
