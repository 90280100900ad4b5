package gso

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/tinystack/tinystack/packet"
)

// ErrMalformed is what Split and Complete return for a packet that is not what
// its Offload says.
var ErrMalformed = errors.New("gso: the packet's headers do not fit its offload")

const (
	protocolTCP = 6
	protocolUDP = 17

	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
	tcpHeaderLen  = 20
	udpHeaderLen  = 8

	// Checksum fields, from the transport header's first byte.
	tcpChecksum = 16
	udpChecksum = 6
)

// layout is where the parts of a super-packet are.
type layout struct {
	v6         bool
	src, dst   netip.Addr
	protocol   uint8
	transport  int // where the transport header starts
	payload    int // where the payload starts
	checksumAt int // where the transport checksum is
}

func parse(p []byte, kind packet.GSO) (l layout, err error) {
	if len(p) == 0 {
		return l, ErrMalformed
	}
	switch p[0] >> 4 {
	case 4:
		err = l.parse4(p)
	case 6:
		err = l.parse6(p)
	default:
		err = ErrMalformed
	}
	if err != nil {
		return l, err
	}
	return l, l.parseTransport(p, kind)
}

func (l *layout) parse4(p []byte) error {
	if len(p) < ipv4HeaderLen {
		return ErrMalformed
	}
	l.transport = int(p[0]&0xf) * 4
	fragment := binary.BigEndian.Uint16(p[6:]) & 0x3fff // MF and the offset
	if l.transport < ipv4HeaderLen || len(p) < l.transport || int(binary.BigEndian.Uint16(p[2:])) != len(p) || fragment != 0 {
		return ErrMalformed
	}
	l.protocol = p[9]
	l.src, _ = netip.AddrFromSlice(p[12:16])
	l.dst, _ = netip.AddrFromSlice(p[16:20])
	return nil
}

func (l *layout) parse6(p []byte) error {
	if len(p) < ipv6HeaderLen || int(binary.BigEndian.Uint16(p[4:])) != len(p)-ipv6HeaderLen {
		return ErrMalformed
	}
	l.v6 = true
	l.transport = ipv6HeaderLen
	l.protocol = p[6]
	l.src, _ = netip.AddrFromSlice(p[8:24])
	l.dst, _ = netip.AddrFromSlice(p[24:40])
	return nil
}

func (l *layout) parseTransport(p []byte, kind packet.GSO) error {
	switch {
	case kind == packet.GSOTCP && l.protocol == protocolTCP:
		if len(p) < l.transport+tcpHeaderLen {
			return ErrMalformed
		}
		l.payload = l.transport + int(p[l.transport+12]>>4)*4
		if l.payload < l.transport+tcpHeaderLen {
			return ErrMalformed
		}
		l.checksumAt = l.transport + tcpChecksum
	case kind == packet.GSOUDP && l.protocol == protocolUDP:
		l.payload = l.transport + udpHeaderLen
		l.checksumAt = l.transport + udpChecksum
	default:
		return ErrMalformed
	}
	if len(p) < l.payload {
		return ErrMalformed
	}
	return nil
}
