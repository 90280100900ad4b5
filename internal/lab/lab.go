package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/trace"
)

// Lab is a small Internet that runs. Its methods may be called by several goroutines.
type Lab struct {
	cfg   Config
	nodes []*Node
	wires []*Wire
}

// New builds a lab and starts it. An error names the field of cfg that is out of range.
func New(cfg Config) (*Lab, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Lab{cfg: cfg}
	for _, step := range []func() error{l.makeNodes, l.makeWires, l.addRoutes, l.startServices} {
		if err := step(); err != nil {
			l.Close()
			return nil, fmt.Errorf("lab: %w", err)
		}
	}
	return l, nil
}

// Trace is told what happens at all nodes.
func (l *Lab) Trace() *trace.Tracer { return l.cfg.Trace }

// Nodes returns all nodes: those on the way from the host to the web server in its
// order, then the resolver and the name servers from the root on.
func (l *Lab) Nodes() []*Node { return slices.Clone(l.nodes) }

// Node returns the node of that name, nil if there is none.
func (l *Lab) Node(name string) *Node {
	for _, n := range l.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// Owner returns the node that has the address, nil if none does.
func (l *Lab) Owner(addr netip.Addr) *Node {
	for _, n := range l.nodes {
		if slices.Contains(n.Addrs(), addr) {
			return n
		}
	}
	return nil
}

// Wires returns all wires, in the order in which one meets them.
func (l *Lab) Wires() []*Wire { return slices.Clone(l.wires) }

// Wire returns the wire of that name, nil if there is none.
func (l *Lab) Wire(name string) *Wire {
	for _, w := range l.wires {
		if w.name == name {
			return w
		}
	}
	return nil
}

// Close ends all that runs in the lab; when it returns, its goroutines have ended. A
// second call returns net.ErrClosed.
func (l *Lab) Close() error {
	var errs []error
	for _, n := range l.nodes { // servers first, while there are wires to say goodbye over
		errs = append(errs, n.stopServices())
	}
	for _, n := range l.nodes {
		errs = append(errs, n.stack.Close())
	}
	return errors.Join(errs...)
}

func (l *Lab) makeNodes() error {
	for _, spec := range nodeSpecs {
		n, err := l.newNode(spec)
		if err != nil {
			return fmt.Errorf("%s: %w", spec.name, err)
		}
		l.nodes = append(l.nodes, n)
	}
	return nil
}

func (l *Lab) makeWires() error {
	for _, spec := range wireSpecs {
		w, err := l.newWire(spec)
		if err != nil {
			return fmt.Errorf("wire %s: %w", spec.name, err)
		}
		l.wires = append(l.wires, w)
	}
	return nil
}

func (l *Lab) addRoutes() error {
	for i, spec := range nodeSpecs {
		for _, r := range spec.routes {
			route := stack.Route{Dst: netip.MustParsePrefix(r.dst), Gateway: netip.MustParseAddr(r.gateway)}
			if err := l.nodes[i].stack.AddRoute(route); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Lab) startServices() error {
	for i, spec := range nodeSpecs {
		if err := l.nodes[i].startServices(spec); err != nil {
			return fmt.Errorf("%s: %w", spec.name, err)
		}
	}
	return nil
}

// ignoreClosed is err, unless it says that something is closed already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, link.ErrClosed) {
		return nil
	}
	return err
}
