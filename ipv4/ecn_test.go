package ipv4

import (
	"testing"

	"github.com/tinystack/tinystack/packet"
)

// What is counted by the ECN field is packets on the wire: a device may have merged them.
func TestECNFieldIsCounted(t *testing.T) {
	t.Parallel()
	udp := packet.Offload{Csum: packet.CsumValid, GSO: packet.GSOUDP, SegSize: 100}
	tests := map[string]struct {
		tos  uint8
		n    int // bytes of payload, with UDP's header
		o    packet.Offload
		want Stats
	}{
		"none":             {0xb8, 8, packet.Offload{}, Stats{}},
		"ECT(0)":           {0xb8 | ecnECT0, 8, packet.Offload{}, Stats{InECT0Pkts: 1}},
		"ECT(1)":           {ecnECT1, 8, packet.Offload{}, Stats{InECT1Pkts: 1}},
		"CE":               {ecnCE, 8, packet.Offload{}, Stats{InCEPkts: 1}},
		"merged":           {ecnECT0, 8 + 300, udp, Stats{InECT0Pkts: 3}},
		"merged, one less": {ecnCE, 8 + 201, udp, Stats{InCEPkts: 3}},
		"merged, of none":  {ecnCE, 8, udp, Stats{InCEPkts: 1}},
		"no size":          {ecnCE, 8 + 300, packet.Offload{GSO: packet.GSOUDP}, Stats{InCEPkts: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, Config{})
			h.inputOffload(h.ia, build(Header{Protocol: protocolUDP, TOS: tt.tos, Src: peerA, Dst: hostA}, make([]byte, tt.n)), tt.o)
			tt.want.InReceives, tt.want.InDelivers = 1, 1
			h.counts(tt.want)
		})
	}
}

// A router leaves the ECN field as it is, in each fragment too (RFC 3168 5.3).
func TestForwardedECN(t *testing.T) {
	t.Parallel()
	for tos := range uint8(4) {
		h := newRouter(t)
		h.b.mtu = 576
		h.input(h.ia, build(Header{Protocol: protocolUDP, TOS: 0x20 | tos, Src: peerA, Dst: peerB}, udpPayload(1000)))
		sent := h.b.take()
		if len(sent) != 2 {
			t.Fatalf("%d fragments, want 2", len(sent))
		}
		for i, s := range sent {
			if d := decode(t, s.b); d.TOS != 0x20|tos {
				t.Errorf("fragment %d has the TOS %#x, want %#x", i, d.TOS, 0x20|tos)
			}
		}
	}
}
