package ipv4

import (
	"encoding/binary"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/internal/gso"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// forward sends the packet b on towards its destination (RFC 1812 5.2.1).
func (l *Layer) forward(t *table, i *Interface, in *packet.In, h *Header, b []byte, o packet.Offload) {
	counter.Inc(&l.stats.InForwDatagrams)
	if h.TTL <= 1 { // RFC 1812 5.3.1
		l.drop(in, &l.stats.InHdrErrors, &l.stats.DropTTL)
		l.sendErrorAbout(t, in, b, o, icmpError{typ: icmpTimeExceeded, code: codeTransit})
		return
	}
	l.routed(t, in, h.Dst)
	w, err := t.way(h.Dst)
	if err != nil {
		l.drop(in, &l.stats.InNoRoutes, &l.stats.DropNoRoute)
		l.sendErrorAbout(t, in, b, o, icmpError{typ: icmpUnreachable, code: codeNet})
		return
	}
	// A link has two ends: what came in through it for its own subnet, and is not
	// for this end, would go to and fro until its TTL ends.
	if w.iface == i && w.nextHop == h.Dst {
		l.drop(in, &l.stats.InNoRoutes, &l.stats.DropSameLink)
		l.sendErrorAbout(t, in, b, o, icmpError{typ: icmpUnreachable, code: codeHost})
		return
	}
	l.forwardTo(t, w.iface, in, h, b, o)
}

// forwardTo sends b out through i, whole or in pieces.
func (l *Layer) forwardTo(t *table, i *Interface, in *packet.In, h *Header, b []byte, o packet.Offload) {
	mtu := i.MTU()
	tooBig := forwardLen(h, b, o) > mtu
	if tooBig && h.DF {
		l.drop(in, &l.stats.InDiscards, &l.stats.DropTooBig)
		counter.Inc(&l.stats.OutFragFails)
		l.sendErrorAbout(t, in, b, o, icmpError{typ: icmpUnreachable, code: codeFragNeeded, rest: uint32(mtu)}) // RFC 1191 4
		return
	}
	decrementTTL(b)
	h.TTL--
	counter.Inc(&l.stats.OutForwDatagrams)
	if o.Csum == packet.CsumValid {
		o.Csum = packet.CsumFull
	}
	from := origin{trace.Mark{Cause: in.Event, Rule: ruleForward}, in.Queue}
	// What fails from here on is counted where it does; the sender isn't told.
	switch {
	case !tooBig:
		_ = l.forwardWhole(i, from, h, b, o)
	case o.GSO == packet.GSONone:
		_ = l.forwardFragments(i, from, h, b, o)
	default:
		_ = l.forwardSplit(i, from, b, o)
	}
}

// forwardLen returns the length of the largest packet that b becomes on the wire.
func forwardLen(h *Header, b []byte, o packet.Offload) int {
	if o.GSO == packet.GSONone {
		return len(b)
	}
	headers := h.Len() + transportLen(h.Protocol, b[h.Len():])
	return min(len(b), headers+int(o.SegSize))
}

// forwardWhole sends b as it is, with the device's offloads or in software.
func (l *Layer) forwardWhole(i *Interface, from origin, h *Header, b []byte, o packet.Offload) error {
	missing := needs(o) &^ i.dev.Features()
	if missing != 0 && o.GSO != packet.GSONone {
		return l.writeSegments(i, from, b, o)
	}
	if missing != 0 {
		if err := gso.Complete(b, o); err != nil {
			l.refuse(from.mark, &l.stats.OutDiscards)
			return err
		}
		o = packet.Offload{}
	}
	out := packet.NewOut()
	defer out.Release()
	n := h.Len()
	if o.GSO != packet.GSONone {
		n = headersLen(b)
	}
	fill(out, b, n)
	out.Offload = o
	from.stamp(out)
	return l.write(i, out)
}

// forwardFragments sends b, which is larger than i takes, in fragments.
func (l *Layer) forwardFragments(i *Interface, from origin, h *Header, b []byte, o packet.Offload) error {
	if err := gso.Complete(b, o); err != nil { // the checksum is over all of them
		l.refuse(from.mark, &l.stats.OutDiscards)
		return err
	}
	return l.fragment(i, &fragmenter{header: *h, pieces: [3][]byte{1: b[h.Len():]}, mtu: i.MTU(), origin: from})
}

// forwardSplit sends the super-packet b, whose segments are larger than i takes,
// as those segments' fragments.
func (l *Layer) forwardSplit(i *Interface, from origin, b []byte, o packet.Offload) error {
	err := gso.Split(b, o, func(segment []byte) error {
		h, _, err := Parse(segment)
		if err != nil {
			return err
		}
		if len(segment) <= i.MTU() {
			return l.forwardWhole(i, from, &h, segment, packet.Offload{})
		}
		return l.forwardFragments(i, from, &h, segment, packet.Offload{})
	})
	if err == gso.ErrMalformed {
		l.refuse(from.mark, &l.stats.OutDiscards)
	}
	return err
}

// decrementTTL takes one off the TTL of the packet b and updates the header
// checksum for it, which is m -> m-0x100 in the word of TTL and protocol:
// HC' = ~(~HC + ~m + m') (RFC 1624 3).
func decrementTTL(b []byte) {
	m := binary.BigEndian.Uint16(b[8:])
	b[8]--
	sum := uint32(^binary.BigEndian.Uint16(b[10:])) + uint32(^m) + uint32(m-0x100)
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
}
