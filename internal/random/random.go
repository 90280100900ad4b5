// Package random gives random numbers: those that nobody can foresee, or, from a
// source that is given, the same ones each time, for runs that are to repeat.
package random

import (
	crand "crypto/rand"
	"encoding/binary"
	"hash/maphash"
	"math/rand/v2"
	"sync"
)

// Source gives random numbers to any number of goroutines. A nil *Source gives those
// that nobody can foresee.
type Source struct {
	mu  sync.Mutex
	rng *rand.Rand
}

// New returns a source of its own that src seeds, by a few calls now and none
// later; nil for nil.
func New(src rand.Source) *Source {
	if src == nil {
		return nil
	}
	var seed [32]byte
	for i := 0; i < len(seed); i += 8 {
		binary.LittleEndian.PutUint64(seed[i:], src.Uint64())
	}
	return &Source{rng: rand.New(rand.NewChaCha8(seed))}
}

// Uint64 returns any number.
func (s *Source) Uint64() uint64 {
	if s == nil {
		return rand.Uint64() // ChaCha8, seeded by the runtime
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Uint64()
}

// IntN returns a number from 0 to below n.
func (s *Source) IntN(n int) int {
	if s == nil {
		return rand.IntN(n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(n)
}

// Fill fills b: with bytes fit for a key, if s is nil.
func (s *Source) Fill(b []byte) {
	if s == nil {
		_, _ = crand.Read(b) // never fails
		return
	}
	for len(b) > 0 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], s.Uint64())
		b = b[copy(b, word[:]):]
	}
}

// Hash returns a hash function with a key of its own.
func (s *Source) Hash() func(x uint64) uint64 {
	if s == nil {
		seed := maphash.MakeSeed()
		return func(x uint64) uint64 { return maphash.Comparable(seed, x) }
	}
	before, after := s.Uint64(), s.Uint64()
	return func(x uint64) uint64 { return mix(mix(x^before) ^ after) }
}

// mix spreads each bit of x over all: the finalizer of MurmurHash3.
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
