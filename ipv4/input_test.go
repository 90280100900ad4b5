package ipv4

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/tinystack/tinystack/packet"
)

func TestDeliver(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	b := build(Header{Protocol: protocolUDP, TOS: 0x2e, TTL: 9, Src: peerA, Dst: hostA}, udpPayload(5))
	h.inputOffload(h.ia, append(b, "padding"...), packet.Offload{Csum: packet.CsumValid})
	if len(h.udp.received) != 1 {
		t.Fatal("not delivered")
	}
	got := h.udp.received[0]
	if got.src != peerA || got.dst != hostA || got.ttl != 9 || got.tos != 0x2e || got.broadcast || got.csum != packet.CsumValid {
		t.Errorf("delivered as %+v", got)
	}
	if !bytes.Equal(got.packet, b) || !bytes.Equal(got.payload, b[20:]) {
		t.Error("packet or payload are wrong")
	}
	h.counts(Stats{InReceives: 1, InECT0Pkts: 1, InDelivers: 1})
}

// "This host" has all its addresses on every link (RFC 1122 3.3.4.2, weak model).
func TestWeakHost(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	h.input(h.ia, udpTo(peerA, hostB, 1))
	if len(h.udp.received) != 1 {
		t.Error("a packet to the other link's address was not delivered")
	}
}

// A dropped is a packet that is to be dropped, and what then is counted besides InReceives.
type dropped struct {
	b    []byte
	want Stats
}

// testDrops proves that every packet that is dropped is counted by its fate and by
// its reason, and by nothing else, and answered by nothing.
func testDrops(t *testing.T, tests map[string]dropped) {
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, Config{})
			h.input(h.ia, tt.b)
			tt.want.InReceives = 1
			h.counts(tt.want)
			if len(h.udp.received) != 0 {
				t.Error("delivered")
			}
			h.none(h.a)
			h.none(h.b)
		})
	}
}

func TestDropsByHeader(t *testing.T) {
	t.Parallel()
	option := func(o ...byte) []byte {
		return build(Header{Protocol: protocolUDP, Src: peerA, Dst: hostA, Options: o}, udpPayload(1))
	}
	good, bad := udpTo(peerA, hostA, 10), udpTo(peerA, hostA, 1)
	bad[8] ^= 0x20
	testDrops(t, map[string]dropped{
		"empty":         {nil, Stats{InHdrErrors: 1, DropShort: 1}},
		"short":         {good[:12], Stats{InHdrErrors: 1, DropShort: 1}},
		"IPv6":          {append([]byte{0x60}, make([]byte, 39)...), Stats{InHdrErrors: 1, DropVersion: 1}},
		"header length": {append([]byte{0x44}, good[1:]...), Stats{InHdrErrors: 1, DropLength: 1}},
		"truncated":     {good[:25], Stats{InTruncatedPkts: 1, DropTruncated: 1}},
		"checksum":      {bad, Stats{InHdrErrors: 1, DropChecksum: 1}},
		"loose route":   {option(131, 3, 4, 0), Stats{InDiscards: 1, DropSourceRoute: 1}},
		"strict route":  {option(137, 3, 4, 0), Stats{InDiscards: 1, DropSourceRoute: 1}},
		"ping of death": {
			build(Header{Protocol: 1, Src: peerA, Dst: hostA, Offset: 65528}, make([]byte, 100)),
			Stats{InHdrErrors: 1, DropFragmentRange: 1},
		},
	})
}

func TestDropsByAddress(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr
	from := func(a string) []byte { return udpTo(addr(a), hostA, 1) }
	to := func(a string) []byte { return udpTo(peerA, addr(a), 1) }
	testDrops(t, map[string]dropped{
		"from 0.0.0.0":      {from("0.0.0.0"), Stats{InAddrErrors: 1, DropMartianSource: 1}},
		"from 0/8":          {from("0.1.2.3"), Stats{InAddrErrors: 1, DropMartianSource: 1}},
		"from loopback":     {from("127.0.0.1"), Stats{InAddrErrors: 1, DropMartianSource: 1}},
		"from loopback net": {from("127.9.9.9"), Stats{InAddrErrors: 1, DropMartianSource: 1}},
		"from multicast":    {from("224.0.0.1"), Stats{InAddrErrors: 1, DropMartianSource: 1}},
		"from reserved":     {from("240.0.0.1"), Stats{InAddrErrors: 1, DropMartianSource: 1}},
		"from broadcast":    {from("255.255.255.255"), Stats{InAddrErrors: 1, DropMartianSource: 1}},
		"from the subnet's": {from("192.0.2.255"), Stats{InAddrErrors: 1, DropMartianSource: 1}},
		"from itself":       {from("192.0.2.1"), Stats{InAddrErrors: 1, DropSpoofedSource: 1}},
		"from its other":    {from("198.51.100.1"), Stats{InAddrErrors: 1, DropSpoofedSource: 1}},
		"to loopback":       {to("127.0.0.1"), Stats{InAddrErrors: 1, DropMartianDest: 1}},
		"to 0.0.0.0":        {to("0.0.0.0"), Stats{InAddrErrors: 1, DropMartianDest: 1}},
		"to reserved":       {to("240.0.0.1"), Stats{InAddrErrors: 1, DropMartianDest: 1}},
		"to multicast":      {to("224.0.0.251"), Stats{InAddrErrors: 1, DropMulticast: 1}},
		"to somebody else":  {to("192.0.2.77"), Stats{InAddrErrors: 1, DropNotLocal: 1}},
		// "A host MUST silently discard an incoming datagram that is not destined for
		// the host" https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
		"bad option, to somebody else": {
			build(Header{Protocol: 17, Src: peerA, Dst: distant, Options: []byte{7, 1, 0, 0}}, nil),
			Stats{InAddrErrors: 1, DropNotLocal: 1},
		},
	})
}

func TestHarmlessOptionsAreSkipped(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	for _, o := range [][]byte{{148, 4, 0, 0}, {7, 7, 4, 0, 0, 0, 0}, {77, 4, 1, 2}, {1, 1, 1, 1}} {
		h.input(h.ia, build(Header{Protocol: protocolUDP, Src: peerA, Dst: hostA, Options: o}, udpPayload(3)))
	}
	if len(h.udp.received) != 4 {
		t.Fatalf("%d of 4 delivered", len(h.udp.received))
	}
	for _, r := range h.udp.received {
		if !bytes.Equal(r.payload, udpPayload(3)) {
			t.Error("the payload is not what follows the options")
		}
	}
}

func TestBroadcastIsMarked(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	h.input(h.ia, udpTo(peerA, netip.MustParseAddr("192.0.2.255"), 1))
	h.input(h.ia, udpTo(peerA, netip.MustParseAddr("255.255.255.255"), 1))
	h.input(h.ia, udpTo(peerA, hostA, 1))
	if len(h.udp.received) != 3 {
		t.Fatalf("%d delivered, want 3", len(h.udp.received))
	}
	for i, want := range []bool{true, true, false} {
		if h.udp.received[i].broadcast != want {
			t.Errorf("packet %d: Broadcast is %v", i, !want)
		}
	}
	// "An ICMP error message MUST NOT be sent as the result of receiving a datagram
	// destined to an IP broadcast" https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
	h.in.Packet = h.udp.received[0].packet
	h.PortUnreachable(&h.in)
	h.none(h.a)
}

func TestUnknownProtocol(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	b := build(Header{Protocol: 132, Src: peerA, Dst: hostA}, []byte("whatever"))
	h.input(h.ia, b)
	d := h.one(h.a)
	if d.icmp.TypeCode.Type() != icmpUnreachable || d.icmp.TypeCode.Code() != codeProtocol || !bytes.Equal(d.icmp.Payload, b) {
		t.Errorf("answered %+v", d.icmp)
	}
	if d.from() != hostA || d.to() != peerA {
		t.Errorf("answered from %v to %v", d.from(), d.to())
	}
	if s := h.Stats(); s.InUnknownProtos != 1 || s.DropNoHandler != 1 || s.InDelivers != 0 {
		t.Errorf("%+v", s)
	}
}

func TestRemovedInterfaceIsDeaf(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	h.RemoveInterface(h.ia)
	h.input(h.ia, udpTo(peerA, hostB, 1))
	h.counts(Stats{InReceives: 1, InDiscards: 1, DropClosed: 1})
	h.Close()
	h.input(h.ib, udpTo(peerA, hostB, 1))
	h.counts(Stats{InReceives: 2, InDiscards: 2, DropClosed: 2})
}

type discard struct{}

func (discard) Receive(*packet.In)      {}
func (discard) Control(*packet.Control) {}

func TestInputAllocatesNothing(t *testing.T) {
	h := newHost(t, Config{Forward: true})
	h.Handle(protocolUDP, discard{})
	h.a.discard, h.b.discard = true, true
	echo := icmpFrom(peerA, hostA, icmpEcho, 0, 1<<16|1, make([]byte, 56))
	local, far := udpTo(peerA, hostA, 100), udpTo(peerA, peerB, 100)
	buf := packet.Get(2048)
	for name, b := range map[string][]byte{"local": local, "forwarded": far, "echo": echo} {
		n := testing.AllocsPerRun(200, func() {
			h.in.Fill(buf)
			h.Layer.Input(h.ia, &h.in, buf.B[:copy(buf.B, b)], packet.Offload{})
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if s := h.Stats(); s.OutForwDatagrams == 0 || s.OutTransmits == 0 || s.InDelivers == 0 {
		t.Errorf("measured something else: %+v", s)
	}
}

func benchmarkInput(b *testing.B, p []byte) {
	h := newHost(b, Config{Forward: true})
	h.Handle(protocolUDP, discard{})
	h.a.discard, h.b.discard = true, true
	buf := packet.Get(len(p))
	h.in.Fill(buf)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		h.Layer.Input(h.ia, &h.in, buf.B[:copy(buf.B, p)], packet.Offload{})
	}
}

func BenchmarkInput(b *testing.B)   { benchmarkInput(b, udpTo(peerA, hostA, 100)) }
func BenchmarkForward(b *testing.B) { benchmarkInput(b, udpTo(peerA, peerB, 1400)) }
func BenchmarkEcho(b *testing.B) {
	benchmarkInput(b, icmpFrom(peerA, hostA, icmpEcho, 0, 1, make([]byte, 56)))
}
