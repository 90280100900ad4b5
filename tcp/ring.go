package tcp

import "github.com/tinystack/tinystack/packet"

// ring is a send buffer: the bytes from start on that the peer has not
// acknowledged. It grows on demand and holds no memory while empty. The byte at
// position p of the stream lies at p modulo its size, a power of two.
type ring struct {
	start int64
	n     int32
	usual int32 // bytes it has come to hold of late: it takes memory for as many at once
	buf   *packet.Buffer
}

// end is the position after the last byte.
func (r *ring) end() int64 { return r.start + int64(r.n) }

// write appends as much of p as fits into limit bytes in all, and returns how much.
func (r *ring) write(p []byte, limit int) int {
	p = p[:max(0, min(len(p), limit-int(r.n)))]
	if len(p) == 0 {
		return 0
	}
	r.grow(int(r.n)+len(p), limit)
	at := r.end()
	r.n += int32(len(p))
	r.usual = max(r.usual, r.n)
	for _, dst := range r.slices(at, len(p)) {
		p = p[copy(dst, p):]
	}
	return int(r.end() - at)
}

// usualGrowth bounds what a first write takes memory for, in multiples of itself: a few bytes after
// a bulk transfer are not to hold megabytes.
const usualGrowth = 16

// grow makes room for n bytes; the first time for as many as are usual, within limit, for to
// double again and again is to copy again and again.
func (r *ring) grow(n, limit int) {
	if r.buf != nil && n <= len(r.buf.B) {
		return
	}
	old := *r
	if old.buf == nil {
		n = max(n, min(int(r.usual), limit, usualGrowth*n))
	}
	r.buf = packet.Get(n)
	at := r.start
	for _, src := range old.slices(r.start, int(r.n)) {
		for _, dst := range r.slices(at, len(src)) {
			at += int64(copy(dst, src))
			src = src[len(dst):]
		}
	}
	if old.buf != nil {
		old.buf.Release()
	}
}

// slices returns the n bytes from position at on, in one or two pieces.
func (r *ring) slices(at int64, n int) (s [2][]byte) {
	if n == 0 {
		return s
	}
	size := len(r.buf.B)
	i := int(at) & (size - 1)
	s[0] = r.buf.B[i:min(i+n, size)]
	s[1] = r.buf.B[:n-len(s[0])]
	return s
}

// discard drops the bytes before position at.
func (r *ring) discard(at int64) {
	drop := min(at-r.start, int64(r.n))
	if drop <= 0 {
		return
	}
	r.start += drop
	r.n -= int32(drop)
	if r.n == 0 {
		r.free()
	}
}

// free drops everything.
func (r *ring) free() {
	r.start, r.n = r.end(), 0
	r.usual -= r.usual / 4
	if r.buf != nil {
		r.buf.Release()
		r.buf = nil
	}
}
