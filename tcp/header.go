package tcp

import (
	"encoding/binary"
	"errors"
	"strings"
)

const (
	minHeaderLen = 20
	maxHeaderLen = 60
)

// What [Parse] finds wrong with a header.
var (
	ErrTruncated = errors.New("tcp: segment shorter than its header")
	ErrOffset    = errors.New("tcp: data offset below 5")
)

// Flags are a header's control bits (RFC 9293 3.1).
type Flags uint8

// The control bits.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Has reports whether all of want are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// String lists the bits set, as in "SYN|ACK".
func (f Flags) String() string {
	var names []string
	for i, name := range [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"} {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Header is a TCP header (RFC 9293 3.1). Checksum is as found on the wire;
// AppendTo writes it as it stands, since it covers more than the header.
type Header struct {
	SrcPort, DstPort uint16
	Seq, Ack         Seq
	Flags            Flags
	Window           uint16 // as on the wire, not scaled
	Checksum         uint16
	Urgent           uint16
	Options          Options
}

// Parse reads the header at the start of b and returns it and what follows,
// which aliases b. A malformed option ends the list of options, as in Linux, and
// is told by Options.Malformed.
func Parse(b []byte) (h Header, payload []byte, err error) {
	if len(b) < minHeaderLen {
		return Header{}, nil, ErrTruncated
	}
	hlen := int(b[12]>>4) * 4
	if hlen < minHeaderLen {
		return Header{}, nil, ErrOffset
	}
	if hlen > len(b) {
		return Header{}, nil, ErrTruncated
	}
	h = Header{
		SrcPort:  binary.BigEndian.Uint16(b[0:]),
		DstPort:  binary.BigEndian.Uint16(b[2:]),
		Seq:      Seq(binary.BigEndian.Uint32(b[4:])),
		Ack:      Seq(binary.BigEndian.Uint32(b[8:])),
		Flags:    Flags(b[13]),
		Window:   binary.BigEndian.Uint16(b[14:]),
		Checksum: binary.BigEndian.Uint16(b[16:]),
		Urgent:   binary.BigEndian.Uint16(b[18:]),
	}
	h.Options.parse(b[minHeaderLen:hlen])
	return h, b[hlen:], nil
}

// Len returns the length in bytes of the header with its options.
func (h *Header) Len() int { return minHeaderLen + h.Options.Len() }

// AppendTo appends the header to b.
func (h *Header) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, h.SrcPort)
	b = binary.BigEndian.AppendUint16(b, h.DstPort)
	b = binary.BigEndian.AppendUint32(b, uint32(h.Seq))
	b = binary.BigEndian.AppendUint32(b, uint32(h.Ack))
	b = append(b, byte(h.Len()/4)<<4, byte(h.Flags))
	b = binary.BigEndian.AppendUint16(b, h.Window)
	b = binary.BigEndian.AppendUint16(b, h.Checksum)
	b = binary.BigEndian.AppendUint16(b, h.Urgent)
	return h.Options.appendTo(b)
}
