package link

import (
	"testing"

	"github.com/tinystack/tinystack/packet"
)

// What is written reads the same.
func TestVnetRoundTrip(t *testing.T) {
	t.Parallel()
	const cwr = 0x80
	tcp := segment{src: stackAddr, dst: hostAddr, protocol: protoTCP, payload: pattern(5000)}
	withCWR := tcp
	withCWR.flags = cwr
	udp := segment{src: stackAddr, dst: hostAddr, protocol: protoUDP, payload: pattern(5000)}
	for _, c := range []struct {
		name    string
		p       *packet.Out
		gsoType byte
		hdrLen  byte
	}{
		{"complete", datagram(1, 100), 0, 0},
		{"partial", tcp.out(true), 0, 0},
		{"TCP", super(tcp.out(true), packet.GSOTCP, 1460), vnetGSOTCPv4, 40},
		{"TCP with CWR", super(withCWR.out(true), packet.GSOTCP, 1460), vnetGSOTCPv4 | vnetGSOECN, 40},
		{"UDP", super(udp.out(true), packet.GSOUDP, 1000), vnetGSOUDPL4, 28},
	} {
		var h [vnetLen]byte
		encodeVnet(&h, c.p)
		if o, ok := decodeVnet(&h, c.p.Len()); !ok || o != c.p.Offload {
			t.Errorf("%s: read as %+v, %t; want %+v", c.name, o, ok, c.p.Offload)
		}
		if h[1] != c.gsoType || h[2]+h[3] != c.hdrLen {
			t.Errorf("%s: GSO type %#x, header length %d; want %#x, %d", c.name, h[1], h[2]+h[3], c.gsoType, c.hdrLen)
		}
	}
}

func TestVnetValid(t *testing.T) {
	t.Parallel()
	o, ok := decodeVnet(&[vnetLen]byte{vnetDataValid}, 40)
	if want := (packet.Offload{Csum: packet.CsumValid}); !ok || o != want {
		t.Errorf("read as %+v, %t; want %+v", o, ok, want)
	}
}

// Whatever the header: never a panic, and what is accepted lies within the packet.
func FuzzVnet(f *testing.F) {
	f.Add([]byte{1, 1, 0, 54, 0xb4, 5, 20, 0, 16, 0}, uint16(3000))
	f.Add([]byte{2, 0x85, 0, 0, 1, 0, 0, 0, 0, 0}, uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		if len(b) < vnetLen {
			return
		}
		o, ok := decodeVnet((*[vnetLen]byte)(b), int(n))
		if !ok {
			if o != (packet.Offload{}) {
				t.Errorf("refused, but gave %+v", o)
			}
			return
		}
		if o.Csum == packet.CsumPartial && int(o.CsumStart)+int(o.CsumOffset)+2 > int(n) {
			t.Errorf("checksum past the end: %+v of %d bytes", o, n)
		}
		if (o.GSO == packet.GSONone) != (o.SegSize == 0) {
			t.Errorf("segment size does not go with GSO: %+v", o)
		}
	})
}
