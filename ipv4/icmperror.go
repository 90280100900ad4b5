package ipv4

import (
	"net/netip"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/internal/gso"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

const (
	// maxErrorLen is the largest ICMP error in bytes, with its IP header: as much as
	// any host takes (RFC 1812 4.3.2.3).
	maxErrorLen = 576

	// tosError is the precedence of ICMP errors, internetwork control (RFC 1812 4.3.2.5).
	tosError = 0xc0

	// tosMask is what they keep of the packet's TOS; of ECN, nothing.
	tosMask = 0x1c
)

// icmpError is the header of an ICMP error to send.
type icmpError = icmpHeader

// PortUnreachable answers in with the ICMP error that says that nobody has the
// port it is for, unless RFC 1122 3.2.2 forbids an answer or the rate limit does.
func (l *Layer) PortUnreachable(in *packet.In) {
	l.sendErrorAbout(l.table.Load(), in, in.Packet, in.Offload, icmpError{typ: icmpUnreachable, code: codePort})
}

// sendErrorAbout is sendError about a packet whose checksum o may leave to be
// completed: it is quoted as it would be on a wire, but for a super-segment, which
// was never to be on one.
func (l *Layer) sendErrorAbout(t *table, in *packet.In, b []byte, o packet.Offload, e icmpError) {
	if o.GSO == packet.GSONone {
		_ = gso.Complete(b, o) // what its offload does not fit is quoted as it is
	}
	l.sendError(t, in, b, e)
}

// sendError sends the error about the packet b, which is in or a part of it, to who sent it, if
// that may be done. The message quotes as much of b as fits (RFC 1812 4.3.2.3), and comes
// from the address b was sent to, if this host has it, else from that which the
// way to the sender selects (4.3.2.4).
func (l *Layer) sendError(t *table, in *packet.In, b []byte, e icmpError) {
	cause := in.Event
	h, hlen, err := parse(b)
	if err != nil || !l.mayAnswer(t, cause, &h, b[hlen:]) {
		return
	}
	src := h.Dst
	if t.kind(bits4(src)) != hostLocal {
		if src, err = l.sourceFor(netip.Addr{}, h.Src); err != nil {
			l.count(cause, &l.icmpStats.NoErrorForSource)
			return
		}
	}
	if t.kind(bits4(h.Src)) != hostLocal && !l.withinLimit(cause, h.Src) {
		return
	}
	l.countError(e.typ)
	p := packet.NewOut()
	defer p.Release()
	p.TOS, p.Queue = tosError|h.TOS&tosMask, in.Queue
	p.Mark.Cause, p.Mark.Rule = cause, errorRules[[2]uint8{e.typ, e.code}]
	p.Body[0] = b[:min(len(b), maxErrorLen-minHeaderLen-icmpHeaderLen)]
	_ = l.sendICMP(p, e, src, h.Src) // counted; nobody waits for it
}

// mayAnswer reports whether an ICMP error may be sent about a packet (RFC 1122
// 3.2.2, RFC 1812 4.3.2.7); else it counts why not.
func (l *Layer) mayAnswer(t *table, cause trace.ID, h *Header, payload []byte) bool {
	src, dst := bits4(h.Src), bits4(h.Dst)
	switch {
	case t.kind(dst) == hostBroadcast || multicast(dst):
		l.count(cause, &l.icmpStats.NoErrorForBroadcast)
	case h.Offset != 0:
		l.count(cause, &l.icmpStats.NoErrorForFragment)
	case !unicast(src) || t.kind(src) == hostBroadcast:
		l.count(cause, &l.icmpStats.NoErrorForSource)
	case h.Protocol == protocolICMP && (len(payload) == 0 || icmpHeader{typ: payload[0]}.isError()):
		l.count(cause, &l.icmpStats.NoErrorForError)
	default:
		return true
	}
	return false
}

// withinLimit reports whether another error may be sent to dst now.
func (l *Layer) withinLimit(cause trace.ID, dst netip.Addr) bool {
	switch l.limit.allow(dst) {
	case overGlobal:
		counter.Inc(&l.icmpStats.OutErrors)
		l.count(cause, &l.icmpStats.RateLimitGlobal)
		return false
	case overPeer:
		counter.Inc(&l.icmpStats.OutErrors)
		l.count(cause, &l.icmpStats.RateLimitPeer)
		return false
	}
	return true
}

// countError counts an error sent by its type.
func (l *Layer) countError(typ uint8) {
	switch typ {
	case icmpUnreachable:
		counter.Inc(&l.icmpStats.OutDestUnreachs)
	case icmpTimeExceeded:
		counter.Inc(&l.icmpStats.OutTimeExcds)
	case icmpParamProblem:
		counter.Inc(&l.icmpStats.OutParmProbs)
	}
}
