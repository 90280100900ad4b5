package lab

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/trace"
)

// Node is a host or a router.
type Node struct {
	name, role string
	seed       uint64
	stack      *stack.Stack
	events     *trace.Node
	pace       time.Duration
	cache      *dnsclient.Cache   // nil: it remembers no names
	resolver   dnsclient.Resolver // nil: it looks none up

	stops    []func() error // of its services, the last one first
	services sync.WaitGroup
}

func (l *Lab) newNode(spec nodeSpec) (*Node, error) {
	n := &Node{
		name: spec.name, role: spec.role, seed: l.cfg.Seed,
		events: l.cfg.Trace.Node(spec.name), pace: max(l.cfg.Pace, 0),
	}
	cfg := stack.Config{Rand: n.rand("stack"), Trace: n.events, Resolver: n, IP: ipv4.Config{Forward: spec.router}}
	switch spec.name {
	case "host":
		cfg.TCP = l.cfg.Host
	case "web":
		cfg.TCP = l.cfg.Web
	}
	var err error
	n.stack, err = stack.New(cfg)
	return n, err
}

// rand returns a source of its own for one use on the node.
func (n *Node) rand(use string) rand.Source {
	return rand.NewPCG(n.seed, hash(n.name+"/"+use))
}

// hash tells what draws from one seed apart.
func hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// Name returns the node's name.
func (n *Node) Name() string { return n.name }

// Role says in some words what the node is.
func (n *Node) Role() string { return n.role }

// Stack returns the node's stack. What is opened on it directly does not keep the
// lab's pace: see [Node.DialContext] and [Node.Listen].
func (n *Node) Stack() *stack.Stack { return n.stack }

// Trace is where the node's events happen.
func (n *Node) Trace() *trace.Node { return n.events }

// Addrs returns the node's addresses, but for loopback.
func (n *Node) Addrs() (addrs []netip.Addr) {
	for _, i := range n.stack.Interfaces() {
		for _, p := range i.Addresses() {
			if !p.Addr().IsLoopback() {
				addrs = append(addrs, p.Addr())
			}
		}
	}
	return addrs
}

// DialContext connects from the node as [stack.Stack.DialContext] does. A TCP
// connection is a *[Conn].
func (n *Node) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := n.stack.DialContext(ctx, network, address)
	if t, ok := c.(*tcp.Conn); ok {
		return &Conn{t, n.pace}, nil
	}
	return c, err
}

// Listen listens on the node as [stack.Stack.Listen] does. The connections it accepts
// are *[Conn].
func (n *Node) Listen(network, address string) (net.Listener, error) {
	ln, err := n.stack.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return &listener{ln, n.pace}, nil
}

// serve runs a service until stop, which Close calls, has ended it.
func (n *Node) serve(run, stop func() error) {
	n.services.Go(func() { _ = run() }) // its error is that it was stopped
	n.stops = append(n.stops, stop)
}

func (n *Node) stopServices() error {
	var errs []error
	for i := len(n.stops) - 1; i >= 0; i-- {
		errs = append(errs, ignoreClosed(n.stops[i]()))
	}
	n.services.Wait()
	return errors.Join(errs...)
}

func (n *Node) startServices(spec nodeSpec) error {
	if err := n.startResolver(); err != nil {
		return err
	}
	if len(spec.zones) > 0 {
		if err := n.serveZones(spec.zones); err != nil {
			return err
		}
	}
	if spec.name == "web" {
		return n.serveWeb()
	}
	return nil
}
