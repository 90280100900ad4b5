package tcp

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// dice are an endless stream of decisions: a fuzzer's bytes, then pseudo-random
// ones that follow from them.
type dice struct {
	script []byte
	more   *rand.Rand
}

func newDice(script []byte) *dice {
	return &dice{script: script, more: rand.New(rand.NewPCG(uint64(len(script)), 7))}
}

// seeded are dice without a script.
func seeded(seed uint64) *dice { return &dice{more: rand.New(rand.NewPCG(seed, 7))} }

// n returns a number below max.
func (d *dice) n(max int) int { return int(d.wide(int64(max))) }

// wide returns a number below max, which an int may have no room for.
func (d *dice) wide(max int64) int64 {
	if max <= 1 {
		return 0
	}
	if len(d.script) == 0 {
		return d.more.Int64N(max)
	}
	v := int64(0)
	for m := max - 1; m > 0 && len(d.script) > 0; m >>= 8 {
		v = v<<8 | int64(d.script[0])
		d.script = d.script[1:]
	}
	return v % max
}

// spent reports whether a script is at its end.
func (d *dice) spent() bool { return len(d.script) == 0 }

// pattern is the byte at position at of every stream the tests send.
func pattern(at int64) byte { return byte(at*31 + at>>8*17 + at>>16*13) }

// patternAt returns the n bytes from position at on.
func patternAt(at int64, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = pattern(at + int64(i))
	}
	return b
}

// checkRing does random things to a ring and to a plain slice, and compares.
func checkRing(t *testing.T, d *dice, steps int) {
	t.Helper()
	r := ring{start: 1}
	if d.n(2) == 0 {
		r.start = 1<<32 - int64(d.n(5000)) // no wrap inside
	}
	var model []byte
	start := r.start
	for range steps {
		switch d.n(4) {
		case 0, 1: // write
			p := patternAt(r.end(), d.n(6000))
			limit := d.n(20000)
			want := max(0, min(len(p), limit-len(model)))
			if got := r.write(p, limit); got != want {
				t.Fatalf("write of %d with limit %d and %d there took %d, want %d", len(p), limit, len(model), got, want)
			}
			model = append(model, p[:want]...)
		case 2: // acknowledge, perhaps a FIN beyond the data, perhaps what was before
			at := start + int64(d.n(len(model)+3)) - 1
			r.discard(at)
			n := min(max(0, int(at-start)), len(model))
			model, start = model[n:], start+int64(n)
		case 3: // look
			if len(model) > 0 {
				i := d.n(len(model))
				n := d.n(len(model) - i + 1)
				s := r.slices(start+int64(i), n)
				if got := append(bytes.Clone(s[0]), s[1]...); !bytes.Equal(got, model[i:i+n]) {
					t.Fatalf("slices(%d, %d) are not what was written there", start+int64(i), n)
				}
			}
		}
		if r.start != start || int(r.n) != len(model) || r.end() != start+int64(len(model)) {
			t.Fatalf("the ring has %d bytes from %d, want %d from %d", r.n, r.start, len(model), start)
		}
		if (r.n == 0) != (r.buf == nil) {
			t.Fatalf("with %d bytes it holds memory: %v", r.n, r.buf != nil)
		}
		if r.buf != nil && len(r.buf.B) > max(2048, 2*20000) {
			t.Fatalf("%d bytes of memory", len(r.buf.B))
		}
	}
	r.free()
	if r.buf != nil || r.n != 0 {
		t.Fatal("a ring that was freed holds something")
	}
}

func TestRingAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		checkRing(t, seeded(seed), 200)
	}
}

// FuzzRing: a ring is a queue of bytes that knows their positions, and holds memory only while it holds bytes.
func FuzzRing(f *testing.F) {
	f.Add([]byte("\x01\x00\x10\x00\x20\x00\x02\x05\x03"))
	f.Fuzz(func(t *testing.T, script []byte) { checkRing(t, newDice(script), min(len(script), 500)) })
}

func TestRingOverManyWraps(t *testing.T) {
	t.Parallel()
	r := ring{start: 1}
	for r.start < 1<<20 {
		r.write(patternAt(r.end(), 1500), 4096)
		s := r.slices(r.start, int(r.n))
		for i, b := range append(bytes.Clone(s[0]), s[1]...) {
			if b != pattern(r.start+int64(i)) {
				t.Fatalf("the byte at %d is wrong", r.start+int64(i))
			}
		}
		r.discard(r.start + 1000)
	}
}

// A ring that empties takes memory for as much as it has come to hold of late, within its
// limit, and forgets that when it holds little.
func TestRingTakesWhatIsUsual(t *testing.T) {
	t.Parallel()
	r := ring{start: 1}
	fill := func(first, n, limit int) (taken int) {
		r.write(patternAt(r.end(), first), limit)
		taken = len(r.buf.B)
		r.write(patternAt(r.end(), n-first), limit)
		r.discard(r.end())
		if r.buf != nil {
			t.Fatal("an empty ring holds memory")
		}
		return taken
	}
	const much, piece = 1 << 20, 64 << 10
	fill(piece, much, much)
	if got := fill(piece, much, much); got < much/2 {
		t.Errorf("after %d bytes, the first %d took memory for %d", much, piece, got)
	}
	if got := fill(piece, piece, much/8); got > much/8 {
		t.Errorf("memory for %d bytes, with a limit of %d", got, much/8)
	}
	if got := fill(1, 1, much); got > 2<<10 {
		t.Errorf("after %d bytes, one byte took memory for %d", much, got)
	}
	for range 50 {
		fill(1, 1, much)
	}
	if got := fill(piece, piece, much); got != piece {
		t.Errorf("after 50 times of one byte each, %d bytes took memory for %d", piece, got)
	}
}
