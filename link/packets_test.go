package link

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

// Header lengths and protocol numbers of the packets that tests build.
const (
	ipLen  = 20
	udpLen = 8
	tcpLen = 20

	protoTCP = 6
	protoUDP = 17
)

// segment is what tests send and expect to receive.
type segment struct {
	src, dst netip.AddrPort
	protocol byte
	flags    byte // TCP's
	seq, ack uint32
	payload  []byte
}

// out builds the packet: headers in the head, the body in two pieces. Its
// checksum is complete, unless partial.
func (s segment) out(partial bool) *packet.Out {
	p := packet.NewOut()
	half := len(s.payload) / 3
	p.Body = [2][]byte{s.payload[:half], s.payload[half:]}
	field := 6
	var h []byte
	if s.protocol == protoTCP {
		h, field = p.Prepend(tcpLen), 16
		clear(h)
		binary.BigEndian.PutUint32(h[4:], s.seq)
		binary.BigEndian.PutUint32(h[8:], s.ack)
		h[12], h[13] = tcpLen/4<<4, s.flags
		binary.BigEndian.PutUint16(h[14:], 65535)
	} else {
		h = p.Prepend(udpLen)
		clear(h)
		binary.BigEndian.PutUint16(h[4:], uint16(udpLen+len(s.payload)))
	}
	binary.BigEndian.PutUint16(h, s.src.Port())
	binary.BigEndian.PutUint16(h[2:], s.dst.Port())
	var sum checksum.Sum
	sum.AddPseudo(s.src.Addr(), s.dst.Addr(), s.protocol, p.Len())
	if partial {
		binary.BigEndian.PutUint16(h[field:], sum.Fold())
		p.Csum, p.CsumStart, p.CsumOffset = packet.CsumPartial, ipLen, uint16(field)
	} else {
		sum.Add(h)
		sum.Add(s.payload)
		binary.BigEndian.PutUint16(h[field:], sum.Checksum())
	}
	s.prependIP(p)
	return p
}

func (s segment) prependIP(p *packet.Out) {
	total := p.Len() + ipLen
	h := p.Prepend(ipLen)
	clear(h)
	h[0], h[8], h[9] = 0x45, 64, s.protocol
	binary.BigEndian.PutUint16(h[2:], uint16(total))
	copy(h[12:], s.src.Addr().AsSlice())
	copy(h[16:], s.dst.Addr().AsSlice())
	binary.BigEndian.PutUint16(h[10:], checksum.Checksum(h))
}

// super makes the packet a super-packet.
func super(p *packet.Out, kind packet.GSO, size int) *packet.Out {
	p.GSO, p.SegSize = kind, uint16(size)
	return p
}

// parseSegment reads what out wrote; ok is false if it is no TCP or UDP over IPv4.
func parseSegment(b []byte) (s segment, ok bool) {
	if len(b) < ipLen+udpLen || b[0] != 0x45 {
		return s, false
	}
	s.protocol = b[9]
	h := b[ipLen:]
	src, _ := netip.AddrFromSlice(b[12:16])
	dst, _ := netip.AddrFromSlice(b[16:20])
	s.src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(h))
	s.dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(h[2:]))
	switch {
	case s.protocol == protoUDP:
		s.payload = h[udpLen:]
	case s.protocol == protoTCP && len(h) >= tcpLen:
		s.seq, s.ack = binary.BigEndian.Uint32(h[4:]), binary.BigEndian.Uint32(h[8:])
		s.flags = h[13]
		s.payload = h[h[12]>>4*4:]
	default:
		return s, false
	}
	return s, true
}

// intact reports whether the packet's checksums, IP's and the transport's, are
// right.
func intact(b []byte) bool {
	if len(b) < ipLen || checksum.Checksum(b[:ipLen]) != 0 {
		return false
	}
	src, _ := netip.AddrFromSlice(b[12:16])
	dst, _ := netip.AddrFromSlice(b[16:20])
	var sum checksum.Sum
	sum.AddPseudo(src, dst, b[9], len(b)-ipLen)
	sum.Add(b[ipLen:])
	return sum.Checksum() == 0
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8)
	}
	return b
}

var (
	hostAddr  = netip.MustParseAddrPort("198.18.0.1:9000")
	stackAddr = netip.MustParseAddrPort("198.18.0.2:7000")
)

// datagram returns a UDP packet of n bytes, its number in the payload.
func datagram(number, n int) *packet.Out {
	payload := make([]byte, n-ipLen-udpLen)
	binary.BigEndian.PutUint32(payload, uint32(number))
	return segment{src: stackAddr, dst: hostAddr, protocol: protoUDP, payload: payload}.out(false)
}

func number(b []byte) int { return int(binary.BigEndian.Uint32(b[ipLen+udpLen:])) }

func write(t testing.TB, d Device, p *packet.Out) {
	t.Helper()
	if err := d.Write(p); err != nil {
		t.Fatalf("Write: %v", err)
	}
	p.Release()
}
