package explain

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/internal/pcapng"
	"github.com/tinystack/tinystack/internal/tracedns"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/trace"
)

// HostNode is the name of the node that the stack of an [Own] must have.
const HostNode = nodeHost

// Own is a stack of the caller's, which takes the trip over the network that it is on. What
// happens in the stack is told; of all others one sees what comes from them, and no more.
type Own struct {
	// Stack is the host. It must send no packet larger than its wire takes: what the story
	// numbers are those.
	Stack *stack.Stack
	// Trace is told what happens in Stack, at a node of the name [HostNode].
	Trace *trace.Tracer
	// Device is the interface whose packets are numbered.
	Device *link.Capture
	// Gateway is who routes what is for others.
	Gateway netip.Addr
	// Alone says that the Gateway forwards nothing: only its own addresses answer.
	Alone bool

	// Servers are the name servers to ask, in order.
	Servers []netip.AddrPort
	// Roots are the root servers to begin at, if the stack is to ask no name server to do
	// that; with none, Servers are asked.
	Roots []dnsclient.RootServer
	// Hosts are the names that are known without asking; nil: none.
	Hosts func() *dnsclient.Hosts
}

// ownPatience is how long to wait for a name server.
const ownPatience = 2 * time.Second

// ownWorld is an Own in a run.
type ownWorld struct {
	*Own
	cache    *dnsclient.Cache
	resolver dnsclient.Resolver
	cancel   func() // ends the log's listening
}

func newOwnWorld(o *Own, l *log) (world, error) {
	w := &ownWorld{Own: o}
	var err error
	if w.cache, err = dnsclient.NewCache(dnsclient.CacheConfig{}); err != nil {
		return nil, err
	}
	client, err := dnsclient.NewClient(dnsclient.ClientConfig{Dialer: o.Stack})
	if err != nil {
		return nil, err
	}
	switch {
	case len(o.Roots) > 0:
		w.resolver, err = dnsclient.NewIterative(dnsclient.IterativeConfig{Client: client, Cache: w.cache, Roots: o.Roots})
	case len(o.Servers) == 0:
		w.resolver = noServers{}
	default:
		conf := &dnsclient.ResolvConf{Servers: o.Servers, Timeout: ownPatience}
		w.resolver, err = dnsclient.NewStub(dnsclient.StubConfig{
			Client: client, Cache: w.cache, ResolvConf: func() *dnsclient.ResolvConf { return conf },
		})
	}
	if err != nil {
		return nil, err
	}
	w.cancel = o.Trace.Subscribe(l.add)
	return w, nil
}

// noServers is a resolver that has nobody to ask.
type noServers struct{}

func (noServers) Resolve(_ context.Context, q dns.Question) (*dnsclient.Answer, error) {
	return nil, &net.DNSError{
		Err: "no name server that this stack can reach (127.0.0.1 is itself): name one with --dns-upstream", Name: q.Name, IsTemporary: true,
	}
}

// onOwnWire returns what reports whether a packet goes out of or came in at dev.
func onOwnWire(dev *link.Capture) func(*trace.Event) bool {
	return func(e *trace.Event) bool {
		return (e.Kind == trace.Sent || e.Kind == trace.Received) && e.Packet.Interface == dev.Name()
	}
}

func (w *ownWorld) close() { w.cancel() }

func (w *ownWorld) host() host { return ownHost{w} }

func (w *ownWorld) node(name string) *trace.Node { return w.Own.Trace.Node(name) }

func (w *ownWorld) whole() bool { return false }

func (w *ownWorld) taps() (*taps, error) { return newTaps(w.Device) }

func (w *ownWorld) wire() pcapng.Interface {
	return pcapng.Interface{
		Name: w.Device.Name(), LinkType: pcapng.LinkTypeRaw, Description: "the device of the stack that took the trip",
	}
}

// ownHost is the stack as a host.
type ownHost struct{ w *ownWorld }

func (h ownHost) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return h.w.Stack.DialContext(ctx, network, address)
}

func (h ownHost) Trace() *trace.Node { return h.w.node(nodeHost) }

func (h ownHost) Resolver() dnsclient.Resolver {
	r := tracedns.Resolver(h.Trace(), h.w.resolver)
	if h.w.Hosts != nil {
		return dnsclient.WithHosts(h.w.Hosts, r)
	}
	return r
}
