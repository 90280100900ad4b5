package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/internal/lab"
	"github.com/tinystack/tinystack/internal/tracedns"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/trace"
	"github.com/tinystack/tinystack/udp"
)

const dnsPort = 53

// Where the host has its name servers and its hosts.
const (
	resolvConfPath = "/etc/resolv.conf"
	hostsPath      = "/etc/hosts"
)

// Names that the name server knows without asking: .test is nobody's (RFC 6761 6.2).
const (
	stackName = "tinystack.test"
	hostName  = "host.tinystack.test"
)

// upstreamTimeout is how long one whom we ask has to answer: less than those who ask
// us wait.
const upstreamTimeout = 2 * time.Second

// nameServer answers questions on the stack, by asking the host's name servers on the
// host's sockets, or as the lab's host does.
type nameServer struct {
	client *dnsclient.Client
	cache  *dnsclient.Cache
	stub   *dnsclient.Stub
	lab    *lab.Lab // nil: it asks the host's
	server *dnsclient.Server
	told   *tracedns.Server // what it is asked and answers
}

// nameServerStats are the counters of a name server's parts.
type nameServerStats struct {
	server dnsclient.ServerStats
	stub   dnsclient.StubStats
	cache  dnsclient.CacheStats
	client dnsclient.ClientStats
}

// Close ends the server, and the lab that it asks.
func (d *nameServer) Close() (err error) {
	if d.server != nil {
		err = d.server.Close()
	}
	if d.lab != nil {
		err = errors.Join(err, d.lab.Close())
	}
	return err
}

// stats returns the counters; without a name server they are 0.
func (d *nameServer) stats() (s nameServerStats) {
	if d != nil {
		s = nameServerStats{d.server.Stats(), d.stub.Stats(), d.cache.Stats(), d.client.Stats()}
	}
	return s
}

// startNameServer answers questions at port 53 of the stack's address, unless the
// plan has no name server; failed gets the error that ends it. The stack's own Dial
// asks it too.
func (n *network) startNameServer(p nameServerPlan, failed chan<- error) error {
	if p.off {
		return nil
	}
	d, err := newNameServer(p)
	if err != nil {
		return err
	}
	n.names = d
	asked, err := d.upstream(p, n.trace)
	if err != nil {
		return err
	}
	known := &dnsclient.Hosts{}
	known.Add(p.stack, stackName)
	known.Add(p.host, hostName)
	resolver := dnsclient.WithHosts(func() *dnsclient.Hosts { return known }, asked)
	names, err := dnsclient.NewLookup(dnsclient.LookupConfig{
		Resolver: tracedns.Resolver(n.node, resolver), Hosts: dnsclient.ReadHosts(hostsPath), ResolvConf: p.conf(),
	})
	if err != nil {
		return err
	}
	n.stack.SetResolver(names)
	d.told = tracedns.NewServer(n.node)
	d.server, err = dnsclient.NewServer(dnsclient.ServerConfig{Resolver: d.told.Resolver(resolver), Allow: p.allow})
	if err != nil {
		return err
	}
	return d.serve(n.stack, netip.AddrPortFrom(p.stack, dnsPort).String(), failed)
}

// upstream is whom it asks: the host's name servers, or those of a lab, which tells the
// tracer of what that makes happen in it.
func (d *nameServer) upstream(p nameServerPlan, t *trace.Tracer) (dnsclient.Resolver, error) {
	if !p.lab {
		return d.stub, nil
	}
	l, err := lab.New(lab.Config{Trace: t})
	if err != nil {
		return nil, err
	}
	host := l.Node("host")
	d.lab, d.cache = l, host.Cache()
	return host.Resolver(), nil
}

func newNameServer(p nameServerPlan) (d *nameServer, err error) {
	d = &nameServer{}
	if d.client, err = dnsclient.NewClient(dnsclient.ClientConfig{}); err != nil {
		return nil, err
	}
	if d.cache, err = dnsclient.NewCache(dnsclient.CacheConfig{}); err != nil {
		return nil, err
	}
	d.stub, err = dnsclient.NewStub(dnsclient.StubConfig{Client: d.client, Cache: d.cache, ResolvConf: p.conf()})
	return d, err
}

// conf returns whom to ask, which may change as the host's resolv.conf does. We are
// not among them: that would be asking in a circle.
func (p *nameServerPlan) conf() func() *dnsclient.ResolvConf {
	read := dnsclient.ReadResolvConf(resolvConfPath)
	return func() *dnsclient.ResolvConf {
		c := *read()
		if len(p.upstream) > 0 {
			c.Servers = p.upstream
		}
		us := func(at netip.AddrPort) bool { return at.Addr() == p.stack }
		c.Servers = slices.DeleteFunc(slices.Clone(c.Servers), us)
		c.Timeout = upstreamTimeout
		return &c
	}
}

// serve answers at an address until the server is closed.
func (d *nameServer) serve(s *stack.Stack, address string, failed chan<- error) error {
	ln, err := s.Listen("tcp", address)
	if err != nil {
		return err
	}
	pc, err := s.ListenPacket("udp", address)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	go func() { tell(failed, nameServerError(d.server.Serve(ln))) }()
	told := d.told.Socket(pc.(*udp.Conn)) // as ListenPacket says
	go func() { tell(failed, nameServerError(d.server.ServePacket(told))) }()
	return nil
}

func nameServerError(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("name server: %w", err)
}
