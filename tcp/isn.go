package tcp

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"github.com/tinystack/tinystack/internal/random"
)

// tuple names a connection.
type tuple struct{ local, remote netip.AddrPort }

// secret keys the functions that a peer must not foresee.
type secret [16]byte

func newSecret(r *random.Source) (s secret) {
	r.Fill(s[:])
	return s
}

// hash is F() of RFC 6528 3: a keyed hash of the connection's addresses and ports.
func (s *secret) hash(t tuple) [sha256.Size]byte {
	var b [16 + 16 + 16 + 2 + 2]byte // one block of SHA-256
	copy(b[:], s[:])
	l, r := t.local.Addr().As16(), t.remote.Addr().As16()
	copy(b[16:], l[:])
	copy(b[32:], r[:])
	binary.BigEndian.PutUint16(b[48:], t.local.Port())
	binary.BigEndian.PutUint16(b[50:], t.remote.Port())
	return sha256.Sum256(b[:])
}

// isn returns the initial sequence number for a connection and the start of its
// timestamp clock. ISN = M + F(...), where M ticks every 4 microseconds (RFC 6528 3);
// the clock's start depends on the addresses in the same way (RFC 7323 5.4).
func (s *secret) isn(t tuple, now instant) (iss Seq, tsOffset uint32) {
	h := s.hash(t)
	m := uint32(int64(now) / 4000)
	return Seq(m + binary.BigEndian.Uint32(h[0:])), binary.BigEndian.Uint32(h[4:])
}
