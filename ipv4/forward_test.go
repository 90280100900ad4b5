package ipv4

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

func newRouter(t testing.TB) *host { return newHost(t, Config{Forward: true}) }

// wantError checks that d was given one ICMP error, about b, from the router's
// address there, and returns it.
func (h *host) wantError(d *fakeDevice, from netip.Addr, typ, code uint8, b []byte) decoded {
	h.Helper()
	got := h.one(d)
	if got.icmp.TypeCode.Type() != typ || got.icmp.TypeCode.Code() != code {
		h.Fatalf("answered %v, want type %d code %d", got.icmp.TypeCode, typ, code)
	}
	if got.from() != from || got.to() != peerA || got.TTL != 64 {
		h.Errorf("answered from %v to %v, TTL %d", got.from(), got.to(), got.TTL)
	}
	if want := b[:min(len(b), 548)]; !bytes.Equal(got.icmp.Payload, want) {
		h.Errorf("quoted\n% x, want\n% x", got.icmp.Payload, want)
	}
	return got
}

func TestForward(t *testing.T) {
	t.Parallel()
	h := newRouter(t)
	for ttl := 2; ttl < 256; ttl++ { // so that the checksum's carry is met
		b := build(Header{Protocol: 17, TTL: uint8(ttl), ID: uint16(ttl * 251), Src: peerA, Dst: peerB, Options: []byte{148, 4, 0, 0}}, udpPayload(10))
		h.input(h.ia, b)
		want := bytes.Clone(b)
		want[8]--
		want[10], want[11] = 0, 0
		binary.BigEndian.PutUint16(want[10:], checksum.Checksum(want[:24]))
		if got := h.one(h.b).raw; !bytes.Equal(got, want) {
			t.Fatalf("TTL %d: forwarded % x, want % x", ttl, got[:24], want[:24])
		}
	}
	h.none(h.a)
	h.counts(Stats{InReceives: 254, InForwDatagrams: 254, OutForwDatagrams: 254, OutTransmits: 254})
}

// The checksum's update is right for every header, zeros included (RFC 1624 4).
func TestDecrementTTL(t *testing.T) {
	t.Parallel()
	h := Header{Src: peerA, Dst: peerB, TTL: 2}
	for id := range 1 << 16 {
		h.ID, h.Protocol = uint16(id), uint8(id)
		b := h.AppendTo(nil)
		decrementTTL(b)
		if checksum.Checksum(b) != 0 || b[8] != 1 {
			t.Fatalf("wrong after % x", b)
		}
	}
}

func TestForwardTimeExceeded(t *testing.T) {
	t.Parallel()
	h := newRouter(t)
	for _, ttl := range []uint8{0, 1} {
		b := udpTo(peerA, peerB, 4)
		b[8] = ttl
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:20]))
		h.input(h.ia, b)
		h.wantError(h.a, hostA, icmpTimeExceeded, codeTransit, b)
	}
	h.none(h.b)
	// For this host itself, the TTL does not matter (RFC 1122 3.2.1.7).
	h.input(h.ia, build(Header{Protocol: 17, TTL: 1, Src: peerA, Dst: hostB}, udpPayload(1)))
	if len(h.udp.received) != 1 {
		t.Error("a packet to the router, TTL 1, was not delivered")
	}
}

func TestForwardUnreachable(t *testing.T) {
	t.Parallel()
	h := newRouter(t)
	b := udpTo(peerA, distant, 4)
	h.input(h.ia, b)
	h.wantError(h.a, hostA, icmpUnreachable, codeNet, b)

	b = udpTo(peerA, netip.MustParseAddr("192.0.2.77"), 4) // back into the link, where nobody else is
	h.input(h.ia, b)
	h.wantError(h.a, hostA, icmpUnreachable, codeHost, b)
	if s := h.Stats(); s.InNoRoutes != 2 || s.DropNoRoute != 1 || s.DropSameLink != 1 || s.OutForwDatagrams != 0 {
		t.Errorf("%+v", s)
	}
}

func TestForwardNot(t *testing.T) {
	t.Parallel()
	h := newRouter(t)
	h.addRoute(Entry{Dst: prefix("0.0.0.0/0"), Gateway: peerB})
	addr := netip.MustParseAddr
	for _, b := range [][]byte{
		udpTo(addr("10.255.255.255"), addr("224.0.0.5"), 1),
		udpTo(peerA, addr("240.1.1.1"), 1),
		udpTo(peerA, addr("127.0.0.2"), 1),
		udpTo(peerA, addr("0.0.0.0"), 1),
		udpTo(peerA, addr("169.254.1.1"), 1), // RFC 3927 2.7
		udpTo(addr("169.254.1.1"), peerB, 1),
		udpTo(peerA, addr("198.51.100.255"), 1), // a directed broadcast, RFC 2644: taken, not passed on
		udpTo(hostB, peerB, 1),
	} {
		h.input(h.ia, b)
	}
	h.none(h.a)
	h.none(h.b)
	if s := h.Stats(); s.InAddrErrors != 7 || s.InForwDatagrams != 0 || s.InDelivers != 1 {
		t.Errorf("%+v", s)
	}
}

func TestForwardTooBig(t *testing.T) {
	t.Parallel()
	h := newRouter(t)
	h.b.mtu = 1280
	b := build(Header{Protocol: 17, DF: true, Src: peerA, Dst: peerB}, udpPayload(1280-28))
	h.input(h.ia, b)
	h.one(h.b)
	b = build(Header{Protocol: 17, DF: true, Src: peerA, Dst: peerB}, udpPayload(1280-27))
	h.input(h.ia, b)
	d := h.wantError(h.a, hostA, icmpUnreachable, codeFragNeeded, b)
	// https://www.rfc-editor.org/rfc/rfc1191#section-4
	if d.icmp.Id != 0 || d.icmp.Seq != 1280 {
		t.Errorf("next-hop MTU %d", d.icmp.Seq)
	}
	h.none(h.b)
	if s := h.Stats(); s.DropTooBig != 1 || s.OutFragFails != 1 {
		t.Errorf("%+v", s)
	}
}

func TestForwardFragments(t *testing.T) {
	t.Parallel()
	h := newRouter(t)
	h.b.mtu = 576
	// Of the options, only those with the copied flag go into all fragments.
	options := []byte{7, 3, 4, 148, 4, 0, 0, 0}
	payload := udpPayload(1400)
	whole := build(Header{Protocol: 17, ID: 9, Src: peerA, Dst: peerB, Options: options}, payload)
	h.input(h.ia, whole)
	got := h.b.take()
	var data []byte
	for i, s := range got {
		hdr, rest, err := Parse(s.b)
		want := options
		if i > 0 {
			want = []byte{148, 4, 0, 0}
		}
		if err != nil || len(s.b) > 576 || hdr.ID != 9 || hdr.TTL != 63 || hdr.Offset != len(data) ||
			hdr.MF != (i < len(got)-1) || !bytes.Equal(hdr.Options, want) {
			t.Errorf("fragment %d: %+v, %v", i, hdr, err)
		}
		data = append(data, rest...)
	}
	if !bytes.Equal(data, payload) {
		t.Error("the fragments' payloads are not the packet's")
	}

	// A fragment is fragmented again; one that is not the last has none that is.
	h.b.mtu = 100
	for _, s := range got[:2] {
		h.input(h.ia, s.b)
		first, _, _ := Parse(s.b)
		at := first.Offset
		for _, s := range h.b.take() {
			hdr, rest, err := Parse(s.b)
			if err != nil || !hdr.MF || hdr.Offset != at || hdr.TTL != 62 {
				t.Errorf("%+v, %v", hdr, err)
			}
			at += len(rest)
		}
		if at-first.Offset != first.TotalLen-first.Len() {
			t.Error("something is missing")
		}
	}
}

// superPacket returns 5000 bytes of TCP in segments of 1460, as a device with offloads reads them.
func superPacket(t *testing.T) sent {
	src := newHost(t, Config{})
	src.a.features = packet.TxChecksum | packet.TSO
	r := src.route(peerA)
	p := partial(tcpOut(5000), r, 16)
	p.GSO, p.SegSize, p.DF = packet.GSOTCP, 1460, true
	wantErr(t, "send", r.Send(p), nil)
	return src.a.take()[0]
}

// toPeerB returns it as a packet from peerA to peerB, with that DF.
func (s sent) toPeerB(df bool) []byte {
	b := bytes.Clone(s.b)
	hdr, payload, _ := Parse(b)
	hdr.Src, hdr.Dst, hdr.DF = peerA, peerB, df
	var sum checksum.Sum
	sum.AddPseudo(peerA, peerB, protocolTCP, len(payload))
	binary.BigEndian.PutUint16(payload[16:], sum.Fold())
	return append(hdr.AppendTo(nil), payload...)
}

// Super-packets pass through devices with offloads as they are, and are split
// for those without.
func TestForwardGSO(t *testing.T) {
	t.Parallel()
	h, super := newRouter(t), superPacket(t)
	h.b.features = packet.TxChecksum | packet.TSO
	h.inputOffload(h.ia, super.toPeerB(true), super.o)
	got := h.b.take()
	if len(got) != 1 || got[0].o != super.o || !bytes.Equal(got[0].b[40:], super.b[40:]) {
		t.Fatalf("a device with TSO was given %d packets", len(got))
	}

	h.b.features = 0
	h.inputOffload(h.ia, super.toPeerB(true), super.o)
	got = h.b.take()
	if len(got) != 4 {
		t.Fatalf("a device without was given %d packets, want 4", len(got))
	}
	for _, s := range got {
		if transportSum(t, s.b) != 0 || len(s.b) > 1500 || s.o != (packet.Offload{}) || decode(t, s.b).TTL != 63 {
			t.Errorf("segment of %d bytes, %+v", len(s.b), s.o)
		}
	}
}

// Super-packets whose segments are too large for the way on are told so, or go in fragments.
func TestForwardGSOTooLarge(t *testing.T) {
	t.Parallel()
	h, super := newRouter(t), superPacket(t)
	h.b.mtu = 1499
	b := super.toPeerB(true)
	h.inputOffload(h.ia, b, super.o)
	h.wantError(h.a, hostA, icmpUnreachable, codeFragNeeded, b)

	h.inputOffload(h.ia, super.toPeerB(false), super.o)
	got := h.b.take()
	if len(got) != 7 { // three full segments in two fragments each, and the rest
		t.Errorf("%d packets, want 7", len(got))
	}
	for _, s := range got {
		if len(s.b) > 1499 {
			t.Errorf("%d bytes", len(s.b))
		}
	}
}

// What is not what its offload says is dropped.
func TestForwardWrongOffload(t *testing.T) {
	t.Parallel()
	h, super := newRouter(t), superPacket(t)
	bad, beyond := super.o, packet.Offload{Csum: packet.CsumPartial, CsumStart: 5000}
	bad.SegSize = 0
	h.inputOffload(h.ia, super.toPeerB(true), bad)
	h.inputOffload(h.ia, super.toPeerB(true)[:200], beyond)
	h.inputOffload(h.ia, udpTo(peerA, peerB, 20), beyond)
	h.inputOffload(h.ia, udpTo(peerA, peerB, 1480), beyond)

	h.b.mtu = 100
	b := super.toPeerB(false)
	b[32] = 0xf0 // a TCP header as large as it can be, which the segments have no room for
	h.inputOffload(h.ia, b, bad)
	h.none(h.b)
	if s := h.Stats(); s.OutDiscards != 4 || s.InTruncatedPkts != 1 {
		t.Errorf("%+v", s)
	}
}

func TestForwardCompletesChecksum(t *testing.T) {
	t.Parallel()
	h := newRouter(t)
	b := udpTo(peerA, peerB, 101)
	var s checksum.Sum
	s.AddPseudo(peerA, peerB, protocolUDP, len(b)-20)
	binary.BigEndian.PutUint16(b[26:], s.Fold())
	o := packet.Offload{Csum: packet.CsumPartial, CsumStart: 20, CsumOffset: 6}
	h.inputOffload(h.ia, bytes.Clone(b), o)
	got := h.b.take()
	if len(got) != 1 || got[0].o.Csum != packet.CsumFull || transportSum(t, got[0].b) != 0 {
		t.Errorf("%+v", got)
	}
	h.b.features = packet.TxChecksum
	h.inputOffload(h.ia, b, o)
	if got := h.b.take(); len(got) != 1 || got[0].o != o {
		t.Errorf("%+v", got)
	}
	h.inputOffload(h.ia, udpTo(peerA, peerB, 1), packet.Offload{Csum: packet.CsumValid})
	if got := h.b.take(); len(got) != 1 || got[0].o != (packet.Offload{}) {
		t.Errorf("%+v", got)
	}
}
