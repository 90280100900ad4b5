package link

import (
	"encoding/binary"

	"github.com/tinystack/tinystack/packet"
)

// struct virtio_net_hdr precedes each packet of a TUN device with IFF_VNET_HDR.
// Its fields are in the machine's byte order, as TUN has them unless told
// otherwise. See [Virtio 1.2, 5.1.6].
//
//	byte 0: flags, 1: gso_type, 2-3: hdr_len, 4-5: gso_size, 6-7: csum_start, 8-9: csum_offset
//
// [Virtio 1.2, 5.1.6]: https://docs.oasis-open.org/virtio/virtio/v1.2/virtio-v1.2.html
const vnetLen = 10

const (
	vnetNeedsCsum = 1 // flags
	vnetDataValid = 2

	vnetGSONone  = 0 // gso_type
	vnetGSOTCPv4 = 1
	vnetGSOUDPL4 = 5
	vnetGSOECN   = 0x80 // with TCP: the segment has CWR set
)

// encodeVnet writes the header of p, which passed check, to h.
func encodeVnet(h *[vnetLen]byte, p *packet.Out) {
	*h = [vnetLen]byte{}
	if p.Csum == packet.CsumPartial {
		h[0] = vnetNeedsCsum
		binary.NativeEndian.PutUint16(h[6:], p.CsumStart)
		binary.NativeEndian.PutUint16(h[8:], p.CsumOffset)
	}
	if p.GSO == packet.GSONone {
		return
	}
	h[1] = gsoType(p)
	binary.NativeEndian.PutUint16(h[2:], uint16(headerLen(p)))
	binary.NativeEndian.PutUint16(h[4:], p.SegSize)
}

func gsoType(p *packet.Out) byte {
	const cwr = 0x80 // in TCP's byte 13
	switch {
	case p.GSO == packet.GSOUDP:
		return vnetGSOUDPL4
	case at(p, int(p.CsumStart)+13)&cwr != 0:
		return vnetGSOTCPv4 | vnetGSOECN
	default:
		return vnetGSOTCPv4
	}
}

// decodeVnet reads the header of a packet of n bytes. It returns false if the
// header does not fit the packet, or is of a kind that was not asked for.
func decodeVnet(h *[vnetLen]byte, n int) (o packet.Offload, ok bool) {
	switch {
	case h[0]&vnetNeedsCsum != 0:
		o.Csum = packet.CsumPartial
		o.CsumStart = binary.NativeEndian.Uint16(h[6:])
		o.CsumOffset = binary.NativeEndian.Uint16(h[8:])
		if int(o.CsumStart)+int(o.CsumOffset)+2 > n {
			return packet.Offload{}, false
		}
	case h[0]&vnetDataValid != 0:
		o.Csum = packet.CsumValid
	}
	switch h[1] &^ vnetGSOECN {
	case vnetGSONone:
		return o, true
	case vnetGSOTCPv4:
		o.GSO = packet.GSOTCP
	case vnetGSOUDPL4:
		o.GSO = packet.GSOUDP
	default:
		return packet.Offload{}, false
	}
	o.SegSize = binary.NativeEndian.Uint16(h[4:])
	if o.SegSize == 0 {
		return packet.Offload{}, false
	}
	return o, true
}
