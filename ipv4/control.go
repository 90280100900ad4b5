package ipv4

import (
	"encoding/binary"
	"syscall"

	"github.com/tinystack/tinystack/packet"
)

// minQuote is what an error quotes of a packet's payload at least (RFC 792).
const minQuote = 8

// plateaus are the MTUs that paths are likely to have (RFC 1191 7.1), for routers
// that don't tell theirs.
var plateaus = [...]int{32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, minMTU}

// control takes an ICMP error, which quotes a packet that this host may have
// sent, to the protocol it concerns.
func (l *Layer) control(in *packet.In, h icmpHeader, quote []byte) {
	s := &l.icmpStats
	quoted, hlen, err := parse(quote)
	if err != nil || len(quote) < hlen+minQuote || quoted.Offset != 0 {
		l.drop(in, &s.InErrors, &s.DropQuote)
		return
	}
	// It must be addressed to who sent the packet, and that is this host.
	if quoted.Src != in.Dst || in.Broadcast || !unicast(bits4(quoted.Dst)) {
		l.discard(in, &s.DropForeign)
		return
	}
	c := packet.Control{Local: quoted.Src, Remote: quoted.Dst, Quoted: quote[hlen:], Event: in.Event}
	c.From, c.Type, c.Code = in.Src, h.typ, h.code
	c.Err, c.Hard = controlErr(h)
	if h.typ == icmpUnreachable && h.code == codeFragNeeded {
		if c.MTU = nextHopMTU(h, &quoted); c.MTU < minMTU {
			l.drop(in, &s.InErrors, &s.DropMTU)
			return
		}
	}
	l.dispatch(in, h, quoted.Protocol, &c)
}

// dispatch hands an error to the protocol of the packet that it quotes.
func (l *Layer) dispatch(in *packet.In, h icmpHeader, protocol uint8, c *packet.Control) {
	if protocol == protocolICMP {
		if !l.echoes.control(in, h, c) {
			l.discard(in, &l.icmpStats.DropUnknownEcho)
		}
		return
	}
	handler := l.handlers[protocol].Load()
	if handler == nil {
		l.discard(in, &l.icmpStats.DropNoHandler)
		return
	}
	(*handler).Control(c)
}

// nextHopMTU returns the MTU that a router asks for in "fragmentation needed".
// One from before RFC 1191 says nothing: then it is the next plateau below the
// length of the packet that didn't pass (RFC 1191 5).
func nextHopMTU(h icmpHeader, quoted *Header) int {
	if mtu := int(uint16(h.rest)); mtu != 0 {
		return mtu
	}
	for _, mtu := range plateaus {
		if mtu < quoted.TotalLen {
			return mtu
		}
	}
	return minMTU
}

// unreachableErrs are the errors that Linux reports for the codes of "destination
// unreachable", and whether it takes them for lasting ones (RFC 1122 3.2.2.1,
// RFC 1812 5.2.7.1).
var unreachableErrs = [...]struct {
	err  syscall.Errno
	hard bool
}{
	0:  {syscall.ENETUNREACH, false},
	1:  {syscall.EHOSTUNREACH, false},
	2:  {syscall.ENOPROTOOPT, true},
	3:  {syscall.ECONNREFUSED, true},
	4:  {syscall.EMSGSIZE, false},
	5:  {syscall.EOPNOTSUPP, false}, // source route failed
	6:  {syscall.ENETUNREACH, true}, // network unknown
	7:  {syscall.EHOSTDOWN, true},   // host unknown
	8:  {errNoNet, true},            // host isolated
	9:  {syscall.ENETUNREACH, true}, // prohibited
	10: {syscall.EHOSTUNREACH, true},
	11: {syscall.ENETUNREACH, false}, // for this TOS
	12: {syscall.EHOSTUNREACH, false},
	13: {syscall.EHOSTUNREACH, true}, // filtered
	14: {syscall.EHOSTUNREACH, true}, // precedence
	15: {syscall.EHOSTUNREACH, true},
}

// controlErr returns what Linux reports to a socket for an ICMP error, and whether
// it is not expected to pass.
func controlErr(h icmpHeader) (err syscall.Errno, hard bool) {
	switch {
	case h.typ == icmpParamProblem:
		return syscall.EPROTO, true
	case h.typ == icmpTimeExceeded, int(h.code) >= len(unreachableErrs):
		return syscall.EHOSTUNREACH, false
	}
	e := unreachableErrs[h.code]
	return e.err, e.hard
}

// echoOf returns the identifier and sequence number of the echo request that a
// control quotes.
func echoOf(c *packet.Control) (id, seq uint16, ok bool) {
	if c.Quoted[0] != icmpEcho {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(c.Quoted[4:]), binary.BigEndian.Uint16(c.Quoted[6:]), true
}
