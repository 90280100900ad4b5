package link

import (
	"syscall"

	"github.com/tinystack/tinystack/packet"
)

// check returns why a device of this MTU and these features does not take p, nil
// if it does.
func check(p *packet.Out, mtu int, f packet.Features) error {
	switch {
	case p.Len() == 0 || p.Csum == packet.CsumPartial && !f.Has(packet.TxChecksum):
		return syscall.EINVAL
	case p.GSO != packet.GSONone:
		return checkSuper(p, mtu, f)
	case p.Len() > mtu:
		return syscall.EMSGSIZE
	}
	return nil
}

func checkSuper(p *packet.Out, mtu int, f packet.Features) error {
	need := packet.TSO
	if p.GSO == packet.GSOUDP {
		need = packet.USO
	}
	header := headerLen(p)
	payload := p.Len() - header
	switch {
	case p.SegSize == 0 || header == 0 || payload < 0 || p.Csum != packet.CsumPartial:
		return syscall.EINVAL // who splits it must know where the transport header is
	case !f.Has(need) || p.Len() > packet.MaxSize || header+min(int(p.SegSize), payload) > mtu:
		return syscall.EMSGSIZE
	}
	return nil
}

// headerLen returns the length of a super-packet's headers, IP and transport; 0
// if they are not there whole.
func headerLen(p *packet.Out) int {
	start := int(p.CsumStart)
	if p.GSO == packet.GSOUDP {
		return start + 8
	}
	if start+20 > p.Len() {
		return 0
	}
	return start + int(at(p, start+12)>>4)*4
}

// at returns the i-th byte of p, which is longer than that.
func at(p *packet.Out, i int) byte {
	for _, piece := range [...][]byte{p.Head(), p.Body[0], p.Body[1]} {
		if i < len(piece) {
			return piece[i]
		}
		i -= len(piece)
	}
	return 0
}
