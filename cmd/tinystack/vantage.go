package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/tinystack/tinystack/internal/netcfg"
	"github.com/tinystack/tinystack/stack"
)

// vantage is where a command reaches out from: a stack on a device of its own, or the
// host of the lab.
type vantage struct {
	stack  *stack.Stack
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	lookup func(ctx context.Context, host string) (netip.Addr, error)
	nameOf func(ctx context.Context, addr netip.Addr) string // "": it has none
	// during calls f with a context that is done when ctx is or the network fails, which
	// is then the error.
	during func(ctx context.Context, f func(context.Context)) error
	Close  func() error
}

// openVantage opens the network of --via. On stderr it says of hosts that are looked up
// which can't be reached.
func openVantage(c netConfig, via string, stderr io.Writer) (*vantage, error) {
	if via == viaLab {
		l, err := openLab(c)
		if err != nil {
			return nil, err
		}
		host := l.Node("host")
		during := func(ctx context.Context, f func(context.Context)) error {
			f(ctx)
			return nil
		}
		return &vantage{host.Stack(), host.DialContext, l.lookup, l.nameOf, during, l.Close}, nil
	}
	n, err := openNetwork(c, nil, nil)
	if err != nil {
		return nil, err
	}
	lookup := func(ctx context.Context, host string) (netip.Addr, error) {
		addr, err := resolve(ctx, host)
		near := c.stack.Contains(addr) || addr.IsLoopback() || netcfg.Local(addr)
		if err == nil && !near && !netcfg.Forwards(n.dev.Name()) {
			fmt.Fprintf(stderr, "tinystack: %v is beyond this machine, which does not forward packets (see net.ipv4.ip_forward)\n", addr)
		}
		return addr, err
	}
	return &vantage{n.stack, n.stack.DialContext, lookup, reverseName, n.untilFailed, n.Close}, nil
}

// reverseName asks the host's own resolver.
func reverseName(ctx context.Context, addr netip.Addr) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	names, err := net.DefaultResolver.LookupAddr(ctx, addr.String())
	if err != nil || len(names) == 0 {
		return ""
	}
	return strings.TrimSuffix(names[0], ".")
}
