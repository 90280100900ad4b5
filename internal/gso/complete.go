package gso

import (
	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

// Complete completes p's transport checksum in place, where o leaves it partial;
// otherwise it does nothing. It returns [ErrMalformed] if the field is not
// within p. A super-packet's completed checksum is one over all of it.
func Complete(p []byte, o packet.Offload) error {
	if o.Csum != packet.CsumPartial {
		return nil
	}
	start, field := int(o.CsumStart), int(o.CsumStart)+int(o.CsumOffset)
	if field+2 > len(p) {
		return ErrMalformed
	}
	var s checksum.Sum
	s.Add(p[start:]) // with the pseudo-header's sum, which is in the field
	put(p[field:], s.Checksum(), o.CsumOffset == udpChecksum)
	return nil
}
