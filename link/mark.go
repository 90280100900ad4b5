package link

import "encoding/binary"

// The ECN field's codepoints (RFC 3168 5).
const (
	notECT = 0
	ecnCE  = 3
)

// markCE has an IP packet say that it met congestion, if its transport can be told of that
// (RFC 3168 5), and reports whether it could. One that says so already stays as it is.
func markCE(p []byte) bool {
	switch {
	case len(p) >= 20 && p[0]>>4 == 4:
		return markCE4(p)
	case len(p) >= 40 && p[0]>>4 == 6:
		if p[1]>>4&ecnCE == notECT { // of the traffic class, whose last four bits these are
			return false
		}
		p[1] |= ecnCE << 4
		return true
	}
	return false
}

// markCE4 updates the header checksum too: HC' = ~(~HC + ~m + m') (RFC 1624 3).
func markCE4(p []byte) bool {
	if p[1]&ecnCE == notECT {
		return false
	}
	before := binary.BigEndian.Uint16(p)
	p[1] |= ecnCE
	sum := uint32(^binary.BigEndian.Uint16(p[10:])) + uint32(^before) + uint32(binary.BigEndian.Uint16(p))
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(p[10:], ^uint16(sum))
	return true
}
