package link

import (
	"bytes"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tinystack/tinystack/internal/checksum"
)

// A mark leaves the header's checksum right, whatever it was.
func TestMarkKeepsChecksum(t *testing.T) {
	t.Parallel()
	for id := range 1 << 16 {
		p := make([]byte, ipLen)
		p[0], p[1], p[4], p[5] = 0x45, byte(id)&^ecnCE|1+byte(id)%2, byte(id>>8), byte(id)
		sum := checksum.Checksum(p)
		p[10], p[11] = byte(sum>>8), byte(sum)
		if !markCE(p) || checksum.Checksum(p) != 0 {
			t.Fatalf("% x has a wrong checksum", p)
		}
	}
}

// In IPv6 the field is in the traffic class, which no checksum covers.
func TestMarkIPv6(t *testing.T) {
	t.Parallel()
	for class := range 256 {
		h := layers.IPv6{Version: 6, TrafficClass: uint8(class), FlowLabel: 0xfffff, NextHeader: protoUDP, SrcIP: make([]byte, 16), DstIP: make([]byte, 16)}
		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, &h, gopacket.Payload("datagram")); err != nil {
			t.Fatal(err)
		}
		p := buf.Bytes()
		can := class&ecnCE != notECT
		if markCE(p) != can {
			t.Fatalf("class %#x is marked: %v", class, !can)
		}
		var got layers.IPv6
		if err := got.DecodeFromBytes(p, gopacket.NilDecodeFeedback); err != nil {
			t.Fatal(err)
		}
		want := uint8(class)
		if can {
			want |= ecnCE
		}
		if got.TrafficClass != want || got.FlowLabel != 0xfffff || got.Version != 6 {
			t.Errorf("class %#x became %#x, flow label %#x", class, got.TrafficClass, got.FlowLabel)
		}
	}
}

// What is no IP packet stays as it is.
func TestMarkNoPacket(t *testing.T) {
	t.Parallel()
	for _, p := range [][]byte{nil, {0x45}, {0x45, 2}, bytes.Repeat([]byte{0x66}, 39), bytes.Repeat([]byte{0x56}, 100)} {
		before := bytes.Clone(p)
		if markCE(p) || !bytes.Equal(p, before) {
			t.Errorf("% x became % x", before, p)
		}
	}
}
