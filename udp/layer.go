package udp

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/internal/random"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// Network is what the layer needs of the one below.
type Network interface {
	// Route finds the way from local, or from the address that suits if local is
	// the zero Addr, to remote. Errors are syscall.Errno.
	Route(local, remote netip.Addr) (packet.Route, error)
	// IsLocal reports whether the address is one of this host's.
	IsLocal(addr netip.Addr) bool
	// PortUnreachable tells the packet's sender that nobody listens.
	PortUnreachable(in *packet.In)
}

// Layer is UDP on one host. Its methods may be called by several goroutines.
type Layer struct {
	stats Stats // first, for its alignment on 32-bit machines

	net   Network
	cfg   Config
	trace *trace.Node
	table table

	affinity affinity
}

// New returns a layer that sends through net; an error names the field of cfg
// that is out of range.
func New(net Network, cfg Config) (*Layer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Layer{
		net:   net,
		cfg:   cfg,
		trace: cfg.Trace,
		table: table{
			conns: make(map[netip.AddrPort]*Conn),
			ports: make(map[uint16]int),
			rng:   random.New(cfg.Rand),
		},
		affinity: affinity{seed: maphash.MakeSeed()},
	}, nil
}

// Receive handles a packet for this host. It may take the packet's memory.
func (l *Layer) Receive(in *packet.In) {
	h, payload, err := Parse(in.Payload)
	if err != nil {
		l.discard(in, &l.stats.InHdrErrors, 1)
		return
	}
	seg, count := segments(in.Offload, len(payload))
	if !intact(in, h) {
		l.discard(in, &l.stats.InCsumErrors, count)
		return
	}
	from := netip.AddrPortFrom(in.Src, h.SrcPort)
	c := l.table.lookup(netip.AddrPortFrom(in.Dst, h.DstPort), from)
	if c == nil {
		l.refuse(in, count)
		return
	}
	c.follow(from, in.Queue)
	c.deliver(in, from, payload, seg, count)
}

// refuse answers datagrams for which there is no socket.
func (l *Layer) refuse(in *packet.In, count uint64) {
	l.drop(in, &l.stats.NoPorts, count)
	// "An ICMP error message MUST NOT be sent as the result of receiving [...] a
	// datagram destined to an IP broadcast or IP multicast address" (RFC 1122 3.2.2).
	if !in.Broadcast {
		l.net.PortUnreachable(in) // RFC 1122 4.1.3.1
	}
}

// segments returns the bytes of each datagram in a packet of n payload bytes,
// and how many there are; the device may have merged those of one sender.
func segments(o packet.Offload, n int) (size int, count uint64) {
	if o.GSO != packet.GSOUDP || o.SegSize == 0 || int(o.SegSize) >= n {
		return n, 1
	}
	size = int(o.SegSize)
	return size, uint64((n + size - 1) / size)
}

// Control handles an ICMP error about a datagram sent from here. As on Linux,
// connected sockets alone are told, and only of what will not pass by itself unless
// they ask for all ([Conn.SetReportICMP]).
func (l *Layer) Control(c *packet.Control) {
	if len(c.Quoted) < HeaderLen {
		counter.Inc(&l.stats.ControlIgnored)
		return
	}
	local := netip.AddrPortFrom(c.Local, binary.BigEndian.Uint16(c.Quoted[0:]))
	remote := netip.AddrPortFrom(c.Remote, binary.BigEndian.Uint16(c.Quoted[2:]))
	conn := l.table.lookup(local, remote)
	if conn == nil || !conn.remote.IsValid() {
		counter.Inc(&l.stats.ControlNoPorts)
		return
	}
	if !conn.fail(c) {
		counter.Inc(&l.stats.ControlIgnored)
		return
	}
	counter.Inc(&l.stats.ControlDelivered)
}

// passing reports whether an error is expected to pass by itself. An MTU is of no
// use: datagrams are sent such that routers may fragment them.
func passing(c *packet.Control) bool { return !c.Hard || c.MTU != 0 }

// Close closes all sockets, which unblocks their callers, and frees what they
// hold. The layer then opens no more.
func (l *Layer) Close() error {
	l.table.close()
	for _, c := range l.table.all() {
		c.shut()
	}
	return nil
}
