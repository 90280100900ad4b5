package udp

import (
	"net/netip"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

// pseudoSum is the sum over the pseudo-header of a datagram of length bytes, for
// the device or the network layer to complete.
func pseudoSum(src, dst netip.Addr, length int) uint16 {
	var s checksum.Sum
	s.AddPseudo(src, dst, Protocol, length)
	return s.Fold()
}

// intact reports whether the datagram's checksum holds, where there is one to check.
func intact(in *packet.In, h Header) bool {
	// "An all zero transmitted checksum value means that the transmitter
	// generated no checksum" (RFC 768).
	if in.Csum != packet.CsumFull || h.Checksum == 0 {
		return true
	}
	var s checksum.Sum
	s.AddPseudo(in.Src, in.Dst, Protocol, int(h.Length))
	s.Add(in.Payload[:h.Length])
	return s.Checksum() == 0
}
