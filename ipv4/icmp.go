package ipv4

import (
	"encoding/binary"
	"net/netip"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
)

// ICMP message types (RFC 792) that the layer knows.
const (
	icmpEchoReply    = 0
	icmpUnreachable  = 3
	icmpSourceQuench = 4
	icmpRedirect     = 5
	icmpEcho         = 8
	icmpTimeExceeded = 11
	icmpParamProblem = 12
)

// Codes of the types above.
const (
	codeNet        = 0 // unreachable: ...
	codeHost       = 1
	codeProtocol   = 2
	codePort       = 3
	codeFragNeeded = 4

	codeTransit    = 0 // time exceeded: in transit
	codeReassembly = 1 // time exceeded: in reassembly
)

const icmpHeaderLen = 8

// icmpHeader is what all messages start with; rest depends on the type.
type icmpHeader struct {
	typ, code uint8
	rest      uint32
}

func parseICMP(b []byte) (h icmpHeader, body []byte, ok bool) {
	if len(b) < icmpHeaderLen {
		return h, nil, false
	}
	return icmpHeader{b[0], b[1], binary.BigEndian.Uint32(b[4:])}, b[icmpHeaderLen:], true
}

// prepend puts the header before p's body, its checksum over both.
func (h icmpHeader) prepend(p *packet.Out) {
	b := p.Prepend(icmpHeaderLen)
	b[0], b[1], b[2], b[3] = h.typ, h.code, 0, 0
	binary.BigEndian.PutUint32(b[4:], h.rest)
	var s checksum.Sum
	s.Add(b)
	s.Add(p.Body[0])
	s.Add(p.Body[1])
	binary.BigEndian.PutUint16(b[2:], s.Checksum())
}

// isError reports whether the message is about another packet (RFC 1122 3.2.2).
// Of types unknown, one can't say that they are not.
func (h icmpHeader) isError() bool {
	switch h.typ {
	case icmpEchoReply, icmpEcho, 9, 10, 13, 14, 15, 16, 17, 18: // queries and their replies
		return false
	}
	return true
}

// icmpInput takes an ICMP message for this host.
func (l *Layer) icmpInput(in *packet.In) {
	s := &l.icmpStats
	counter.Inc(&s.InMsgs)
	h, body, ok := parseICMP(in.Payload)
	if !ok {
		l.drop(in, &s.InErrors, &s.DropShort)
		return
	}
	if in.Csum == packet.CsumFull && checksum.Checksum(in.Payload) != 0 {
		l.drop(in, &s.InErrors, &s.DropChecksum)
		return
	}
	switch h.typ {
	case icmpEcho:
		counter.Inc(&s.InEchos)
		l.echoReply(in, h, body)
	case icmpEchoReply:
		counter.Inc(&s.InEchoReps)
		if !l.echoes.reply(in, h, body) {
			l.discard(in, &s.DropUnknownEcho)
		}
	case icmpUnreachable:
		counter.Inc(&s.InDestUnreachs)
		l.control(in, h, body)
	case icmpTimeExceeded:
		counter.Inc(&s.InTimeExcds)
		l.control(in, h, body)
	case icmpParamProblem:
		counter.Inc(&s.InParmProbs)
		l.control(in, h, body)
	case icmpSourceQuench: // RFC 6633 3: silently ignored
		l.drop(in, &s.InSrcQuenchs, &s.DropType)
	case icmpRedirect:
		l.drop(in, &s.InRedirects, &s.DropType)
	default:
		l.discard(in, &s.DropType)
	}
}

// echoReply answers an echo request, with its TOS (RFC 1812 4.3.2.5, but for ECN)
// and from the address it was sent to (RFC 1122 3.2.2.6). Replies are not rate
// limited: there is one for a request, of its size, and `ping -f` is there to
// measure; the limit of RFC 1812 4.3.2.8 is for errors.
func (l *Layer) echoReply(in *packet.In, h icmpHeader, body []byte) {
	if in.Broadcast {
		l.discard(in, &l.icmpStats.DropBroadcast)
		return
	}
	p := packet.NewOut()
	defer p.Release()
	p.Body[0] = body
	p.TOS, p.Queue = in.TOS&^ecnMask, in.Queue
	p.Mark.Cause, p.Mark.Rule = in.Event, ruleEchoReply
	counter.Inc(&l.icmpStats.OutEchoReps)
	h.typ, h.code = icmpEchoReply, 0
	_ = l.sendICMP(p, h, in.Dst, in.Src) // counted; nobody waits for it
}

// sendICMP sends a message whose body is p's. It uses p up.
func (l *Layer) sendICMP(p *packet.Out, h icmpHeader, src, dst netip.Addr) error {
	counter.Inc(&l.icmpStats.OutMsgs)
	p.Protocol = protocolICMP
	h.prepend(p)
	way := l.hop(src, dst)
	return l.send(&way, src, dst, p)
}
