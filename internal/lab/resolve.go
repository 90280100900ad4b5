package lab

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/internal/tracedns"
	"github.com/tinystack/tinystack/udp"
)

// Who may ask the home router's forwarder, and who the provider's resolver: their own.
var (
	homeClients = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")}
	ispClients  = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24")}
)

// Cache returns what the node remembers of names: the host, the home router and the
// provider's resolver have one; nil of others.
func (n *Node) Cache() *dnsclient.Cache { return n.cache }

// Resolver answers questions as programs on the node ask them: nil where there is none.
func (n *Node) Resolver() dnsclient.Resolver {
	if n.resolver == nil {
		return nil
	}
	return tracedns.Resolver(n.events, n.resolver)
}

// LookupNetIP returns the addresses of a host, which a program on the node wants to know.
func (n *Node) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if n.resolver == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	l, err := dnsclient.NewLookup(dnsclient.LookupConfig{Resolver: n.Resolver()})
	if err != nil {
		return nil, err
	}
	return l.LookupNetIP(ctx, network, host)
}

// startResolver starts what finds names, on the nodes that do.
func (n *Node) startResolver() (err error) {
	switch n.name {
	case "host":
		n.resolver, err = n.stub(homeDNS)
	case "home":
		if n.resolver, err = n.stub(ispDNS); err == nil {
			err = n.serveResolver(homeDNS, homeClients)
		}
	case "resolver":
		if n.resolver, err = n.iterative(); err == nil {
			err = n.serveResolver(ispDNS, ispClients)
		}
	}
	return err
}

// dnsClient makes what asks servers, and the cache for what they say.
func (n *Node) dnsClient() (c *dnsclient.Client, err error) {
	if n.cache, err = dnsclient.NewCache(dnsclient.CacheConfig{}); err != nil {
		return nil, err
	}
	return dnsclient.NewClient(dnsclient.ClientConfig{Dialer: n, Timeout: dnsPatience, Rand: n.rand("dns")})
}

// dnsPatience is how long to wait for a server: less than by default, so that a story of
// lost questions is not one of waiting.
const dnsPatience = time.Second

// stub makes a resolver that asks another one.
func (n *Node) stub(server netip.AddrPort) (dnsclient.Resolver, error) {
	client, err := n.dnsClient()
	if err != nil {
		return nil, err
	}
	conf := &dnsclient.ResolvConf{Servers: []netip.AddrPort{server}, Timeout: dnsPatience}
	return dnsclient.NewStub(dnsclient.StubConfig{
		Client: client, Cache: n.cache, ResolvConf: func() *dnsclient.ResolvConf { return conf },
	})
}

// iterative makes a resolver that begins at the lab's root.
func (n *Node) iterative() (dnsclient.Resolver, error) {
	client, err := n.dnsClient()
	if err != nil {
		return nil, err
	}
	return dnsclient.NewIterative(dnsclient.IterativeConfig{
		Client: client, Cache: n.cache, Rand: n.rand("servers"),
		Roots: []dnsclient.RootServer{{Name: "a.root-servers.net.", Addr: rootDNS}},
	})
}

// serveResolver answers the clients' questions by the node's resolver, over UDP and TCP.
func (n *Node) serveResolver(addr netip.AddrPort, clients []netip.Prefix) error {
	told := tracedns.NewServer(n.events)
	s, err := dnsclient.NewServer(dnsclient.ServerConfig{Resolver: thinking{told.Resolver(n.resolver)}, Allow: clients})
	if err != nil {
		return err
	}
	pc, err := n.stack.ListenPacket("udp", addr.String())
	if err != nil {
		return err
	}
	n.serve(func() error { return s.ServePacket(told.Socket(pc.(*udp.Conn))) }, s.Close)
	ln, err := n.Listen("tcp", addr.String())
	if err != nil {
		return err
	}
	n.serve(func() error { return s.Serve(ln) }, s.Close)
	return nil
}

// thinking is a resolver that takes the time that a server does.
type thinking struct{ dnsclient.Resolver }

// Resolve returns the answer to a question.
func (r thinking) Resolve(ctx context.Context, q dns.Question) (*dnsclient.Answer, error) {
	sleep(ctx, dnsThink)
	return r.Resolver.Resolve(ctx, q)
}
