package tcp

import "github.com/tinystack/tinystack/packet"

// ring is a send buffer: the bytes from start on that the peer has not
// acknowledged. It grows on demand and holds no memory while empty. The byte at
// position p of the stream lies at p modulo its size, a power of two.
type ring struct {
	start int64
	n     int
	buf   *packet.Buffer
}

// end is the position after the last byte.
func (r *ring) end() int64 { return r.start + int64(r.n) }

// write appends as much of p as fits into limit bytes in all, and returns how much.
func (r *ring) write(p []byte, limit int) int {
	p = p[:max(0, min(len(p), limit-r.n))]
	if len(p) == 0 {
		return 0
	}
	r.grow(r.n + len(p))
	at := r.end()
	r.n += len(p)
	for _, dst := range r.slices(at, len(p)) {
		p = p[copy(dst, p):]
	}
	return int(r.end() - at)
}

// grow makes room for n bytes.
func (r *ring) grow(n int) {
	if r.buf != nil && n <= len(r.buf.B) {
		return
	}
	old := *r
	r.buf = packet.Get(n)
	at := r.start
	for _, src := range old.slices(r.start, r.n) {
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
	drop := min(int(at-r.start), r.n)
	if drop <= 0 {
		return
	}
	r.start += int64(drop)
	r.n -= drop
	if r.n == 0 {
		r.free()
	}
}

// free drops everything.
func (r *ring) free() {
	r.start, r.n = r.end(), 0
	if r.buf != nil {
		r.buf.Release()
		r.buf = nil
	}
}
