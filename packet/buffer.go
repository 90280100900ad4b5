package packet

import (
	"math/bits"
	"sync"
)

const (
	minClass = 11 // 2 KiB: an Ethernet-size packet
	maxClass = 24 // 16 MiB: the largest ring
)

// MaxSize is the largest IP packet in bytes.
const MaxSize = 65535

// Buffer is pooled memory whose length is a power of two. It has one owner.
type Buffer struct {
	B []byte
}

var pools [maxClass + 1]sync.Pool

// Get returns a buffer of at least n bytes, whose contents are arbitrary.
// Above 16 MiB it is not pooled.
func Get(n int) *Buffer {
	class := max(bits.Len(uint(n-1)), minClass)
	if n <= 0 {
		class = minClass
	}
	if class > maxClass {
		return &Buffer{B: make([]byte, n)}
	}
	if b, ok := pools[class].Get().(*Buffer); ok {
		return b
	}
	return &Buffer{B: make([]byte, 1<<class)}
}

// Release gives the buffer back; its owner must not touch it again.
func (b *Buffer) Release() {
	class := bits.Len(uint(len(b.B) - 1))
	if class >= minClass && class <= maxClass && len(b.B) == 1<<class {
		pools[class].Put(b)
	}
}
