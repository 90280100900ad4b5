package ipv4

import (
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
)

// The codepoints of the ECN field, the TOS byte's last two bits (RFC 3168 5).
const (
	ecnMask = 0x03

	ecnNone = 0
	ecnECT1 = 1
	ecnECT0 = 2
	ecnCE   = 3
)

// countECN counts a packet that came in by its ECN field. Most have none.
func (l *Layer) countECN(h *Header, payload []byte, o packet.Offload) {
	switch h.TOS & ecnMask {
	case ecnECT0:
		counter.Add(&l.stats.InECT0Pkts, onWire(h, payload, o))
	case ecnECT1:
		counter.Add(&l.stats.InECT1Pkts, onWire(h, payload, o))
	case ecnCE:
		counter.Add(&l.stats.InCEPkts, onWire(h, payload, o))
	}
}

// onWire returns how many packets one that came in was on the wire.
func onWire(h *Header, payload []byte, o packet.Offload) uint64 {
	if o.GSO == packet.GSONone || o.SegSize == 0 {
		return 1
	}
	n, size := len(payload)-transportLen(h.Protocol, payload), int(o.SegSize)
	return uint64(max(1, (n+size-1)/size))
}
