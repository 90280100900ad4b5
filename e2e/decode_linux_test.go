package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/udp"
)

// Protocol numbers.
const (
	protocolICMP = 1
	protocolTCP  = 6
	protocolUDP  = 17
)

// decoded is a packet as our parsers read it. Of a datagram in fragments, the
// last one to come has the transport header.
type decoded struct {
	ip   ipv4.Header
	tcp  *tcp.Header
	udp  *udp.Header
	icmp *icmpHeader

	transport []byte   // header and payload; nil in other fragments
	quoted    *decoded // by an ICMP error
}

// icmpHeader is an ICMP header, which package ipv4 keeps to itself.
type icmpHeader struct {
	typ, code     uint8
	checksum      uint16
	ident, number uint16 // of echo requests and replies
}

func (h *icmpHeader) echo() bool { return h.typ == 0 || h.typ == 8 }

// peerDecoded is a packet as gopacket reads it.
type peerDecoded struct {
	ip   layers.IPv4
	tcp  *layers.TCP
	udp  *layers.UDP
	icmp *layers.ICMPv4
}

// decoder decodes packets, and puts fragments together.
type decoder map[fragmentKey][]byte

type fragmentKey struct {
	src, dst netip.Addr
	id       uint16
	protocol uint8
}

var errProtocol = errors.New("of a protocol that is not ours")

// decode reads a packet by our parsers.
func (d decoder) decode(b []byte) (p *decoded, err error) {
	p = new(decoded)
	if p.ip, p.transport, err = ipv4.Parse(b); err != nil {
		return nil, err
	}
	if p.ip.MF || p.ip.Offset > 0 {
		if p.transport = d.assemble(&p.ip, p.transport); p.transport == nil {
			return p, nil
		}
	}
	return p, p.parseTransport()
}

// assemble returns the datagram's payload with its last fragment, which here, on a wire that
// keeps the order, is the last to come.
func (d decoder) assemble(h *ipv4.Header, payload []byte) []byte {
	key := fragmentKey{h.Src, h.Dst, h.ID, h.Protocol}
	if len(d[key]) != h.Offset {
		return nil
	}
	d[key] = append(d[key], payload...)
	if h.MF {
		return nil
	}
	defer delete(d, key)
	return d[key]
}

func (p *decoded) parseTransport() error {
	switch p.ip.Protocol {
	case protocolTCP:
		h, _, err := tcp.Parse(p.transport)
		p.tcp = &h
		return err
	case protocolUDP:
		h, _, err := udp.Parse(p.transport)
		p.udp = &h
		return err
	case protocolICMP:
		return p.parseICMP()
	}
	return errProtocol
}

func (p *decoded) parseICMP() error {
	b := p.transport
	if len(b) < 8 {
		return fmt.Errorf("ICMP message of %d bytes", len(b))
	}
	p.icmp = &icmpHeader{b[0], b[1], binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])}
	if !p.icmp.echo() {
		p.quoted, _ = make(decoder).decode(b[8:]) // nil if it is not quoted whole
	}
	return nil
}

// decodePeer reads by gopacket the packet that ours read as p, a datagram in fragments as
// put together.
func decodePeer(b []byte, p *decoded) (*peerDecoded, error) {
	g := new(peerDecoded)
	if err := g.ip.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		return nil, err
	}
	switch {
	case p.tcp != nil:
		g.tcp = new(layers.TCP)
		return g, g.tcp.DecodeFromBytes(p.transport, gopacket.NilDecodeFeedback)
	case p.udp != nil:
		g.udp = new(layers.UDP)
		return g, g.udp.DecodeFromBytes(p.transport, gopacket.NilDecodeFeedback)
	case p.icmp != nil:
		g.icmp = new(layers.ICMPv4)
		return g, g.icmp.DecodeFromBytes(p.transport, gopacket.NilDecodeFeedback)
	}
	return g, nil
}

// option returns gopacket's TCP option of the kind, and whether there is one.
func (g *peerDecoded) option(kind layers.TCPOptionKind) ([]byte, bool) {
	for _, o := range g.tcp.Options {
		if o.OptionType == kind {
			return o.OptionData, true
		}
	}
	return nil, false
}
