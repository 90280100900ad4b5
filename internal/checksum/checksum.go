package checksum

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Sum is a ones' complement sum of pieces that follow each other, each of any
// length. Its zero value is the sum of nothing.
type Sum struct {
	// acc is the sum modulo 2⁶⁴-1, of words read as little-endian: a word's byte
	// order may be put right after the last addition (RFC 1071 2(B)), and as 2¹⁶-1
	// divides 2⁶⁴-1, so may its width (2(C)).
	acc uint64
	odd bool // the bytes so far are an odd number
}

// Add adds the piece b.
func (s *Sum) Add(b []byte) {
	n := sum(b)
	if s.odd {
		n = bits.RotateLeft64(n, 8) // b's first byte is the second of its word (RFC 1071 2(B))
	}
	s.add(n)
	s.odd = s.odd != (len(b)%2 == 1)
}

// AddPseudo adds the pseudo-header of a packet from src to dst, whose transport
// header and data are length bytes (RFC 9293 3.1; RFC 8200 8.1 if src and dst
// are IPv6). It is not one of the pieces, so it may come before or after any.
func (s *Sum) AddPseudo(src, dst netip.Addr, protocol uint8, length int) {
	s.addAddr(src)
	s.addAddr(dst)
	s.add(uint64(protocol) << 8) // big-endian, read as little-endian
	s.add(uint64(bits.ReverseBytes32(uint32(length))))
}

// Fold returns the sum. It is what a checksum field holds while the device is
// still to add the transport header and data (packet.CsumPartial).
func (s *Sum) Fold() uint16 {
	return bits.ReverseBytes16(fold(s.acc))
}

// Checksum returns the complement of the sum, which is what the field holds in
// the end: over a packet that carries its checksum, it is zero if that is right.
func (s *Sum) Checksum() uint16 { return ^s.Fold() }

// Checksum returns the checksum of b alone, as IPv4 and ICMP have it.
func Checksum(b []byte) uint16 { return ^bits.ReverseBytes16(fold(sum(b))) }

func (s *Sum) add(n uint64) {
	acc, carry := bits.Add64(s.acc, n, 0)
	s.acc = acc + carry // can't overflow: acc is at most 2⁶⁴-2 where there is a carry
}

func (s *Sum) addAddr(a netip.Addr) {
	if a.Is4() || a.Is4In6() {
		b := a.As4()
		s.add(uint64(binary.LittleEndian.Uint32(b[:])))
		return
	}
	b := a.As16()
	s.add(binary.LittleEndian.Uint64(b[:8]))
	s.add(binary.LittleEndian.Uint64(b[8:]))
}

// fold reduces n modulo 2¹⁶-1. Only zero becomes zero.
func fold(n uint64) uint16 {
	n = n>>32 + n&0xffffffff
	n = n>>16 + n&0xffff
	n = n>>16 + n&0xffff
	n = n>>16 + n&0xffff
	return uint16(n)
}

// sum adds up b's words, read as little-endian, modulo 2⁶⁴-1. A last odd byte is
// the first of a word whose second is zero (RFC 1071 4.1).
func sum(b []byte) uint64 {
	var acc, carry uint64
	le := binary.LittleEndian
	for len(b) >= 64 {
		// The compiler makes of this one load with add and carry a line.
		w := b[:64]
		acc, carry = bits.Add64(acc, le.Uint64(w[0:]), carry)
		acc, carry = bits.Add64(acc, le.Uint64(w[8:]), carry)
		acc, carry = bits.Add64(acc, le.Uint64(w[16:]), carry)
		acc, carry = bits.Add64(acc, le.Uint64(w[24:]), carry)
		acc, carry = bits.Add64(acc, le.Uint64(w[32:]), carry)
		acc, carry = bits.Add64(acc, le.Uint64(w[40:]), carry)
		acc, carry = bits.Add64(acc, le.Uint64(w[48:]), carry)
		acc, carry = bits.Add64(acc, le.Uint64(w[56:]), carry)
		b = b[64:]
	}
	for len(b) >= 8 {
		acc, carry = bits.Add64(acc, le.Uint64(b), carry)
		b = b[8:]
	}
	acc, carry = bits.Add64(acc, tail(b), carry)
	return acc + carry // can't overflow: the tail is less than 2⁵⁶
}

// tail reads b, of less than 8 bytes, as little-endian.
func tail(b []byte) (n uint64) {
	shift := 0
	if len(b) >= 4 {
		n = uint64(binary.LittleEndian.Uint32(b))
		b, shift = b[4:], 32
	}
	if len(b) >= 2 {
		n |= uint64(binary.LittleEndian.Uint16(b)) << shift
		b, shift = b[2:], shift+16
	}
	if len(b) == 1 {
		n |= uint64(b[0]) << shift
	}
	return n
}
