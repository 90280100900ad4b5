package ipv4

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

const (
	minHeaderLen  = 20
	maxOptionsLen = 40
	maxHeaderLen  = minHeaderLen + maxOptionsLen

	// minMTU is what every link must carry whole (RFC 791 3.2).
	minMTU = 68
)

// Bits of the flags and fragment offset field (RFC 791 3.1).
const (
	flagDF     = 0x4000
	flagMF     = 0x2000
	offsetMask = 0x1fff
)

// What can be wrong with a header, as [Parse] reports it.
var (
	ErrShort     = errors.New("ipv4: packet is shorter than its header")
	ErrVersion   = errors.New("ipv4: version is not 4")
	ErrHeaderLen = errors.New("ipv4: header length below 20 bytes")
	ErrTotalLen  = errors.New("ipv4: total length is less than the header's")
	ErrTruncated = errors.New("ipv4: packet is shorter than its total length")
	ErrChecksum  = errors.New("ipv4: wrong header checksum")
)

// Header is an IPv4 header ([RFC 791 section 3.1]).
//
// [RFC 791 section 3.1]: https://www.rfc-editor.org/rfc/rfc791#section-3.1
type Header struct {
	TOS      uint8 // differentiated services and ECN
	TotalLen int   // bytes, with this header: 20 to 65535
	ID       uint16
	DF       bool // don't fragment
	MF       bool // more fragments follow
	Offset   int  // of this fragment in the datagram's payload: bytes, a multiple of 8
	TTL      uint8
	Protocol uint8
	Src, Dst netip.Addr
	Options  []byte // at most 40 bytes; in [Parse]'s result they alias its input
}

// Parse reads the header of the packet in b, and checks its lengths and its
// checksum, but not the options' form. The payload is what the total length
// says: padding that a link added is cut off.
func Parse(b []byte) (h Header, payload []byte, err error) {
	h, hlen, err := parse(b)
	switch {
	case err != nil:
		return Header{}, nil, err
	case h.TotalLen < hlen:
		return Header{}, nil, ErrTotalLen
	case h.TotalLen > len(b):
		return Header{}, nil, ErrTruncated
	case checksum.Checksum(b[:hlen]) != 0:
		return Header{}, nil, ErrChecksum
	}
	return h, b[hlen:h.TotalLen], nil
}

// parse reads a header whose packet may be cut off after it, as it is in the
// quotation of an ICMP error.
func parse(b []byte) (h Header, hlen int, err error) {
	if len(b) < minHeaderLen {
		return h, 0, ErrShort
	}
	if b[0]>>4 != 4 {
		return h, 0, ErrVersion
	}
	hlen = int(b[0]&15) * 4
	if hlen < minHeaderLen {
		return h, 0, ErrHeaderLen
	}
	if hlen > len(b) {
		return h, 0, ErrShort
	}
	frag := binary.BigEndian.Uint16(b[6:])
	return Header{
		TOS:      b[1],
		TotalLen: int(binary.BigEndian.Uint16(b[2:])),
		ID:       binary.BigEndian.Uint16(b[4:]),
		DF:       frag&flagDF != 0,
		MF:       frag&flagMF != 0,
		Offset:   int(frag&offsetMask) * 8,
		TTL:      b[8],
		Protocol: b[9],
		Src:      netip.AddrFrom4([4]byte(b[12:16])),
		Dst:      netip.AddrFrom4([4]byte(b[16:20])),
		Options:  b[minHeaderLen:hlen:hlen],
	}, hlen, nil
}

// Len returns the length of the encoded header: 20 to 60 bytes, a multiple of 4.
func (h *Header) Len() int {
	return minHeaderLen + (min(len(h.Options), maxOptionsLen)+3)&^3
}

// AppendTo appends the header to b, its checksum complete. Options are padded
// with zeros to a multiple of four bytes (RFC 791 3.1), and cut off after 40.
func (h *Header) AppendTo(b []byte) []byte {
	var buf [maxHeaderLen]byte
	n := h.Len()
	h.put(buf[:n])
	return append(b, buf[:n]...)
}

// put writes the header to b, which is Len bytes long.
func (h *Header) put(b []byte) {
	frag := uint16(h.Offset/8) & offsetMask
	if h.DF {
		frag |= flagDF
	}
	if h.MF {
		frag |= flagMF
	}
	src, dst := as4(h.Src), as4(h.Dst)
	b[0] = 4<<4 | uint8(len(b)/4)
	b[1] = h.TOS
	binary.BigEndian.PutUint16(b[2:], uint16(h.TotalLen))
	binary.BigEndian.PutUint16(b[4:], h.ID)
	binary.BigEndian.PutUint16(b[6:], frag)
	b[8], b[9] = h.TTL, h.Protocol
	b[10], b[11] = 0, 0
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	clear(b[minHeaderLen+copy(b[minHeaderLen:], h.Options):])
	binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b))
}

// fragment reports whether the packet is not a whole datagram.
func (h *Header) fragment() bool { return h.MF || h.Offset != 0 }

// as4 returns a's bytes, and 0.0.0.0 for what is not IPv4.
func as4(a netip.Addr) [4]byte {
	if a.Is4() || a.Is4In6() {
		return a.As4()
	}
	return [4]byte{}
}

// bits4 returns a as a number, and 0 for what is not IPv4.
func bits4(a netip.Addr) uint32 {
	b := as4(a)
	return binary.BigEndian.Uint32(b[:])
}

// transportLen returns the length of the transport header that b starts with: of
// TCP with its options, of others 8 bytes; or less, if b is shorter.
func transportLen(protocol uint8, b []byte) int {
	n := 8
	if protocol == protocolTCP && len(b) >= 20 {
		n = max(int(b[12]>>4)*4, 20)
	}
	return min(n, len(b))
}

// fill makes p a packet that exists as bytes: the first n, its headers, are
// copied to p's head, the rest stays where it is.
func fill(p *packet.Out, b []byte, n int) {
	p.Reset()
	copy(p.Prepend(n), b[:n])
	p.Body[0] = b[n:]
}
