package checksum

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// naive is RFC 1071's definition, word by word.
func naive(b []byte) uint16 {
	var n uint32
	for i, c := range b {
		if i%2 == 0 {
			n += uint32(c) << 8
		} else {
			n += uint32(c)
		}
		n = n>>16 + n&0xffff
	}
	return uint16(n)
}

func random(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// The example of RFC 1071 3.
func TestRFC1071Example(t *testing.T) {
	t.Parallel()
	b := []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}
	var s Sum
	s.Add(b)
	if got := s.Fold(); got != 0xddf2 {
		t.Errorf("Fold() = %#x, want 0xddf2", got)
	}
	if got := Checksum(b); got != 0x220d {
		t.Errorf("Checksum() = %#x, want 0x220d", got)
	}
}

func TestEveryLengthAndAlignment(t *testing.T) {
	t.Parallel()
	data := random(400)
	for from := range 16 {
		for to := from; to <= len(data); to++ {
			b := data[from:to]
			if got, want := Checksum(b), ^naive(b); got != want {
				t.Fatalf("Checksum(data[%d:%d]) = %#x, want %#x", from, to, got, want)
			}
		}
	}
}

func TestEverySplit(t *testing.T) {
	t.Parallel()
	data := random(150)
	want := naive(data)
	for i := range len(data) + 1 {
		for j := i; j <= len(data); j++ {
			var s Sum
			s.Add(data[:i])
			s.Add(data[i:j])
			s.Add(data[j:])
			if got := s.Fold(); got != want {
				t.Fatalf("split at %d and %d: %#x, want %#x", i, j, got, want)
			}
		}
	}
}

// Carries out of every addition, up to the largest packet: the sum of ones is all
// ones, of zeros zero, and neither turns into the other.
func TestExtremes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 7, 8, 63, 64, 65, 1500, 65535} {
		if got, want := Checksum(bytes.Repeat([]byte{0xff}, n)), ^naive(bytes.Repeat([]byte{0xff}, n)); got != want {
			t.Errorf("%d bytes 0xff: %#x, want %#x", n, got, want)
		}
		if got := Checksum(make([]byte, n)); got != 0xffff {
			t.Errorf("%d zeros: %#x, want 0xffff", n, got)
		}
	}
	if got := Checksum(nil); got != 0xffff {
		t.Errorf("of nothing: %#x, want 0xffff", got)
	}
}

func TestPseudo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, dst string }{
		{"198.18.0.1", "198.18.0.2"},
		{"255.255.255.255", "0.0.0.0"},
		{"2001:db8::1", "fe80::ffff:1:2"},
	} {
		src, dst := netip.MustParseAddr(c.src), netip.MustParseAddr(c.dst)
		for _, length := range []int{0, 1, 20, 255, 256, 65515} {
			header := append(src.AsSlice(), dst.AsSlice()...)
			header = binary.BigEndian.AppendUint32(header, uint32(length))
			header = append(header, 0, 0, 0, 17)
			data := random(11)
			want := naive(append(header, data...))

			var s Sum
			s.Add(data[:3])
			s.AddPseudo(src, dst, 17, length) // in the middle of a word
			s.Add(data[3:])
			if got := s.Fold(); got != want {
				t.Errorf("%s to %s, length %d: %#x, want %#x", src, dst, length, got, want)
			}
		}
	}
}

// An IPv4 address is the same in its IPv6 form, and the zero Addr is no panic.
func TestPseudoForms(t *testing.T) {
	t.Parallel()
	a, b := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("::ffff:10.1.2.3")
	var s, u, z Sum
	s.AddPseudo(a, a, 6, 20)
	u.AddPseudo(b, b, 6, 20)
	if s.Fold() != u.Fold() {
		t.Errorf("%#x as IPv4, %#x as IPv4 in IPv6", s.Fold(), u.Fold())
	}
	z.AddPseudo(netip.Addr{}, netip.Addr{}, 6, 20)
	if z.Fold() != 26 {
		t.Errorf("without addresses: %#x, want 26", z.Fold())
	}
}

func TestNoAllocation(t *testing.T) {
	data := random(1500)
	a := netip.MustParseAddr("10.1.2.3")
	if n := testing.AllocsPerRun(100, func() {
		var s Sum
		s.AddPseudo(a, a, 6, len(data))
		s.Add(data[:33])
		s.Add(data[33:])
		_ = s.Checksum()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// However data is cut and wherever it lies, its sum is the naive one's.
func FuzzSum(f *testing.F) {
	f.Add([]byte("abcdefg"), uint16(1), uint16(3), uint8(0))
	f.Add(random(300), uint16(64), uint16(129), uint8(5))
	f.Fuzz(func(t *testing.T, data []byte, i, j uint16, shift uint8) {
		mem := append(make([]byte, shift%64), data...)[shift%64:]
		x, y := min(int(i), len(mem)), min(int(j), len(mem))
		x, y = min(x, y), max(x, y)
		var s Sum
		s.Add(mem[:x])
		s.Add(mem[x:y])
		s.Add(mem[y:])
		if got, want := s.Fold(), naive(data); got != want {
			t.Errorf("in pieces: %#x, want %#x", got, want)
		}
		if got, want := Checksum(mem), ^naive(data); got != want {
			t.Errorf("in one: %#x, want %#x", got, want)
		}
	})
}

func BenchmarkChecksum(b *testing.B) {
	for _, n := range []int{20, 40, 576, 1500, 65535} {
		data := random(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Checksum(data)
			}
		})
	}
}

func BenchmarkNaive(b *testing.B) {
	data := random(1500)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		naive(data)
	}
}

func BenchmarkSegment(b *testing.B) {
	data, a := random(1460), netip.MustParseAddr("10.1.2.3")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		var s Sum
		s.AddPseudo(a, a, 6, 20+len(data))
		s.Add(data[:20])
		s.Add(data[20:])
		_ = s.Checksum()
	}
}
