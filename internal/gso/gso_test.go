package gso

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

var (
	v4src, v4dst = netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("198.18.0.2")
	v6src, v6dst = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
)

// super is a super-packet as a test wants it.
type super struct {
	v6      bool
	kind    packet.GSO
	segSize int
	payload []byte
	flags   byte   // TCP's
	seq     uint32 // TCP's
	id      uint16 // IPv4's
	ipOpts  int    // bytes of options
	tcpOpts int
}

// build returns the packet, its transport checksum partial.
func (s super) build() ([]byte, packet.Offload) {
	th, proto, field := make([]byte, udpHeaderLen), byte(protocolUDP), udpChecksum
	if s.kind == packet.GSOTCP {
		th, proto, field = make([]byte, tcpHeaderLen+s.tcpOpts), protocolTCP, tcpChecksum
		binary.BigEndian.PutUint32(th[4:], s.seq)
		th[12], th[13] = byte(len(th)/4<<4), s.flags
		for i := range s.tcpOpts {
			th[tcpHeaderLen+i] = 1 // no operation
		}
	} else {
		binary.BigEndian.PutUint16(th[4:], uint16(len(th)+len(s.payload)))
	}
	binary.BigEndian.PutUint16(th, 1234)
	binary.BigEndian.PutUint16(th[2:], 80)
	p := s.ip(proto, len(th)+len(s.payload))
	start := len(p)
	src, dst := v4src, v4dst
	if s.v6 {
		src, dst = v6src, v6dst
	}
	var sum checksum.Sum
	sum.AddPseudo(src, dst, proto, len(th)+len(s.payload))
	binary.BigEndian.PutUint16(th[field:], sum.Fold())
	p = append(append(p, th...), s.payload...)
	return p, packet.Offload{
		Csum: packet.CsumPartial, GSO: s.kind, SegSize: uint16(s.segSize),
		CsumStart: uint16(start), CsumOffset: uint16(field),
	}
}

func (s super) ip(proto byte, n int) []byte {
	if s.v6 {
		h := make([]byte, ipv6HeaderLen)
		h[0], h[6], h[7] = 0x60, proto, 64
		binary.BigEndian.PutUint16(h[4:], uint16(n))
		copy(h[8:], v6src.AsSlice())
		copy(h[24:], v6dst.AsSlice())
		return h
	}
	h := make([]byte, ipv4HeaderLen+s.ipOpts)
	h[0], h[8], h[9] = 0x40|byte(len(h)/4), 64, proto
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+n))
	binary.BigEndian.PutUint16(h[4:], s.id)
	copy(h[12:], v4src.AsSlice())
	copy(h[16:], v4dst.AsSlice())
	for i := range s.ipOpts {
		h[ipv4HeaderLen+i] = 1 // no operation
	}
	binary.BigEndian.PutUint16(h[10:], checksum.Checksum(h))
	return h
}

// segments splits p, and checks of each segment what holds of any.
func segments(t *testing.T, p []byte, o packet.Offload) [][]byte {
	t.Helper()
	before := bytes.Clone(p)
	var out [][]byte
	err := Split(p, o, func(segment []byte) error {
		checkSums(t, segment, o.GSO)
		out = append(out, bytes.Clone(segment))
		return nil
	})
	if err != nil {
		t.Fatalf("Split: %v", err)
	}
	if !bytes.Equal(before, p) {
		t.Error("Split changed the packet it was given")
	}
	return out
}

func checkSums(t *testing.T, segment []byte, kind packet.GSO) {
	t.Helper()
	l, err := parse(segment, kind)
	if err != nil {
		t.Fatalf("segment of %d bytes: %v", len(segment), err)
	}
	if !l.v6 && checksum.Checksum(segment[:l.transport]) != 0 {
		t.Error("bad IPv4 checksum")
	}
	var s checksum.Sum
	s.AddPseudo(l.src, l.dst, l.protocol, len(segment)-l.transport)
	s.Add(segment[l.transport:])
	if s.Checksum() != 0 {
		t.Error("bad transport checksum")
	}
	if l.protocol == protocolUDP && segment[l.checksumAt] == 0 && segment[l.checksumAt+1] == 0 {
		t.Error("a UDP checksum of zero says there is none")
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*i>>3 + i)
	}
	return b
}

func TestSplitTCP(t *testing.T) {
	t.Parallel()
	payload := random(3*1448 + 100)
	p, o := super{
		kind: packet.GSOTCP, segSize: 1448, payload: payload, tcpOpts: 12, ipOpts: 4,
		flags: tcpFIN | tcpPSH | tcpCWR | 0x50, seq: 1<<32 - 1448, id: 65534,
	}.build()
	got := segments(t, p, o)
	if len(got) != 4 {
		t.Fatalf("%d segments, want 4", len(got))
	}
	wantFlags := []byte{tcpCWR | 0x50, 0x50, 0x50, tcpFIN | tcpPSH | 0x50}
	wantSeq := []uint32{1<<32 - 1448, 0, 1448, 2896}
	wantID := []uint16{65534, 65535, 0, 1}
	var joined []byte
	for i, b := range got {
		l, _ := parse(b, packet.GSOTCP)
		h := b[l.transport:]
		if h[13] != wantFlags[i] {
			t.Errorf("segment %d: flags %#x, want %#x", i, h[13], wantFlags[i])
		}
		if seq := binary.BigEndian.Uint32(h[4:]); seq != wantSeq[i] {
			t.Errorf("segment %d: sequence number %d, want %d", i, seq, wantSeq[i])
		}
		if id := binary.BigEndian.Uint16(b[4:]); id != wantID[i] {
			t.Errorf("segment %d: identification %d, want %d", i, id, wantID[i])
		}
		if !bytes.Equal(h[tcpHeaderLen:tcpHeaderLen+12], bytes.Repeat([]byte{1}, 12)) {
			t.Errorf("segment %d: options lost", i)
		}
		joined = append(joined, b[l.payload:]...)
	}
	if !bytes.Equal(joined, payload) {
		t.Error("the payload is not what it was")
	}
}

func TestSplitUDP(t *testing.T) {
	t.Parallel()
	payload := random(2500)
	for _, v6 := range []bool{false, true} {
		p, o := super{v6: v6, kind: packet.GSOUDP, segSize: 1000, payload: payload}.build()
		var joined []byte
		for i, b := range segments(t, p, o) {
			l, _ := parse(b, packet.GSOUDP)
			if n := int(binary.BigEndian.Uint16(b[l.transport+4:])); n != len(b)-l.transport {
				t.Errorf("datagram %d: length %d, want %d", i, n, len(b)-l.transport)
			}
			joined = append(joined, b[l.payload:]...)
		}
		if !bytes.Equal(joined, payload) {
			t.Errorf("v6 %t: the payload is not what it was", v6)
		}
	}
}

// gopacket, asked to write what it read of each segment, writes the same bytes.
func TestSplitAgreesWithGopacket(t *testing.T) {
	t.Parallel()
	p, o := super{kind: packet.GSOTCP, segSize: 999, payload: random(3001), tcpOpts: 12, flags: 0x18, seq: 7}.build()
	for i, b := range segments(t, p, o) {
		pkt := gopacket.NewPacket(b, layers.LayerTypeIPv4, gopacket.Default)
		ip, tcp := pkt.NetworkLayer().(*layers.IPv4), pkt.TransportLayer().(*layers.TCP)
		if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		buf := gopacket.NewSerializeBuffer()
		opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
		if err := gopacket.SerializeLayers(buf, opts, ip, tcp, gopacket.Payload(tcp.Payload)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(buf.Bytes(), b) {
			t.Errorf("segment %d:\n got %x\nwant %x", i, b[:60], buf.Bytes()[:60])
		}
	}
}

// A packet that is complete is passed on as it is, one that is not is completed.
func TestSplitWhole(t *testing.T) {
	t.Parallel()
	p, o := super{kind: packet.GSOTCP, payload: random(100)}.build()
	o.GSO = packet.GSONone
	calls := 0
	if err := Split(p, o, func(b []byte) error {
		calls++
		checkSums(t, b, packet.GSOTCP)
		return nil
	}); err != nil || calls != 1 {
		t.Errorf("%d calls, %v; want 1, nil", calls, err)
	}
	if err := Split(p, packet.Offload{}, func(b []byte) error {
		if &b[0] != &p[0] {
			t.Error("a complete packet was copied")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestSplitStopsAtError(t *testing.T) {
	t.Parallel()
	p, o := super{kind: packet.GSOUDP, segSize: 10, payload: random(100)}.build()
	stop := errors.New("stop")
	calls := 0
	err := Split(p, o, func([]byte) error { calls++; return stop })
	if err != stop || calls != 1 {
		t.Errorf("%d calls, %v; want 1, the error", calls, err)
	}
}

func TestSplitRefusesMalformed(t *testing.T) {
	t.Parallel()
	p, o := super{kind: packet.GSOTCP, segSize: 100, payload: random(300)}.build()
	with := func(i int, v byte) []byte { b := bytes.Clone(p); b[i] = v; return b }
	zero := o
	zero.SegSize = 0
	udp := o
	udp.GSO = packet.GSOUDP
	for _, c := range []struct {
		name string
		p    []byte
		o    packet.Offload
	}{
		{"empty", nil, o},
		{"version", with(0, 0x55), o},
		{"short IP header", with(0, 0x44), o},
		{"IP header past the end", p[:24], o},
		{"truncated", p[:len(p)-1], o},
		{"a fragment", with(6, 0x20), o},
		{"not TCP", with(9, 50), o},
		{"short TCP header", with(32, 0x40), o},
		{"no segment size", p, zero},
		{"TCP as UDP", p, udp},
	} {
		if err := Split(c.p, c.o, func([]byte) error { return nil }); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", c.name, err)
		}
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	for _, kind := range []packet.GSO{packet.GSOTCP, packet.GSOUDP} {
		for _, v6 := range []bool{false, true} {
			for n := range 80 {
				p, o := super{v6: v6, kind: kind, payload: random(n)}.build()
				if err := Complete(p, o); err != nil {
					t.Fatal(err)
				}
				checkSums(t, p, kind)
			}
		}
	}
}

// A UDP datagram whose sum comes out as zero is sent with all ones (RFC 768).
func TestCompleteZeroUDP(t *testing.T) {
	t.Parallel()
	p, o := super{kind: packet.GSOUDP, payload: make([]byte, 2)}.build()
	q := bytes.Clone(p)
	if err := Complete(q, o); err != nil {
		t.Fatal(err)
	}
	l, _ := parse(q, packet.GSOUDP)
	copy(p[l.payload:], q[l.checksumAt:l.checksumAt+2]) // now it sums up to zero
	if err := Complete(p, o); err != nil {
		t.Fatal(err)
	}
	if got := binary.BigEndian.Uint16(p[l.checksumAt:]); got != 0xffff {
		t.Errorf("checksum %#x, want 0xffff", got)
	}
}

func TestCompleteRefuses(t *testing.T) {
	t.Parallel()
	o := packet.Offload{Csum: packet.CsumPartial, CsumStart: 65535, CsumOffset: 65535}
	if err := Complete(make([]byte, 40), o); !errors.Is(err, ErrMalformed) {
		t.Errorf("field past the end: %v, want ErrMalformed", err)
	}
	o = packet.Offload{Csum: packet.CsumPartial, CsumStart: 20, CsumOffset: 19}
	if err := Complete(make([]byte, 40), o); !errors.Is(err, ErrMalformed) {
		t.Errorf("field half within: %v, want ErrMalformed", err)
	}
}

func TestNoAllocation(t *testing.T) {
	p, o := super{kind: packet.GSOTCP, segSize: 1460, payload: random(60000)}.build()
	total := 0
	yield := func(b []byte) error { total += len(b); return nil }
	if n := testing.AllocsPerRun(100, func() {
		if err := Split(p, o, yield); err != nil {
			t.Fatal(err)
		}
	}); n >= 1 { // below one: the pool may be emptied by a collection
		t.Errorf("%v allocations", n)
	}
}

// Whatever is split: never a panic, at most one segment for each payload byte,
// and where there is no error, segments that check out and hold the payload.
func FuzzSplit(f *testing.F) {
	p, o := super{kind: packet.GSOTCP, segSize: 100, payload: random(350), tcpOpts: 12}.build()
	f.Add(p, uint8(o.GSO), o.SegSize)
	p, o = super{kind: packet.GSOUDP, segSize: 100, payload: random(350)}.build()
	f.Add(p, uint8(o.GSO), o.SegSize)
	p, o = super{v6: true, kind: packet.GSOTCP, segSize: 7, payload: random(50)}.build()
	f.Add(p, uint8(o.GSO), o.SegSize)
	f.Fuzz(func(t *testing.T, p []byte, kind uint8, size uint16) {
		if len(p) > packet.MaxSize {
			return
		}
		o := packet.Offload{GSO: 1 + packet.GSO(kind)%2, SegSize: size}
		var joined []byte
		count := 0
		err := Split(p, o, func(b []byte) error {
			checkSums(t, b, o.GSO)
			l, _ := parse(b, o.GSO)
			if len(b)-l.payload > int(size) {
				t.Errorf("%d payload bytes in a segment of %d", len(b)-l.payload, size)
			}
			joined = append(joined, b[l.payload:]...)
			count++
			return nil
		})
		if err != nil {
			if count != 0 {
				t.Errorf("%v after %d segments", err, count)
			}
			return
		}
		l, _ := parse(p, o.GSO)
		if !bytes.Equal(joined, p[l.payload:]) || count > max(len(joined), 1) {
			t.Errorf("%d segments hold %d bytes, want %d", count, len(joined), len(p)-l.payload)
		}
	})
}

// Complete never panics, and changes no byte but the field's.
func FuzzComplete(f *testing.F) {
	p, o := super{kind: packet.GSOUDP, payload: random(9)}.build()
	f.Add(p, o.CsumStart, o.CsumOffset)
	f.Fuzz(func(t *testing.T, p []byte, start, offset uint16) {
		before := bytes.Clone(p)
		err := Complete(p, packet.Offload{Csum: packet.CsumPartial, CsumStart: start, CsumOffset: offset})
		if field := int(start) + int(offset); err == nil {
			copy(before[field:field+2], p[field:])
		}
		if !bytes.Equal(before, p) {
			t.Error("changed more than the field")
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	p, o := super{kind: packet.GSOTCP, segSize: 1460, payload: random(64240)}.build()
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	yield := func([]byte) error { return nil }
	for b.Loop() {
		if err := Split(p, o, yield); err != nil {
			b.Fatal(err)
		}
	}
}
