package gso

import (
	"encoding/binary"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

// TCP flags, in the header's byte 13, that not all segments carry.
const (
	tcpFIN = 0x01
	tcpPSH = 0x08
	tcpCWR = 0x80
)

// Split calls yield with each segment of the super-packet p, in order: complete
// IP packets of o.SegSize payload bytes (the last one may have fewer), with all
// checksums. A segment is valid until yield returns; an error from yield ends
// the call and is returned. p is not changed.
//
// A packet without GSO is yielded once, its checksum completed. The transport
// checksum is computed, whatever p holds. A packet that is not what o says gives
// [ErrMalformed].
func Split(p []byte, o packet.Offload, yield func(segment []byte) error) error {
	if o.GSO == packet.GSONone {
		return whole(p, o, yield)
	}
	l, err := parse(p, o.GSO)
	if err != nil {
		return err
	}
	size := int(o.SegSize)
	if size == 0 {
		return ErrMalformed
	}
	buf := packet.Get(l.payload + min(size, len(p)-l.payload))
	defer buf.Release()
	copy(buf.B, p[:l.payload])
	for i, at := 0, l.payload; ; i++ {
		end := min(at+size, len(p))
		segment := buf.B[:l.payload+end-at]
		copy(segment[l.payload:], p[at:end])
		l.finish(segment, p, i, at-l.payload, end == len(p))
		if err := yield(segment); err != nil || end == len(p) {
			return err
		}
		at = end
	}
}

func whole(p []byte, o packet.Offload, yield func([]byte) error) error {
	if o.Csum != packet.CsumPartial {
		return yield(p)
	}
	buf := packet.Get(len(p))
	defer buf.Release()
	segment := buf.B[:copy(buf.B, p)]
	if err := Complete(segment, o); err != nil {
		return err
	}
	return yield(segment)
}

// finish writes the headers of the i-th segment of p, whose payload starts at
// offset in p's.
func (l *layout) finish(segment, p []byte, i, offset int, last bool) {
	if l.protocol == protocolTCP {
		l.finishTCP(segment, p, offset, last)
	} else {
		binary.BigEndian.PutUint16(segment[l.transport+4:], uint16(len(segment)-l.transport))
	}
	l.finishChecksum(segment)
	if l.v6 {
		binary.BigEndian.PutUint16(segment[4:], uint16(len(segment)-ipv6HeaderLen))
		return
	}
	binary.BigEndian.PutUint16(segment[2:], uint16(len(segment)))
	binary.BigEndian.PutUint16(segment[4:], binary.BigEndian.Uint16(p[4:])+uint16(i)) // the identification
	segment[10], segment[11] = 0, 0
	binary.BigEndian.PutUint16(segment[10:], checksum.Checksum(segment[:l.transport]))
}

func (l *layout) finishTCP(segment, p []byte, offset int, last bool) {
	h, of := segment[l.transport:], p[l.transport:]
	binary.BigEndian.PutUint32(h[4:], binary.BigEndian.Uint32(of[4:])+uint32(offset))
	flags := of[13]
	if !last {
		flags &^= tcpFIN | tcpPSH // they speak of the end of the data (RFC 9293 3.8.2, 3.9.1.2)
	}
	if offset > 0 {
		flags &^= tcpCWR // said once for each reduction (RFC 3168 6.1.2)
	}
	h[13] = flags
}

func (l *layout) finishChecksum(segment []byte) {
	segment[l.checksumAt], segment[l.checksumAt+1] = 0, 0
	var s checksum.Sum
	s.AddPseudo(l.src, l.dst, l.protocol, len(segment)-l.transport)
	s.Add(segment[l.transport:])
	put(segment[l.checksumAt:], s.Checksum(), l.protocol == protocolUDP)
}

// put writes a checksum. In UDP zero means that there is none, and its other
// form stands for it (RFC 768).
func put(field []byte, sum uint16, udp bool) {
	if sum == 0 && udp {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(field, sum)
}
