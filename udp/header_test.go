package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tinystack/tinystack/packet"
)

func TestParseLengths(t *testing.T) {
	t.Parallel()
	header := func(length uint16) []byte { return Header{Length: length}.AppendTo(nil) }
	tests := []struct {
		name    string
		in      []byte
		payload int
		err     error
	}{
		{"nothing", nil, 0, ErrTruncated},
		{"seven bytes", make([]byte, 7), 0, ErrTruncated},
		{"length 0", header(0), 0, ErrLength},
		{"length below the header", header(7), 0, ErrLength},
		{"empty payload", header(8), 0, nil},
		{"one byte short", append(header(12), 1, 2, 3), 0, ErrTruncated},
		{"exact", append(header(12), 1, 2, 3, 4), 4, nil},
		{"padded by the link", append(header(12), 1, 2, 3, 4, 0, 0), 4, nil},
	}
	for _, test := range tests {
		h, payload, err := Parse(test.in)
		if !errors.Is(err, test.err) || len(payload) != test.payload {
			t.Errorf("%s: %d bytes, %v; want %d, %v", test.name, len(payload), err, test.payload, test.err)
		}
		if err != nil && (h != Header{} || payload != nil) {
			t.Errorf("%s: error, and still %+v", test.name, h)
		}
	}
}

// gopacket must read every header we write as we meant it, checksum included.
func TestSecondOpinion(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{"", "x", "hello", string(make([]byte, 1471))} {
		b := datagram(4242, 53, payload)
		h, _, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		p := gopacket.NewPacket(b, layers.LayerTypeUDP, gopacket.NoCopy)
		u := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if uint16(u.SrcPort) != h.SrcPort || uint16(u.DstPort) != h.DstPort || u.Length != h.Length || u.Checksum != h.Checksum {
			t.Errorf("gopacket reads %+v, we %+v", u, h)
		}
		if string(u.Payload) != payload {
			t.Errorf("gopacket reads %d bytes of payload, want %d", len(u.Payload), len(payload))
		}
		if got := gopacketWrites(t, 4242, 53, payload); !bytes.Equal(got, b) {
			t.Errorf("payload of %d bytes: gopacket writes % x, we % x", len(payload), got[:8], b[:8])
		}
	}
}

func gopacketWrites(t *testing.T, src, dst uint16, payload string) []byte {
	u := &layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)}
	ip := &layers.IPv4{SrcIP: net.IP(other.AsSlice()), DstIP: net.IP(loopback.AsSlice()), Protocol: layers.IPProtocolUDP}
	if err := u.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, u, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Parse and AppendTo are each other's inverse; the payload is within the input.
func FuzzHeader(f *testing.F) {
	f.Add(datagram(1, 2, "seed"))
	f.Add(append(datagram(1, 2, ""), 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, payload, err := Parse(b)
		if err != nil {
			return
		}
		if len(payload) != int(h.Length)-HeaderLen {
			t.Fatalf("payload of %d bytes, length field %d", len(payload), h.Length)
		}
		again := append(h.AppendTo(nil), payload...)
		if !bytes.Equal(again, b[:h.Length]) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}

// No packet, however formed and whatever the device says of it, panics, is
// delivered to the wrong socket, or makes a queue exceed its bound by more than a
// packet. Each is counted once.
func FuzzReceive(f *testing.F) {
	f.Add(datagram(7, 53, "seed"), uint8(0), uint16(0), false)
	f.Add(datagram(7, 53, "several in one packet"), uint8(2), uint16(4), true)
	f.Fuzz(func(t *testing.T, b []byte, gso uint8, seg uint16, take bool) {
		if len(b) > packet.MaxSize {
			return
		}
		h := newHost(t, Config{ReadBuffer: minReadBuffer})
		server := h.listen(t, 53)
		if _, err := h.Dial(netip.AddrPortFrom(loopback, 54), netip.AddrPortFrom(foreignLoopback, 9)); err != nil {
			t.Fatal(err)
		}
		size := 0
		if take {
			size = max(len(b), 1)
		}
		const times = 64
		for range times {
			h.inject(b, size, func(in *packet.In) {
				in.Offload = packet.Offload{Csum: packet.Csum(seg % 3), GSO: packet.GSO(gso % 3), SegSize: seg}
			})
		}
		s := h.Stats()
		if s.InDatagrams+s.NoPorts+s.InErrors < times {
			t.Errorf("some were not counted: %+v", s)
		}
		if got := server.info().Queued; got > minReadBuffer+packet.MaxSize+1+entrySize {
			t.Errorf("the queue takes %d bytes", got)
		}
		h.Control(&packet.Control{Local: loopback, Remote: other, Quoted: b, Hard: take})
	})
}

var foreignLoopback = netip.MustParseAddr("127.9.9.9")
