package tcp

import (
	"slices"
	"testing"

	"github.com/tinystack/tinystack/packet"
)

// checkHeld holds what r must be true of after every step against a map of
// the bytes that have arrived beyond position at.
func checkHeld(t *testing.T, r *reassembly, at int64, have map[int64]bool) {
	t.Helper()
	bytes, end := 0, at
	seen := make(map[*packet.Buffer]bool)
	for _, h := range r.held {
		switch {
		case h.start < end || h.end <= h.start:
			t.Fatalf("pieces out of order or overlapping at %d", h.start)
		case int(h.end-h.start) != len(h.c.data):
			t.Fatalf("a piece of %d bytes holds %d", h.end-h.start, len(h.c.data))
		case seen[h.c.buf]:
			t.Fatal("a buffer is held twice")
		}
		seen[h.c.buf] = true
		for i, b := range h.c.data {
			if b != pattern(h.start+int64(i)) || !have[h.start+int64(i)] {
				t.Fatalf("the byte at %d is wrong", h.start+int64(i))
			}
		}
		bytes += len(h.c.data)
		end = h.end
	}
	if bytes != len(have) || r.bytes != bytes {
		t.Fatalf("%d bytes are held and %d counted, want %d", bytes, r.bytes, len(have))
	}
}

// blockAround is the contiguous range of have around position p.
func blockAround(have map[int64]bool, p int64) span {
	s := span{p, p + 1}
	for have[s.start-1] {
		s.start--
	}
	for have[s.end] {
		s.end++
	}
	return s
}

// checkRecent holds the ranges to be reported against RFC 2018.
func checkRecent(t *testing.T, r *reassembly, have map[int64]bool, last *span) {
	t.Helper()
	known := r.recent[:r.known]
	for i, s := range known {
		// "Each contiguous block of data queued at the data receiver is defined ... by two
		// 32-bit unsigned integers" (3): a block is all of it, and really there.
		if got := blockAround(have, s.start); !have[s.start] || got != s {
			t.Fatalf("block %v of %v, but %v has arrived", s, known, got)
		}
		if slices.Contains(known[:i], s) {
			t.Fatalf("block %v twice: %v", s, known)
		}
	}
	// "The first SACK block ... MUST specify the contiguous block of data containing the segment
	// which triggered this ACK" (4).
	if last != nil && (len(known) == 0 || known[0] != blockAround(have, last.start)) {
		t.Fatalf("%v arrived; the blocks are %v", *last, known)
	}
}

func checkReassembly(t *testing.T, d *dice, steps int) {
	t.Helper()
	var r reassembly
	var q recvQueue
	at := int64(1000)
	have := make(map[int64]bool)
	for range steps {
		var last *span
		if d.n(8) != 0 {
			s := span{start: at + 1 + int64(d.n(3000))}
			s.end = s.start + 1 + int64(d.n(700))
			last = &s
			insertPattern(t, d, &r, s, have)
		} else { // the gap's first bytes arrive
			n := int64(1 + d.n(900))
			for p := at; p < at+n; p++ {
				delete(have, p)
			}
			want := at + n
			for have[want] {
				delete(have, want)
				want++
			}
			got := r.moveTo(&q, at+n)
			r.forget(got)
			if got != want {
				t.Fatalf("moved up to %d, want %d", got, want)
			}
			for c := q.pop(); c != nil; c = q.pop() {
				c.release()
			}
			at = got
		}
		checkHeld(t, &r, at, have)
		checkRecent(t, &r, have, last)
	}
	r.free()
	if r.held != nil || r.bytes != 0 || r.known != 0 {
		t.Fatalf("after free: %+v", r)
	}
}

// insertPattern has s arrive, with or without memory to take.
func insertPattern(t *testing.T, d *dice, r *reassembly, s span, have map[int64]bool) {
	t.Helper()
	data := patternAt(s.start, int(s.end-s.start))
	var in *packet.In
	if d.n(2) == 0 {
		in = inBuffer(d, data)
		data = payloadOf(in)
	}
	want := 0
	for p := s.start; p < s.end; p++ {
		if !have[p] {
			have[p] = true
			want++
		}
	}
	if fresh, ok := r.insert(s.start, data, in); fresh != want || !ok {
		t.Fatalf("insert of %v: %d new, %v, want %d", s, fresh, ok, want)
	}
	if in != nil && in.Buffer() != nil {
		clear(in.Buffer().B) // the next packet overwrites it
	}
}

func TestReassemblyAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		checkReassembly(t, seeded(seed), 150)
	}
}

// FuzzReassembly: what is held is what arrived, each byte once, and SACK blocks say so as RFC 2018 asks.
func FuzzReassembly(f *testing.F) {
	f.Add([]byte("\x01\x00\x10\x00\x80\x01\x01\x00\x01\x00\x00\x00\x20"))
	f.Fuzz(func(t *testing.T, script []byte) { checkReassembly(t, newDice(script), min(len(script), 200)) })
}

// A peer can't make us hold more pieces than there may be, whatever it sends,
// and what is held is counted right then too.
func TestReassemblyIsBounded(t *testing.T) {
	t.Parallel()
	var r reassembly
	refused := 0
	for i := range int64(2 * maxSegmentsHeld) {
		if _, ok := r.insert(10*i, make([]byte, 5), nil); !ok {
			refused++
		}
	}
	if len(r.held) != maxSegmentsHeld || refused != maxSegmentsHeld {
		t.Fatalf("%d pieces held, %d refused", len(r.held), refused)
	}
	// One that spans gaps: some of it is kept before it is refused.
	r.held[maxSegmentsHeld-1].c.release()
	r.bytes -= 5
	r.held = r.held[:maxSegmentsHeld-1]
	r.insert(3, make([]byte, 100), nil)
	sum := 0
	for _, h := range r.held {
		sum += len(h.c.data)
	}
	if r.bytes != sum {
		t.Errorf("%d bytes are held, %d counted", sum, r.bytes)
	}
	r.free()
}

// Single bytes side by side share their memory to a degree that bounds the
// overhead of what arrives in them.
func TestReassemblyOfSingleBytes(t *testing.T) {
	t.Parallel()
	var r reassembly
	for i := range int64(64) {
		r.insert(100+i, []byte{pattern(100 + i)}, nil)
	}
	if len(r.held) > 16 {
		t.Errorf("64 bytes in a row are held in %d pieces", len(r.held))
	}
	if r.recent[0] != (span{100, 164}) || r.known != 1 {
		t.Errorf("blocks %v", r.recent[:r.known])
	}
	r.free()
}

// BenchmarkReassemblyInRow is what follows one loss: all that was sent after it
// arrives in order. Its cost for each segment must not grow with their number.
func BenchmarkReassemblyInRow(b *testing.B) {
	for _, n := range []int{500, 8000} {
		b.Run("", func(b *testing.B) {
			data := make([]byte, 1448)
			for b.Loop() {
				var r reassembly
				for i := range n {
					r.insert(int64(1448*(i+1)), data, nil)
				}
				r.free()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/segment")
		})
	}
}
