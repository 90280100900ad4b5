package ipv4

import (
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
)

// Input takes the packet b, which came in through i with what o says left to do.
// b is in the buffer that in was filled with, and may be written to. The packet
// is dealt with when Input returns: handed to its protocol, forwarded, answered,
// kept as a fragment, or dropped and counted.
//
// A packet to any of this host's addresses is for this host, whichever interface
// has it (the weak model of RFC 1122 3.3.4.2), but 127.0.0.0/8 is for the loopback
// interface alone.
func (l *Layer) Input(i *Interface, in *packet.In, b []byte, o packet.Offload) {
	counter.Inc(&l.stats.InReceives)
	l.received(i, in, b, o)
	if i.gone.Load() {
		l.drop(in, &l.stats.InDiscards, &l.stats.DropClosed)
		return
	}
	h, payload, err := Parse(b)
	if err != nil {
		l.dropMalformed(in, err)
		return
	}
	b = b[:h.TotalLen]
	l.countECN(&h, payload, o)
	t := l.table.Load()
	kind := t.kind(bits4(h.Dst))
	switch {
	case !l.checkSource(t, i, in, &h), !l.checkDest(t, i, in, &h, kind), !l.checkHeader(t, in, b, &h):
	case kind == hostOther:
		l.forward(t, i, in, &h, b, o)
	default:
		l.local(in, &h, b, payload, o, kind == hostBroadcast)
	}
}

// dropMalformed counts a packet that Parse refused.
func (l *Layer) dropMalformed(in *packet.In, err error) {
	switch err {
	case ErrShort:
		l.drop(in, &l.stats.InHdrErrors, &l.stats.DropShort)
	case ErrVersion:
		l.drop(in, &l.stats.InHdrErrors, &l.stats.DropVersion)
	case ErrTruncated:
		l.drop(in, &l.stats.InTruncatedPkts, &l.stats.DropTruncated)
	case ErrChecksum:
		l.drop(in, &l.stats.InHdrErrors, &l.stats.DropChecksum)
	default:
		l.drop(in, &l.stats.InHdrErrors, &l.stats.DropLength)
	}
}

// checkSource reports whether the packet can have come from its source through
// i (RFC 1122 3.2.1.3, RFC 1812 5.3.7); else it drops it.
func (l *Layer) checkSource(t *table, i *Interface, in *packet.In, h *Header) bool {
	src := bits4(h.Src)
	kind := t.kind(src)
	switch {
	case !unicast(src), kind == hostBroadcast, loopback(src) && i != t.loopback:
		l.drop(in, &l.stats.InAddrErrors, &l.stats.DropMartianSource)
		return false
	case kind == hostLocal && i != t.loopback:
		l.drop(in, &l.stats.InAddrErrors, &l.stats.DropSpoofedSource)
		return false
	}
	return true
}

// checkDest reports whether the packet is for this host, or to be forwarded; else
// it drops it, and nobody is told (RFC 1122 3.2.1.3, RFC 1812 5.3.7).
func (l *Layer) checkDest(t *table, i *Interface, in *packet.In, h *Header, kind hostKind) bool {
	switch dst := bits4(h.Dst); {
	case loopback(dst) && (kind == hostOther || i != t.loopback):
		l.drop(in, &l.stats.InAddrErrors, &l.stats.DropMartianDest)
	case kind != hostOther:
		return true
	case multicast(dst):
		l.drop(in, &l.stats.InAddrErrors, &l.stats.DropMulticast)
	case !unicast(dst):
		l.drop(in, &l.stats.InAddrErrors, &l.stats.DropMartianDest)
	case !l.config.Forward:
		l.drop(in, &l.stats.InAddrErrors, &l.stats.DropNotLocal)
	case linkLocal(dst) || linkLocal(bits4(h.Src)):
		l.drop(in, &l.stats.InAddrErrors, &l.stats.DropNotForwardable)
	default:
		return true
	}
	return false
}

// checkHeader reports whether the rest of the header is acceptable; else it drops
// the packet b.
func (l *Layer) checkHeader(t *table, in *packet.In, b []byte, h *Header) bool {
	if h.Offset+h.TotalLen > packet.MaxSize { // the ping of death
		l.drop(in, &l.stats.InHdrErrors, &l.stats.DropFragmentRange)
		return false
	}
	if len(h.Options) == 0 {
		return true
	}
	o := checkOptions(h.Options)
	switch {
	case o.malformed:
		l.drop(in, &l.stats.InHdrErrors, &l.stats.DropOptions)
		l.sendError(t, in, b, icmpError{typ: icmpParamProblem, rest: uint32(o.pointer) << 24}) // RFC 1122 3.2.2.5
		return false
	case o.sourceRoute: // RFC 7126 4.3.5, 4.4.5
		l.drop(in, &l.stats.InDiscards, &l.stats.DropSourceRoute)
		return false
	}
	return true
}

// local takes a packet for this host.
func (l *Layer) local(in *packet.In, h *Header, b, payload []byte, o packet.Offload, broadcast bool) {
	in.Broadcast = broadcast
	if h.fragment() {
		l.reassemble(in, h, payload)
		return
	}
	in.Offload = o
	l.deliver(in, h, b, payload)
}

// deliver hands a whole datagram to its protocol.
func (l *Layer) deliver(in *packet.In, h *Header, b, payload []byte) {
	in.Src, in.Dst, in.TTL, in.TOS = h.Src, h.Dst, h.TTL, h.TOS
	in.Packet, in.Payload = b, payload
	if h.Protocol == protocolICMP {
		counter.Inc(&l.stats.InDelivers)
		l.icmpInput(in)
		return
	}
	handler := l.handlers[h.Protocol].Load()
	if handler == nil {
		l.drop(in, &l.stats.InUnknownProtos, &l.stats.DropNoHandler)
		l.sendError(l.table.Load(), in, b, icmpError{typ: icmpUnreachable, code: codeProtocol}) // RFC 1122 3.2.2.1
		return
	}
	counter.Inc(&l.stats.InDelivers)
	(*handler).Receive(in)
}
