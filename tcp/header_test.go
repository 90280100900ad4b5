package tcp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// sampleHeaders are headers as this package sends them, and some it never would.
func sampleHeaders() []Header {
	plain := Header{SrcPort: 49152, DstPort: 80, Seq: 1, Ack: 0xffffffff, Flags: ACK | PSH, Window: 512, Checksum: 0xbeef}
	with := func(o Options) Header { h := plain; h.Options = o; return h }
	blocks := [maxSACK]Block{{1, 2}, {3, 4}, {0xfffffff0, 16}, {7, 8}}
	return []Header{
		{},
		plain,
		{SrcPort: 65535, DstPort: 65535, Seq: 1 << 31, Flags: 0xff, Window: 65535, Checksum: 65535, Urgent: 65535},
		with(Options{MSS: 1460}),
		with(Options{HasWindowScale: true, WindowScale: 7}),
		with(Options{HasWindowScale: true}),
		with(Options{SACKPermitted: true}),
		with(Options{HasTimestamps: true, TSVal: 0x01020304, TSEcr: 0x05060708}),
		with(Options{NumSACK: 1, SACK: [maxSACK]Block{blocks[0]}}),
		with(Options{NumSACK: 4, SACK: blocks}),
		with(Options{HasTimestamps: true, TSVal: 1, NumSACK: 3, SACK: [maxSACK]Block{blocks[0], blocks[1], blocks[2]}}),
		with(Options{MSS: 1460, HasWindowScale: true, WindowScale: 14, SACKPermitted: true, HasTimestamps: true, TSVal: 9}),
		with(Options{MSS: 536, SACKPermitted: true, HasWindowScale: true, WindowScale: 1}),
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	t.Parallel()
	for _, h := range sampleHeaders() {
		b := append(h.AppendTo(nil), "payload"...)
		got, payload, err := Parse(b)
		if err != nil || got != h || string(payload) != "payload" {
			t.Errorf("%+v came back as %+v, %q, %v", h, got, payload, err)
		}
		if h.Len() != len(b)-len("payload") || h.Len()%4 != 0 || h.Len() > maxHeaderLen {
			t.Errorf("%+v: Len is %d, AppendTo wrote %d", h, h.Len(), len(b)-len("payload"))
		}
	}
}

// What gopacket reads of our headers is what we meant.
func TestGopacketReadsOurs(t *testing.T) {
	t.Parallel()
	for _, h := range sampleHeaders() {
		var g layers.TCP
		if err := g.DecodeFromBytes(append(h.AppendTo(nil), "data"...), gopacket.NilDecodeFeedback); err != nil {
			t.Errorf("%+v: %v", h, err)
			continue
		}
		if got := fromGopacket(&g); got != h {
			t.Errorf("we wrote %+v, gopacket reads %+v", h, got)
		}
		if string(g.Payload) != "data" {
			t.Errorf("gopacket finds the payload %q", g.Payload)
		}
	}
}

// What we read of gopacket's headers is what it meant.
func TestWeReadGopackets(t *testing.T) {
	t.Parallel()
	for _, h := range sampleHeaders() {
		g := toGopacket(&h)
		buf := gopacket.NewSerializeBuffer()
		if err := g.SerializeTo(buf, gopacket.SerializeOptions{FixLengths: true}); err != nil {
			t.Fatal(err)
		}
		if got, _, err := Parse(buf.Bytes()); err != nil || got != h {
			t.Errorf("gopacket wrote %+v, we read %+v, %v", h, got, err)
		}
	}
}

func fromGopacket(g *layers.TCP) Header {
	h := Header{
		SrcPort: uint16(g.SrcPort), DstPort: uint16(g.DstPort),
		Seq: Seq(g.Seq), Ack: Seq(g.Ack),
		Window: g.Window, Checksum: g.Checksum, Urgent: g.Urgent,
	}
	for i, set := range [...]bool{g.FIN, g.SYN, g.RST, g.PSH, g.ACK, g.URG, g.ECE, g.CWR} {
		if set {
			h.Flags |= 1 << i
		}
	}
	for _, o := range g.Options {
		switch o.OptionType {
		case layers.TCPOptionKindMSS:
			h.Options.MSS = binary.BigEndian.Uint16(o.OptionData)
		case layers.TCPOptionKindWindowScale:
			h.Options.HasWindowScale, h.Options.WindowScale = true, o.OptionData[0]
		case layers.TCPOptionKindSACKPermitted:
			h.Options.SACKPermitted = true
		case layers.TCPOptionKindTimestamps:
			h.Options.HasTimestamps = true
			h.Options.TSVal = binary.BigEndian.Uint32(o.OptionData)
			h.Options.TSEcr = binary.BigEndian.Uint32(o.OptionData[4:])
		case layers.TCPOptionKindSACK:
			for v := o.OptionData; len(v) > 0; v = v[8:] {
				h.Options.SACK[h.Options.NumSACK] = Block{Seq(binary.BigEndian.Uint32(v)), Seq(binary.BigEndian.Uint32(v[4:]))}
				h.Options.NumSACK++
			}
		}
	}
	return h
}

func toGopacket(h *Header) *layers.TCP {
	f := h.Flags
	g := &layers.TCP{
		SrcPort: layers.TCPPort(h.SrcPort), DstPort: layers.TCPPort(h.DstPort),
		Seq: uint32(h.Seq), Ack: uint32(h.Ack),
		FIN: f.Has(FIN), SYN: f.Has(SYN), RST: f.Has(RST), PSH: f.Has(PSH),
		ACK: f.Has(ACK), URG: f.Has(URG), ECE: f.Has(ECE), CWR: f.Has(CWR),
		Window: h.Window, Checksum: h.Checksum, Urgent: h.Urgent,
	}
	add := func(kind layers.TCPOptionKind, data []byte) {
		g.Options = append(g.Options, layers.TCPOption{OptionType: kind, OptionLength: uint8(2 + len(data)), OptionData: data})
	}
	o := &h.Options
	if o.MSS != 0 {
		add(layers.TCPOptionKindMSS, binary.BigEndian.AppendUint16(nil, o.MSS))
	}
	if o.HasWindowScale {
		add(layers.TCPOptionKindWindowScale, []byte{o.WindowScale})
	}
	if o.SACKPermitted {
		add(layers.TCPOptionKindSACKPermitted, nil)
	}
	if o.HasTimestamps {
		add(layers.TCPOptionKindTimestamps, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, o.TSVal), o.TSEcr))
	}
	if o.NumSACK > 0 {
		var v []byte
		for _, s := range o.SACK[:o.NumSACK] {
			v = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(v, uint32(s.Left)), uint32(s.Right))
		}
		add(layers.TCPOptionKindSACK, v)
	}
	return g
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	whole := (&Header{Options: Options{MSS: 1460}}).AppendTo(nil)
	for n := range whole {
		if _, _, err := Parse(whole[:n]); !errors.Is(err, ErrTruncated) {
			t.Errorf("of %d bytes: %v", n, err)
		}
	}
	for offset := range byte(5) {
		b := bytes.Clone(whole)
		b[12] = offset << 4
		if _, _, err := Parse(b); !errors.Is(err, ErrOffset) {
			t.Errorf("data offset %d: %v", offset, err)
		}
	}
}

// The four reserved bits "must be ignored in received segments" (RFC 9293 3.1).
func TestParseIgnoresReservedBits(t *testing.T) {
	t.Parallel()
	h := Header{SrcPort: 1, DstPort: 2, Flags: ACK}
	b := h.AppendTo(nil)
	b[12] |= 0x0f
	if got, _, err := Parse(b); err != nil || got != h {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFlagsString(t *testing.T) {
	t.Parallel()
	for f, want := range map[Flags]string{0: "", SYN: "SYN", SYN | ACK: "SYN|ACK", 0xff: "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR"} {
		if got := f.String(); got != want {
			t.Errorf("%08b is %q, want %q", uint8(f), got, want)
		}
	}
}
