package ipv4

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"syscall"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/internal/gso"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// udpChecksumOffset is where a UDP header has its checksum, for which zero means
// none.
const udpChecksumOffset = 6

// send puts the header before p and sends it by h.
func (l *Layer) send(h *hop, src, dst netip.Addr, p *packet.Out) error {
	counter.Inc(&l.stats.OutRequests)
	if h.err != nil {
		l.refuse(p.Mark, &l.stats.OutNoRoutes)
		return h.err
	}
	df := p.DF && !h.path.less
	whole := minHeaderLen + p.Len()
	switch tooBig := wireLen(p) > h.mtu(); {
	case whole > packet.MaxSize, tooBig && (df || p.GSO != packet.GSONone):
		l.refuse(p.Mark, &l.stats.OutFragFails)
		return syscall.EMSGSIZE
	case tooBig:
		return l.sendFragments(h, src, dst, p)
	}
	if p.Csum == packet.CsumPartial {
		p.CsumStart = minHeaderLen
	}
	hdr := l.header(src, dst, p, df)
	hdr.TotalLen = whole
	hdr.put(p.Prepend(minHeaderLen))
	return l.transmit(h.iface, p)
}

// wireLen is the length of the largest packet that p, still without an IP
// header, becomes on the wire.
func wireLen(p *packet.Out) int {
	n := p.BodyLen()
	if p.GSO != packet.GSONone {
		n = min(n, int(p.SegSize))
	}
	return minHeaderLen + len(p.Head()) + n
}

// header returns the header for p, but for its length.
func (l *Layer) header(src, dst netip.Addr, p *packet.Out, df bool) Header {
	h := Header{TOS: p.TOS, DF: df, TTL: p.TTL, Protocol: p.Protocol, Src: src, Dst: dst}
	if h.TTL == 0 {
		h.TTL = uint8(l.config.TTL)
	}
	if !df { // else it is never fragmented, and needs no identification (RFC 6864 4.1)
		h.ID = l.ids.next(src, dst, p.Protocol, segments(p))
	}
	return h
}

// segments returns how many packets p becomes on the wire, each with the
// identification after the one before.
func segments(p *packet.Out) int {
	if p.GSO == packet.GSONone || p.SegSize == 0 {
		return 1
	}
	return max(1, (p.BodyLen()+int(p.SegSize)-1)/int(p.SegSize))
}

// sendFragments sends p, which is larger than h takes, in fragments.
func (l *Layer) sendFragments(h *hop, src, dst netip.Addr, p *packet.Out) error {
	if p.Csum == packet.CsumPartial { // which is over all of them
		p.CsumStart = 0
		if err := completeChecksum(p); err != nil {
			l.refuse(p.Mark, &l.stats.OutDiscards)
			return err
		}
	}
	f := fragmenter{
		header: l.header(src, dst, p, false),
		pieces: [3][]byte{p.Head(), p.Body[0], p.Body[1]},
		mtu:    h.mtu(),
		origin: originOf(p),
	}
	return l.fragment(h.iface, &f)
}

// transmit gives p, a whole packet, to the device, and does before what the
// device doesn't do.
func (l *Layer) transmit(i *Interface, p *packet.Out) error {
	missing := needs(p.Offload) &^ i.dev.Features()
	switch {
	case missing == 0:
		return l.write(i, p)
	case p.GSO != packet.GSONone:
		return l.transmitSplit(i, p)
	}
	if err := completeChecksum(p); err != nil {
		l.refuse(p.Mark, &l.stats.OutDiscards)
		return err
	}
	return l.write(i, p)
}

// needs returns the features a device must have for a packet with o.
func needs(o packet.Offload) packet.Features {
	switch {
	case o.GSO == packet.GSOTCP:
		return packet.TxChecksum | packet.TSO
	case o.GSO == packet.GSOUDP:
		return packet.TxChecksum | packet.USO
	case o.Csum == packet.CsumPartial:
		return packet.TxChecksum
	}
	return 0
}

// origin is what all packets that one is made into have of it.
type origin struct {
	mark  trace.Mark
	queue uint8
}

func originOf(p *packet.Out) origin { return origin{p.Mark, p.Queue} }

func (from origin) stamp(p *packet.Out) { p.Mark, p.Queue = from.mark, from.queue }

// transmitSplit sends a super-packet's segments one by one.
func (l *Layer) transmitSplit(i *Interface, p *packet.Out) error {
	buf := packet.Get(p.Len())
	defer buf.Release()
	return l.writeSegments(i, originOf(p), p.AppendTo(buf.B[:0]), p.Offload)
}

// writeSegments sends the segments of the super-packet b one by one.
func (l *Layer) writeSegments(i *Interface, from origin, b []byte, o packet.Offload) error {
	out := packet.NewOut()
	defer out.Release()
	err := gso.Split(b, o, func(segment []byte) error {
		fill(out, segment, headersLen(segment))
		from.stamp(out)
		return l.write(i, out)
	})
	if errors.Is(err, gso.ErrMalformed) {
		l.refuse(from.mark, &l.stats.OutDiscards)
		return syscall.EINVAL
	}
	return err
}

// headersLen returns the length of b's IP and transport headers.
func headersLen(b []byte) int {
	n := int(b[0]&15) * 4
	return n + transportLen(b[9], b[n:])
}

// write gives p to the device.
func (l *Layer) write(i *Interface, p *packet.Out) error {
	if l.trace.On() {
		l.sent(i, p)
	}
	err := i.dev.Write(p)
	if err == nil {
		counter.Inc(&l.stats.OutTransmits)
		return nil
	}
	l.refuse(p.Mark, &l.stats.OutDiscards)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.ENETDOWN
}

// completeChecksum adds to the sum that is in p's checksum field that of the
// transport header and data. EINVAL: the field is not in p's headers.
func completeChecksum(p *packet.Out) error {
	head := p.Head()
	start, field := int(p.CsumStart), int(p.CsumStart)+int(p.CsumOffset)
	if field+2 > len(head) {
		return syscall.EINVAL
	}
	var s checksum.Sum
	s.Add(head[start:])
	s.Add(p.Body[0])
	s.Add(p.Body[1])
	sum := s.Checksum()
	if sum == 0 && p.CsumOffset == udpChecksumOffset {
		sum = 0xffff // zero would say that there is none (RFC 768)
	}
	binary.BigEndian.PutUint16(head[field:], sum)
	p.Offload = packet.Offload{}
	return nil
}
