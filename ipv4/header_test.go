package ipv4

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tinystack/tinystack/internal/checksum"
)

func TestHeaderAgreesWithGopacket(t *testing.T) {
	t.Parallel()
	headers := map[string]Header{
		"plain":    {TTL: 64, Protocol: 17, Src: hostA, Dst: peerA},
		"all":      {TOS: 0xb9, ID: 0xbeef, DF: true, TTL: 255, Protocol: 6, Src: peerB, Dst: hostB},
		"fragment": {ID: 1, MF: true, Offset: 65528, TTL: 1, Protocol: 1, Src: hostA, Dst: peerA},
		"options":  {TTL: 3, Protocol: 2, Src: hostA, Dst: peerA, Options: []byte{148, 4, 0, 0}},
		"padded":   {TTL: 3, Protocol: 2, Src: hostA, Dst: peerA, Options: []byte{1, 1, 148, 4, 0, 0}},
		"most":     {TTL: 3, Protocol: 2, Src: hostA, Dst: peerA, Options: bytes.Repeat([]byte{1}, 40)},
	}
	for name, h := range headers {
		payload := []byte("payload")
		b := build(h, payload)
		d := decode(t, b)
		var flags layers.IPv4Flag
		if h.DF {
			flags |= layers.IPv4DontFragment
		}
		if h.MF {
			flags |= layers.IPv4MoreFragments
		}
		if d.TOS != h.TOS || d.Id != h.ID || d.Flags != flags || int(d.FragOffset)*8 != h.Offset || d.TTL != h.TTL ||
			uint8(d.Protocol) != h.Protocol || d.from() != h.Src || d.to() != h.Dst || !bytes.Equal(d.Payload, payload) {
			t.Errorf("%s: gopacket reads %+v from %+v", name, d.IPv4, h)
		}

		// The other way round: what gopacket writes, we read.
		buf := gopacket.NewSerializeBuffer()
		ip := layers.IPv4{
			Version: 4, TOS: h.TOS, Id: h.ID, Flags: flags, FragOffset: uint16(h.Offset / 8), TTL: h.TTL,
			Protocol: layers.IPProtocol(h.Protocol), SrcIP: h.Src.AsSlice(), DstIP: h.Dst.AsSlice(), Options: d.Options,
		}
		err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, &ip, gopacket.Payload(payload))
		if err != nil {
			t.Fatal(err)
		}
		got, rest, err := Parse(buf.Bytes())
		if err != nil || !bytes.Equal(rest, payload) {
			t.Fatalf("%s: Parse of gopacket's: %v, payload %q", name, err, rest)
		}
		want, _, _ := Parse(b)
		if !sameHeader(got, want) {
			t.Errorf("%s: from gopacket's bytes %+v, from ours %+v", name, got, want)
		}
	}
}

// sameHeader compares headers, of the options only the bytes.
func sameHeader(a, b Header) bool {
	opts := bytes.Equal(a.Options, b.Options)
	a.Options, b.Options = nil, nil
	return opts && a.TotalLen == b.TotalLen && a.TOS == b.TOS && a.ID == b.ID && a.DF == b.DF && a.MF == b.MF &&
		a.Offset == b.Offset && a.TTL == b.TTL && a.Protocol == b.Protocol && a.Src == b.Src && a.Dst == b.Dst
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := build(Header{Protocol: 17, Src: hostA, Dst: peerA}, []byte("0123456789"))
	mutate := func(f func(b []byte)) []byte {
		b := bytes.Clone(good)
		f(b)
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:20]))
		return b
	}
	tests := map[string]struct {
		b    []byte
		want error
	}{
		"empty":                   {nil, ErrShort},
		"19 bytes":                {good[:19], ErrShort},
		"version 6":               {mutate(func(b []byte) { b[0] = 0x65 }), ErrVersion},
		"version 0":               {mutate(func(b []byte) { b[0] = 0x05 }), ErrVersion},
		"IHL 4":                   {mutate(func(b []byte) { b[0] = 0x44 }), ErrHeaderLen},
		"IHL beyond the packet":   {mutate(func(b []byte) { b[0] = 0x4f }), ErrShort},
		"total length below IHL":  {mutate(func(b []byte) { b[3] = 19 }), ErrTotalLen},
		"total length too large":  {mutate(func(b []byte) { b[3]++ }), ErrTruncated},
		"total length very large": {mutate(func(b []byte) { b[2] = 0xff }), ErrTruncated},
	}
	for name, tt := range tests {
		if _, _, err := Parse(tt.b); err != tt.want {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	for i := range 20 {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		if _, _, err := Parse(b); err == nil {
			t.Errorf("a flipped bit in byte %d passes", i)
		}
	}
}

func TestParseCutsPadding(t *testing.T) {
	t.Parallel()
	b := build(Header{Protocol: 17, Src: hostA, Dst: peerA}, []byte("data"))
	_, payload, err := Parse(append(b, make([]byte, 22)...)) // as Ethernet pads to 46 bytes
	if err != nil || string(payload) != "data" {
		t.Errorf("payload %q, %v", payload, err)
	}
}

func TestAppendToTakesAnything(t *testing.T) {
	t.Parallel()
	for _, h := range []Header{
		{},
		{Src: netip.IPv6Loopback(), Dst: netip.MustParseAddr("::ffff:192.0.2.1")},
		{Options: make([]byte, 100), TotalLen: 1 << 20, Offset: 1 << 20},
	} {
		if b := h.AppendTo(nil); checksum.Checksum(b) != 0 || len(b) != h.Len() {
			t.Errorf("% x", b)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		b    []byte
		want options
	}{
		"none":                     {nil, options{}},
		"router alert":             {[]byte{148, 4, 0, 0}, options{}},
		"unknown":                  {[]byte{77, 6, 1, 2, 3, 4, 0, 0}, options{}},
		"loose":                    {[]byte{1, 131, 7, 4, 1, 2, 3, 4}, options{sourceRoute: true}},
		"strict":                   {[]byte{137, 3, 4, 0}, options{sourceRoute: true}},
		"what follows end":         {[]byte{0, 131, 99, 99}, options{}},
		"length 0":                 {[]byte{7, 0, 0, 0}, options{malformed: true, pointer: 21}},
		"length 1":                 {[]byte{1, 7, 1, 0}, options{malformed: true, pointer: 22}},
		"beyond the header":        {[]byte{7, 5, 0, 0}, options{malformed: true, pointer: 21}},
		"no room for its length":   {[]byte{1, 1, 1, 7}, options{malformed: true, pointer: 23}},
		"malformed after a source": {[]byte{131, 3, 4, 7}, options{sourceRoute: true, malformed: true, pointer: 23}},
	}
	for name, tt := range tests {
		if got := checkOptions(tt.b); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestHeaderAllocatesNothing(t *testing.T) {
	b := udpTo(hostA, peerA, 100)
	buf := make([]byte, 0, 60)
	n := testing.AllocsPerRun(100, func() {
		h, _, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		buf = h.AppendTo(buf[:0])
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse: what Parse accepts, AppendTo writes back, and Parse reads again the
// same.
func FuzzParse(f *testing.F) {
	f.Add(udpTo(hostA, peerA, 10))
	f.Add(build(Header{Src: hostA, Dst: peerA, Options: []byte{148, 4, 0, 0}, MF: true, Offset: 800}, []byte("data")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b)%2 == 1 { // some as they are, some with right lengths and checksum
			mend(b)
		}
		h, payload, err := Parse(b)
		if err != nil {
			return
		}
		if h.Len()+len(payload) != h.TotalLen {
			t.Fatalf("%d + %d bytes are not %d", h.Len(), len(payload), h.TotalLen)
		}
		checkOptions(h.Options)
		copiedOptions(nil, h.Options)
		again, rest, err := Parse(append(h.AppendTo(nil), payload...))
		if err != nil || !sameHeader(h, again) || !bytes.Equal(payload, rest) {
			t.Fatalf("%+v became %+v, %v", h, again, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	p := udpTo(hostA, peerA, 100)
	for b.Loop() {
		if _, _, err := Parse(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendTo(b *testing.B) {
	h := Header{Protocol: 17, Src: hostA, Dst: peerA}
	buf := make([]byte, 0, 60)
	for b.Loop() {
		buf = h.AppendTo(buf[:0])
	}
}
