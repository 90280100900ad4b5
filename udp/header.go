package udp

import (
	"encoding/binary"
	"errors"
)

const (
	// Protocol is UDP's number in the IP header.
	Protocol = 17
	// HeaderLen is the length of a header in bytes.
	HeaderLen = 8

	// checksumOffset is where in the header the checksum is.
	checksumOffset = 6
)

var (
	// ErrTruncated is what Parse returns when the packet ends before the datagram does.
	ErrTruncated = errors.New("udp: datagram truncated")
	// ErrLength is what Parse returns when the length field is below that of the header.
	ErrLength = errors.New("udp: length field below 8")
)

// Header is a UDP header ([RFC 768]).
//
// [RFC 768]: https://www.rfc-editor.org/rfc/rfc768
type Header struct {
	SrcPort  uint16 // 0: no reply is wanted
	DstPort  uint16
	Length   uint16 // of header and payload, in bytes
	Checksum uint16 // 0: none was computed
}

// Parse reads the header at the start of b, an IP packet's payload. The payload
// it returns aliases b and ends where the length field says: what the link or a
// sender put behind it is cut off. Errors are [ErrTruncated] and [ErrLength].
func Parse(b []byte) (h Header, payload []byte, err error) {
	if len(b) < HeaderLen {
		return Header{}, nil, ErrTruncated
	}
	h = Header{
		SrcPort:  binary.BigEndian.Uint16(b[0:]),
		DstPort:  binary.BigEndian.Uint16(b[2:]),
		Length:   binary.BigEndian.Uint16(b[4:]),
		Checksum: binary.BigEndian.Uint16(b[checksumOffset:]),
	}
	if h.Length < HeaderLen {
		return Header{}, nil, ErrLength
	}
	if int(h.Length) > len(b) {
		return Header{}, nil, ErrTruncated
	}
	return h, b[HeaderLen:h.Length], nil
}

// AppendTo appends the header's 8 bytes to b, as its fields say.
func (h Header) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, h.SrcPort)
	b = binary.BigEndian.AppendUint16(b, h.DstPort)
	b = binary.BigEndian.AppendUint16(b, h.Length)
	return binary.BigEndian.AppendUint16(b, h.Checksum)
}
