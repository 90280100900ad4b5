package lab

import (
	"net/netip"
	"sync"

	"github.com/tinystack/tinystack/link"
)

// Wire is the link between two nodes.
type Wire struct {
	name string
	a, b End
	bad  *link.Impaired

	mu  sync.Mutex
	cfg link.ImpairConfig
}

// End is one of a wire's.
type End struct {
	Node *Node
	// Device is the interface of the node. What passes it can be copied: see
	// [link.Capture.Tap].
	Device *link.Capture
}

// newWire joins two nodes. The impairment is on end a, whose Out goes away from the host.
func (l *Lab) newWire(spec wireSpec) (*Wire, error) {
	pair := link.PairConfig{Names: [2]string{spec.a.device, spec.b.device}}
	if spec.name == "lan" {
		pair.MTU = l.cfg.MTU
	}
	near, far := link.Pair(pair)
	w := &Wire{name: spec.name}
	w.cfg.Delay, w.cfg.Rate, w.cfg.Seed = spec.delay, spec.rate, l.cfg.Seed^hash(spec.name)
	var err error
	if w.bad, err = link.Impair(near, w.cfg); err != nil {
		return nil, err
	}
	w.a = End{l.Node(spec.a.node), link.NewCapture(w.bad)}
	w.b = End{l.Node(spec.b.node), link.NewCapture(far)}
	if err := w.a.attach(spec.a.addrs); err != nil {
		w.a.Device.Close()
		w.b.Device.Close()
		return nil, err
	}
	if err := w.b.attach(spec.b.addrs); err != nil {
		w.b.Device.Close()
		return nil, err
	}
	return w, nil
}

func (e *End) attach(addrs []string) error {
	prefixes := make([]netip.Prefix, len(addrs))
	for i, a := range addrs {
		prefixes[i] = netip.MustParsePrefix(a)
	}
	return e.Node.stack.AddInterface(e.Device, prefixes...)
}

// Name returns the wire's name.
func (w *Wire) Name() string { return w.name }

// Ends returns the end nearer to the host, and the other.
func (w *Wire) Ends() (near, far End) { return w.a, w.b }

// Impairment returns what the wire does: Out to packets away from the host.
func (w *Wire) Impairment() link.ImpairConfig {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cfg
}

// Impair changes what the wire does to packets from now on; see [link.Impaired.Set].
func (w *Wire) Impair(cfg link.ImpairConfig) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.bad.Set(cfg); err != nil {
		return err
	}
	w.cfg = cfg
	return nil
}

// Stats returns the counters of what the wire did: Out away from the host.
func (w *Wire) Stats() link.ImpairStats { return w.bad.Stats() }
