package tcp

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/internal/random"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// Protocol is TCP's number in IP.
const Protocol = 6

// checksumOffset is where in the header the checksum is.
const checksumOffset = 16

// Network is what TCP needs of the layer below.
type Network interface {
	// Route finds the way to remote; a zero local address is chosen by it.
	Route(local, remote netip.Addr) (packet.Route, error)
	// IsLocal reports whether addr is one of the host's own.
	IsLocal(addr netip.Addr) bool
}

// Layer is a host's TCP: it hands segments to connections and listeners.
type Layer struct {
	stats  Stats // first, which aligns it on 32-bit machines
	net    Network
	cfg    Config
	clock  clock
	random *random.Source
	trace  *trace.Node
	secret secret
	conns  table
	waits  timeWaits
	memory memory
	alarms alarms

	mu        sync.RWMutex
	listeners map[netip.AddrPort]*Listener
	closed    atomic.Bool
}

// New returns a layer on top of net. Its owner calls Receive and Control.
func New(net Network, cfg Config) (*Layer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Layer{
		net:       net,
		cfg:       cfg,
		clock:     newClock(),
		random:    random.New(cfg.Rand),
		trace:     cfg.Trace,
		listeners: make(map[netip.AddrPort]*Listener),
	}
	l.conns.init()
	l.alarms.init(l.clock)
	l.secret = newSecret(l.random)
	l.waits.layer = l
	l.memory.limit, l.memory.stats, l.memory.clock = cfg.Memory, &l.stats, l.clock
	return l, nil
}

// Receive takes a segment from the network layer. Several goroutines may call it at once.
func (l *Layer) Receive(in *packet.In) {
	h, payload, err := Parse(in.Payload)
	s := segment{Header: h, data: [2][]byte{payload}, in: in, segSize: int(in.SegSize), ecn: in.TOS & ecnMask, queue: in.Queue}
	counter.Add(&l.stats.InSegs, s.onWire())
	switch {
	case in.Broadcast: // RFC 9293 3.9.2.3
		l.drop(&s, &l.stats.InBroadcast)
		return
	case err != nil:
		counter.Inc(&l.stats.InErrs)
		l.drop(&s, &l.stats.InTruncated)
		return
	case !checksumOK(in):
		counter.Inc(&l.stats.InErrs)
		l.drop(&s, &l.stats.InCsumErrors)
		return
	}
	t := tuple{
		local:  netip.AddrPortFrom(in.Dst, h.DstPort),
		remote: netip.AddrPortFrom(in.Src, h.SrcPort),
	}
	e := l.conns.get(t)
	switch {
	case e.conn != nil:
		e.conn.receive(&s)
	case e.wait != nil:
		e.wait.receive(t, &s)
	default:
		l.receiveNew(t, &s, 0)
	}
}

func checksumOK(in *packet.In) bool {
	if in.Csum != packet.CsumFull {
		return true
	}
	var sum checksum.Sum
	sum.AddPseudo(in.Src, in.Dst, Protocol, len(in.Payload))
	sum.Add(in.Payload)
	return sum.Checksum() == 0
}

// receiveNew takes a segment for which there is no connection. A listener's
// initial sequence number is at least minISN, if that is not zero.
func (l *Layer) receiveNew(t tuple, s *segment, minISN Seq) {
	if ln := l.listener(t.local); ln != nil {
		ln.receive(t, s, minISN)
		return
	}
	l.drop(s, &l.stats.InNoPort)
	l.reset(t, s)
}

// reset answers a segment that has no connection (RFC 9293 3.10.7.1).
func (l *Layer) reset(t tuple, s *segment) {
	if s.Flags.Has(RST) {
		return
	}
	route, err := l.net.Route(t.local.Addr(), t.remote.Addr())
	if err != nil {
		l.drop(s, &l.stats.OutErrors)
		return
	}
	r := segment{why: whyNoConn, cause: s.event(), queue: s.queue}
	if s.Flags.Has(ACK) {
		r.Flags, r.Seq = RST, s.Ack
	} else {
		r.Flags, r.Ack = RST|ACK, s.Seq+Seq(s.seqLen())
	}
	l.transmit(route, t, &r)
}

// transmit sends a segment.
func (l *Layer) transmit(route packet.Route, t tuple, s *segment) {
	p := packet.NewOut()
	defer p.Release()
	p.Protocol = Protocol
	p.DF = true // RFC 1191
	p.TOS, p.Queue = s.ecn, s.queue
	p.Body = s.data
	p.Csum, p.CsumOffset = packet.CsumPartial, checksumOffset
	if s.segSize > 0 {
		p.GSO, p.SegSize = packet.GSOTCP, uint16(s.segSize)
	}
	if l.trace.On() {
		p.Mark.Cause, p.Mark.Rule = s.cause, rules[s.why]
	}
	s.SrcPort, s.DstPort = t.local.Port(), t.remote.Port()
	n := s.Header.Len()
	var sum checksum.Sum
	sum.AddPseudo(t.local.Addr(), t.remote.Addr(), Protocol, n+s.dataLen())
	s.Checksum = sum.Fold()
	s.Header.AppendTo(p.Prepend(n)[:0])
	if s.Flags.Has(RST) {
		counter.Inc(&l.stats.OutRsts)
	}
	if s.again {
		counter.Add(&l.stats.RetransSegs, s.onWire())
	} else {
		counter.Add(&l.stats.OutSegs, s.onWire())
	}
	if err := route.Send(p); err != nil {
		counter.Inc(&l.stats.OutErrors)
	}
}

// listener returns who listens on the address, or on all addresses.
func (l *Layer) listener(local netip.AddrPort) *Listener {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if ln, ok := l.listeners[local]; ok {
		return ln
	}
	return l.listeners[anyAddr(local)]
}

// allListeners returns those there are now.
func (l *Layer) allListeners() []*Listener {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Collect(maps.Values(l.listeners))
}

// anyAddr is the port on all addresses.
func anyAddr(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.Addr{}, a.Port())
}

// Stats returns the counters.
func (l *Layer) Stats() Stats {
	s := counter.Snapshot(&l.stats)
	l.memory.fill(&s)
	return s
}

// Close resets all connections and closes all listeners; whoever waits gets
// [net.ErrClosed].
func (l *Layer) Close() error {
	if l.closed.Swap(true) {
		return net.ErrClosed
	}
	for _, ln := range l.allListeners() {
		ln.Close()
	}
	for _, e := range l.conns.all() {
		if e.conn != nil {
			e.conn.abort(net.ErrClosed)
		}
	}
	l.waits.close()
	l.alarms.close()
	return nil
}
