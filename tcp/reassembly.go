package tcp

import (
	"slices"
	"sort"

	"github.com/tinystack/tinystack/packet"
)

// maxSegmentsHeld bounds the pieces a peer can make us keep out of order; the
// receive window bounds their bytes.
const maxSegmentsHeld = 8192

// pieceCost is what a piece takes beside its data, about.
const pieceCost = 128

// held is a piece of data that arrived before what precedes it.
type held struct {
	start, end int64
	c          *chunk
}

// span is a range of the receive sequence space.
type span struct{ start, end int64 }

// reassembly holds out-of-order data, and what the next ACKs are to say of it in
// SACK blocks. A connection has one only while something is missing.
type reassembly struct {
	held   []held // in order, apart from each other or adjacent
	bytes  int
	mem    int           // bytes of the buffers it lies in, with what a piece costs
	recent [maxSACK]span // the ranges that changed last, newest first (RFC 2018 4)
	known  int           // how many of recent count
	twice  span          // the first range of the last piece that was held before; end 0: none
}

// insert keeps what is new of data, which starts at position start. fresh is the
// number of bytes kept; ok is false if there are too many pieces already.
func (r *reassembly) insert(start int64, data []byte, in *packet.In) (fresh int, ok bool) {
	end := start + int64(len(data))
	i := sort.Search(len(r.held), func(i int) bool { return r.held[i].end > start })
	from := start
	r.twice = span{}
	for from < end {
		gapEnd := end
		if i < len(r.held) {
			gapEnd = min(end, r.held[i].start)
		}
		if from < gapEnd {
			if len(r.held) >= maxSegmentsHeld {
				r.bytes += fresh
				return fresh, false
			}
			piece := data[from-start : gapEnd-start]
			fresh += len(piece)
			i += r.keep(i, from, piece, in, len(piece) == len(data))
		}
		if i == len(r.held) {
			break
		}
		if h := r.held[i]; h.start < end {
			r.noteTwice(span{max(start, h.start), min(end, h.end)})
		}
		from = max(from, r.held[i].end)
		i++
	}
	r.bytes += fresh
	r.note(span{start, end}) // of a duplicate, too: its block follows the DSACK (RFC 2883 4 (3))
	return fresh, true
}

// noteTwice adds a range to twice, unless there is a gap between them.
func (r *reassembly) noteTwice(s span) {
	switch r.twice.end {
	case 0:
		r.twice = s
	case s.start:
		r.twice.end = s.end
	}
}

// overlap is the first range held that lies before position at; its end is 0 if there is none.
func (r *reassembly) overlap(at int64) (s span) {
	if h := r.held[0]; h.start < at {
		s = r.widen(span{h.start, h.end})
		s.end = min(s.end, at)
	}
	return s
}

// keep puts a piece at index i, or at the end of the piece before where there is
// room, and returns the number of pieces it added. The packet's buffer is taken
// only for a whole payload.
func (r *reassembly) keep(i int, start int64, piece []byte, in *packet.In, whole bool) (added int) {
	end := start + int64(len(piece))
	if i > 0 && r.held[i-1].end == start {
		if c := r.held[i-1].c; cap(c.data)-len(c.data) >= len(piece) {
			c.data = append(c.data, piece...)
			r.held[i-1].end = end
			return 0
		}
	}
	var c *chunk
	if whole && in != nil && worthKeeping(len(piece), in.Buffer()) {
		c = newChunk(in.Take(), piece)
	} else {
		// Not pooled: the smallest pooled buffer would be many times a tiny piece.
		c = newChunk(&packet.Buffer{B: slices.Clone(piece)}, nil)
		c.data = c.buf.B
	}
	r.held = slices.Insert(r.held, i, held{start, end, c})
	r.mem += len(c.buf.B) + pieceCost
	return 1
}

// note moves the range that s is part of to the front of recent.
func (r *reassembly) note(s span) {
	var room [maxSACK]span
	kept := room[:0]
	for _, o := range r.recent[:r.known] {
		if o.start <= s.end && s.start <= o.end {
			s = span{min(s.start, o.start), max(s.end, o.end)}
		} else {
			kept = append(kept, o)
		}
	}
	s = r.widen(s)
	n := min(len(kept), maxSACK-1)
	copy(r.recent[1:], kept[:n])
	r.recent[0] = s
	r.known = n + 1
}

// widen extends s, all of which is held, over the pieces that adjoin it. It looks
// at none within s, so that a long row of pieces costs no more than a short one.
func (r *reassembly) widen(s span) span {
	first := sort.Search(len(r.held), func(i int) bool { return r.held[i].end >= s.start })
	for i := first; i >= 0 && i < len(r.held) && r.held[i].end >= s.start; i-- {
		s.start = min(s.start, r.held[i].start)
	}
	last := sort.Search(len(r.held), func(i int) bool { return r.held[i].end >= s.end })
	for i := last; i < len(r.held) && r.held[i].start <= s.end; i++ {
		s.end = max(s.end, r.held[i].end)
	}
	return s
}

// end is the position after the last byte held, 0 if there is none.
func (r *reassembly) end() int64 {
	if len(r.held) == 0 {
		return 0
	}
	return r.held[len(r.held)-1].end
}

// moveTo appends to q the pieces that follow position at without a gap, and
// returns the position after them.
func (r *reassembly) moveTo(q *recvQueue, at int64) int64 {
	n := 0
	for ; n < len(r.held) && r.held[n].start <= at; n++ {
		h := r.held[n]
		r.bytes -= int(h.end - h.start)
		r.mem -= len(h.c.buf.B) + pieceCost
		if h.end <= at {
			h.c.release()
			continue
		}
		h.c.data = h.c.data[at-h.start:]
		q.pushChunk(h.c)
		at = h.end
	}
	r.held = slices.Delete(r.held, 0, n)
	return at
}

// forget drops from recent what lies before position at.
func (r *reassembly) forget(at int64) {
	kept := r.recent[:0]
	for _, s := range r.recent[:r.known] {
		if s.end > at {
			kept = append(kept, s)
		}
	}
	r.known = len(kept)
}

// free drops everything.
func (r *reassembly) free() {
	for _, h := range r.held {
		h.c.release()
	}
	*r = reassembly{}
}
