package explain

import (
	"context"
	"net"
	"net/netip"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/internal/pcapng"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/trace"
)

// world is where a trip goes, and what of it no event says.
type world interface {
	// intro says where all this happens, and how it hangs together.
	intro(p *page)
	// host is where the browser runs.
	host() host
	// node is where events of that name happen.
	node(name string) *trace.Node
	// caches are those that a name may be in, in the order in which they are asked.
	caches() []nameCache
	// recursion says who asks the name servers, and with what in mind.
	recursion() recursion
	// role says who has an address, "" if that is not known.
	role(addr netip.Addr) string
	// whole reports whether the events are those of all nodes, not of the host alone.
	whole() bool
	// taps copies what passes the host's wire, from now on.
	taps() (*taps, error)
	// wire is the host's, as a capture has it.
	wire() pcapng.Interface
	// close ends what belongs to the run.
	close()
}

// host is what a browser needs of the machine that it runs on. The lab's nodes are some.
type host interface {
	// DialContext connects; a TCP connection is a connection.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	// Resolver looks names up.
	Resolver() dnsclient.Resolver
	// Trace is where the host's events happen.
	Trace() *trace.Node
}

// connection is a TCP connection of a host's.
type connection interface {
	net.Conn
	Info() tcp.Info
}

// nameCache is a cache of names at a node; without a cache, what it has is not to be seen.
type nameCache struct {
	node, label, whose string
	cache              *dnsclient.Cache
}

// recursion is the work of the node that asks name servers, in words.
type recursion struct {
	node  string
	title string
	about string // what it is that happens
	found string // what becomes of the answer
}
