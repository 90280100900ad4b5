package random

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// draw is some of all that a source gives.
func draw(s *Source) (out [6]uint64) {
	var b [11]byte
	s.Fill(b[:])
	for i, x := range b {
		out[0] |= uint64(x) << (5 * i)
	}
	h := s.Hash()
	return [6]uint64{out[0], s.Uint64(), uint64(s.IntN(math.MaxInt)), h(1), h(2), s.Hash()(1)}
}

// The same seed gives the same numbers, another seed or none others.
func TestSeed(t *testing.T) {
	t.Parallel()
	seeded := func(seed uint64) [6]uint64 { return draw(New(rand.NewPCG(seed, 0))) }
	first := seeded(1)
	if again := seeded(1); again != first {
		t.Errorf("one seed gave %x and %x", first, again)
	}
	unseeded := draw(nil)
	for name, other := range map[string][6]uint64{"another seed": seeded(2), "no seed": unseeded} {
		for i, x := range first {
			if x == other[i] {
				t.Errorf("number %d is the same with %s", i, name)
			}
		}
	}
	if draw(nil) == unseeded {
		t.Error("without a seed two runs are the same")
	}
	if New(nil) != nil {
		t.Error("a source without a seed")
	}
}

// A source is drawn from in New alone, so that what uses it later has an order of its own.
func TestOwnState(t *testing.T) {
	t.Parallel()
	src := rand.NewPCG(1, 2)
	a, b := New(src), New(src)
	want := New(rand.NewPCG(1, 2)).Uint64()
	b.Uint64()
	if got := a.Uint64(); got != want {
		t.Errorf("got %d, want %d as if alone", got, want)
	}
}

// IntN stays in its range, Fill fills to the last byte.
func TestRanges(t *testing.T) {
	t.Parallel()
	for _, s := range []*Source{nil, New(rand.NewPCG(1, 2))} {
		for range 1000 {
			if n := s.IntN(3); n < 0 || n > 2 {
				t.Fatalf("IntN(3) is %d", n)
			}
		}
		for n := range 40 {
			b := make([]byte, n)
			for range 20 { // of a byte that is not filled all are zero
				x := make([]byte, n)
				s.Fill(x)
				for i := range b {
					b[i] |= x[i]
				}
			}
			if bytes.IndexByte(b, 0) >= 0 {
				t.Errorf("of %d bytes some are never filled: %x", n, b)
			}
		}
	}
}
