package stack

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/trace"
	"github.com/tinystack/tinystack/udp"
)

// Config is what can be set about a stack. Its zero value works; see each layer
// for defaults and ranges.
type Config struct {
	IP  ipv4.Config
	TCP tcp.Config
	UDP udp.Config

	// Resolver finds the addresses of host names in Dial and Listen. With nil,
	// names other than "localhost" give a *net.DNSError "no such host". See
	// [Stack.SetResolver] for one that asks through the stack.
	Resolver Resolver
	// Logger is told when a device fails. With nil, nobody is; see [Interface.Done].
	Logger *slog.Logger
	// Rand is what all layers draw from, in New, in place of what IP, TCP and UDP have: with
	// the same numbers, in virtual time, a run that does the same looks the same on the
	// wire. Whoever knows them can forge packets. nil: nobody does.
	Rand rand.Source
	// Trace is where the events of all layers and devices happen, in place of what IP,
	// TCP and UDP have. nil: nobody is told.
	Trace *trace.Node
}

// Resolver is the one method of *net.Resolver that the stack needs.
type Resolver interface {
	// LookupNetIP returns the host's addresses; network is "ip4".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}
