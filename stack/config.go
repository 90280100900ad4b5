package stack

import (
	"context"
	"log/slog"
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
	// names other than "localhost" give a *net.DNSError "no such host".
	Resolver Resolver
	// Logger is told when a device fails. With nil, nobody is; see [Interface.Done].
	Logger *slog.Logger
	// Trace is where the events of all layers and devices happen, in place of what IP,
	// TCP and UDP have. nil: nobody is told.
	Trace *trace.Node
}

// Resolver is the one method of *net.Resolver that the stack needs.
type Resolver interface {
	// LookupNetIP returns the host's addresses; network is "ip4".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}
