package ipv4

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// Describer is what a [Handler] has besides if it can tell what a packet is.
type Describer interface {
	// Describe fills in what b says, the first bytes of a payload of n bytes.
	Describe(b []byte, n int, p *trace.Packet)
}

// headBytes is how much of a packet an event has: the headers at least.
const headBytes = 128

// received tells of the packet b, which came in through i, and makes that the cause of
// what is done about it. If nobody listens there is none.
func (l *Layer) received(i *Interface, in *packet.In, b []byte, o packet.Offload) {
	in.Event = 0
	if !l.trace.On() {
		return
	}
	e := trace.Event{ID: in.Mark.Arrival, Cause: in.Mark.ID, Kind: trace.Received}
	e.Packet = l.describe(i, b[:min(len(b), headBytes)], len(b), o)
	if l.table.Load().kind(bits4(e.Packet.Dst)) == hostLocal {
		e.Conn = connOf(e.Packet.Protocol, e.Packet.Dst, e.Packet.DstPort, e.Packet.Src, e.Packet.SrcPort)
	}
	in.Mark = trace.Mark{} // that is the next packet's
	in.Event = l.trace.Emit(e)
}

// sent tells of p, which goes out through i.
func (l *Layer) sent(i *Interface, p *packet.Out) {
	e := trace.Event{Cause: p.Mark.Cause, Kind: trace.Sent, Rule: p.Mark.Rule}
	head := append(make([]byte, 0, headBytes), p.Head()...)
	for _, piece := range p.Body {
		head = append(head, piece[:min(len(piece), headBytes-len(head))]...)
	}
	e.Packet = l.describe(i, head, p.Len(), p.Offload)
	if l.table.Load().kind(bits4(e.Packet.Src)) == hostLocal {
		e.Conn = connOf(e.Packet.Protocol, e.Packet.Src, e.Packet.SrcPort, e.Packet.Dst, e.Packet.DstPort)
	}
	p.Mark.ID = l.trace.Emit(e)
}

// describe tells what the packet of n bytes is that starts with head.
func (l *Layer) describe(i *Interface, head []byte, n int, o packet.Offload) *trace.Packet {
	p := &trace.Packet{Interface: i.Name(), Len: n, SegSize: int(o.SegSize), Head: bytes.Clone(head)}
	h, hlen, err := parse(head)
	if err != nil {
		return p
	}
	p.Src, p.Dst, p.TTL = h.Src, h.Dst, h.TTL
	p.Offset, p.More = h.Offset, h.MF
	payload := head[hlen:]
	switch h.Protocol {
	case protocolICMP:
		p.Protocol = "icmp"
		if m, _, ok := parseICMP(payload); ok && h.Offset == 0 {
			p.ICMP = &trace.ICMP{Type: m.typ, Code: m.code}
		}
		return p
	case protocolTCP:
		p.Protocol = "tcp"
	case protocolUDP:
		p.Protocol = "udp"
	default:
		p.Protocol = strconv.Itoa(int(h.Protocol))
	}
	if handler := l.handlers[h.Protocol].Load(); handler != nil && h.Offset == 0 {
		if d, ok := (*handler).(Describer); ok {
			d.Describe(payload, n-hlen, p)
		}
	}
	return p
}

// connOf returns the connection between two ports, none if there are no ports.
func connOf(protocol string, local netip.Addr, localPort uint16, remote netip.Addr, remotePort uint16) trace.Conn {
	if localPort == 0 && remotePort == 0 {
		return trace.Conn{}
	}
	return trace.Conn{
		Protocol: protocol,
		Local:    netip.AddrPortFrom(local, localPort),
		Remote:   netip.AddrPortFrom(remote, remotePort),
	}
}

// drop counts one packet by what RFC 4293 calls its fate and by the reason, and tells
// of it. That is then the cause of what else is done.
func (l *Layer) drop(in *packet.In, fate, reason *uint64) {
	counter.Inc(fate)
	l.discard(in, reason)
}

// discard is drop of what has no fate besides.
func (l *Layer) discard(in *packet.In, reason *uint64) {
	in.Event = l.count(in.Event, reason)
}

// count counts what was dropped because of an event, and returns that of the drop.
func (l *Layer) count(cause trace.ID, reason *uint64) trace.ID {
	counter.Inc(reason)
	if !l.trace.On() {
		return 0
	}
	name := "Ip" + counter.Name(&l.stats, reason)
	if name == "Ip" {
		name = "Icmp" + counter.Name(&l.icmpStats, reason)
	}
	return l.trace.Emit(trace.Event{Kind: trace.Dropped, Cause: cause, Name: name, Rule: dropRules[name]})
}

// refuse counts a packet of our own, or a forwarded one, that is not sent.
func (l *Layer) refuse(m trace.Mark, reason *uint64) {
	cause := m.ID
	if cause == 0 { // it did not come so far
		cause = m.Cause
	}
	l.count(cause, reason)
}

// routed tells which way a packet to dst is forwarded.
func (l *Layer) routed(t *table, in *packet.In, dst netip.Addr) {
	if l.trace.On() {
		in.Event = l.trace.Emit(trace.Event{Kind: trace.Routed, Cause: in.Event, Rule: ruleRoute, Route: t.choice(dst)})
	}
}

// Choice tells how the route was chosen.
func (r *route) Choice() *trace.Route { return r.layer.table.Load().choice(r.remote) }

// choice tells which route leads to dst, and which others could have.
func (t *table) choice(dst netip.Addr) *trace.Route {
	c := &trace.Route{Dst: dst}
	if w, err := t.way(dst); err != nil {
		return c
	} else if w.local {
		c.Chosen = trace.RouteEntry{Dst: netip.PrefixFrom(dst, dst.BitLen()), Interface: w.iface.Name()}
		return c
	}
	entries := t.routes.along(bits4(dst))
	for i, e := range entries {
		entry := trace.RouteEntry{Dst: e.Dst, Gateway: e.Gateway, Interface: e.Interface.Name(), Metric: e.Metric}
		if i == 0 {
			c.Chosen = entry
		} else {
			c.Passed = append(c.Passed, entry)
		}
	}
	return c
}

// along returns all entries whose prefix addr has, the best first.
func (n *node) along(addr uint32) []Entry {
	if n == nil {
		return nil
	}
	return append(n.child[addr>>31].along(addr<<1), n.entries...)
}
