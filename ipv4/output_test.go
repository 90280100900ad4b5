package ipv4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"syscall"
	"testing"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

// udpOut returns a UDP datagram of n bytes, without checksum, as the transport
// gives it to Send.
func udpOut(n int) *packet.Out {
	p := packet.NewOut()
	b := udpPayload(n)
	copy(p.Prepend(8), b)
	p.Protocol = protocolUDP
	p.Body = [2][]byte{b[8 : 8+n/3], b[8+n/3:]}
	return p
}

// partial leaves p's checksum to the device, as a transport does.
func partial(p *packet.Out, r packet.Route, at int) *packet.Out {
	var s checksum.Sum
	s.AddPseudo(r.Local(), r.Remote(), p.Protocol, p.Len())
	binary.BigEndian.PutUint16(p.Head()[at:], s.Fold())
	p.Csum, p.CsumOffset = packet.CsumPartial, uint16(at)
	return p
}

// tcpOut returns a TCP segment of n bytes.
func tcpOut(n int) *packet.Out {
	p := packet.NewOut()
	h := p.Prepend(20)
	clear(h)
	h[12], h[13] = 5<<4, 0x18
	p.Protocol, p.DF = protocolTCP, true
	p.Body[0] = bytes.Repeat([]byte("abcdefg"), n/7+1)[:n]
	return p
}

// transportSum is the checksum over b's pseudo-header and payload: 0 if right.
func transportSum(t *testing.T, b []byte) uint16 {
	t.Helper()
	h, payload, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	var s checksum.Sum
	s.AddPseudo(h.Src, h.Dst, h.Protocol, len(payload))
	s.Add(payload)
	return s.Checksum()
}

func TestSend(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{TTL: 33})
	r := h.route(peerA)
	p := udpOut(100)
	p.TOS, p.DF = 0x2e, true
	wantErr(t, "send", r.Send(p), nil)
	d := h.one(h.a)
	if d.from() != hostA || d.to() != peerA || d.TTL != 33 || d.TOS != 0x2e || d.Flags.String() != "DF" || d.Id != 0 ||
		!bytes.Equal(d.Payload, udpPayload(100)) {
		t.Errorf("sent %+v", d.IPv4)
	}
	p = udpOut(100)
	p.TTL = 3
	wantErr(t, "send", r.Send(p), nil)
	if d := h.one(h.a); d.TTL != 3 || d.Flags != 0 {
		t.Errorf("sent %+v", d.IPv4)
	}
	h.counts(Stats{OutRequests: 2, OutTransmits: 2})
}

// Identifications of what may be fragmented differ, and don't count up.
func TestIdentifications(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	r := h.route(peerA)
	seen, ones := map[uint16]bool{}, 0
	var last uint16
	for range 10_000 {
		if err := r.Send(udpOut(1)); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range h.a.take() {
		id := binary.BigEndian.Uint16(s.b[4:])
		if seen[id] {
			t.Fatal("an identification came twice within 10000")
		}
		seen[id] = true
		if id == last+1 {
			ones++
		}
		last = id
	}
	if ones > 4000 {
		t.Errorf("%d of 10000 are the one before plus one", ones)
	}
}

// A super-packet's segments count on from its identification: so many are taken.
func TestIdentificationsOfSegments(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	r := h.route(peerA)
	seen := map[uint16]bool{}
	for range 100 {
		p := partial(udpOut(10_000), r, 6)
		p.GSO, p.SegSize = packet.GSOUDP, 1000
		wantErr(t, "send", r.Send(p), nil)
	}
	for _, s := range h.a.take() {
		seen[binary.BigEndian.Uint16(s.b[4:])] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d identifications in 1000 datagrams", len(seen))
	}
}

func TestSendChecksum(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	r := h.route(peerA)
	for _, n := range []int{0, 1, 2, 3, 100, 1471, 1472} {
		wantErr(t, "send", r.Send(partial(udpOut(n), r, 6)), nil)
		s := h.a.take()[0]
		if s.o.Csum != packet.CsumFull || transportSum(t, s.b) != 0 {
			t.Errorf("%d bytes: offload %+v, or the checksum is wrong", n, s.o)
		}
	}
	h.a.features = packet.TxChecksum
	if r.Features() != packet.TxChecksum {
		t.Error("the route doesn't have its device's features")
	}
	wantErr(t, "send", r.Send(partial(udpOut(100), r, 6)), nil)
	want := packet.Offload{Csum: packet.CsumPartial, CsumStart: 20, CsumOffset: 6}
	if s := h.a.take()[0]; s.o != want {
		t.Errorf("a device that completes checksums was given %+v, want %+v", s.o, want)
	}
}

// A UDP checksum that comes out as zero is sent as its other form, for zero says
// that there is none (RFC 768).
func TestSendChecksumNotZero(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	r := h.route(peerA)
	p := partial(udpOut(2), r, 6)
	probe := partial(udpOut(2), r, 6)
	probe.Body[0], probe.Body[1] = []byte{0, 0}, nil
	wantErr(t, "send", r.Send(probe), nil)
	b := h.a.take()[0].b
	p.Body[0], p.Body[1] = b[26:28], nil // adding the checksum itself makes the sum all ones
	wantErr(t, "send", r.Send(p), nil)
	if b := h.a.take()[0].b; !bytes.Equal(b[26:28], []byte{0xff, 0xff}) {
		t.Errorf("checksum % x", b[26:28])
	}
}

func TestSendGSO(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	r := h.route(peerA)
	super := func() *packet.Out {
		p := partial(tcpOut(10_000), r, 16)
		p.GSO, p.SegSize = packet.GSOTCP, 1460
		return p
	}
	wantErr(t, "send", r.Send(super()), nil)
	got := h.a.take()
	if len(got) != 7 {
		t.Fatalf("%d segments, want 7", len(got))
	}
	var data []byte
	for _, s := range got {
		if len(s.b) > 1500 || transportSum(t, s.b) != 0 || s.o != (packet.Offload{}) {
			t.Errorf("segment of %d bytes, %+v", len(s.b), s.o)
		}
		decode(t, s.b)
		data = append(data, s.b[40:]...)
	}
	if !bytes.Equal(data, super().Body[0]) {
		t.Error("the segments' data are not what was sent")
	}

	h.a.features = packet.TxChecksum | packet.TSO
	wantErr(t, "send", r.Send(super()), nil)
	got = h.a.take()
	want := packet.Offload{Csum: packet.CsumPartial, CsumStart: 20, CsumOffset: 16, GSO: packet.GSOTCP, SegSize: 1460}
	if len(got) != 1 || got[0].o != want {
		t.Errorf("a device with TSO was given %d packets, %+v", len(got), got[0].o)
	}

	big := super()
	big.SegSize = 1461
	wantErr(t, "segments above the MTU", r.Send(big), syscall.EMSGSIZE)
	h.none(h.a)
}

func TestSendTooLarge(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	r := h.route(peerA)
	p := udpOut(1473)
	p.DF = true
	wantErr(t, "DF", r.Send(p), syscall.EMSGSIZE)
	wantErr(t, "above 65535", r.Send(udpOut(65535-28+1)), syscall.EMSGSIZE)
	h.counts(Stats{OutRequests: 2, OutFragFails: 2})
	wantErr(t, "65535", r.Send(udpOut(65535-28)), nil)
}

// What is sent in fragments comes together at the other end, checksum and all.
func TestSendFragments(t *testing.T) {
	t.Parallel()
	for _, mtu := range []int{68, 69, 75, 76, 576, 1499, 1500, 9000} {
		for _, n := range []int{mtu - 27, 1473, 4000, 65507} {
			h, peer := newHost(t, Config{}), newHost(t, Config{ReassemblyMemory: 4 << 20})
			h.a.mtu = mtu
			if err := peer.ia.AddAddress(prefix("192.0.2.9/24")); err != nil {
				t.Fatal(err)
			}
			wantErr(t, "away", peer.ia.RemoveAddress(prefix("192.0.2.1/24")), nil)
			r := h.route(peerA)
			p := partial(udpOut(n), r, 6)
			wantErr(t, "send", r.Send(p), nil)
			fragments := h.a.take()
			for _, f := range fragments {
				if len(f.b) > mtu || f.o != (packet.Offload{}) {
					t.Fatalf("MTU %d: a fragment of %d bytes, %+v", mtu, len(f.b), f.o)
				}
				decode(t, f.b)
				peer.input(peer.ia, f.b)
			}
			if len(peer.udp.received) != 1 || transportSum(t, peer.udp.received[0].packet) != 0 ||
				!bytes.Equal(peer.udp.received[0].payload[8:], udpPayload(n)[8:]) {
				t.Fatalf("MTU %d, %d bytes: arrived %d", mtu, n, len(peer.udp.received))
			}
			if s, k := h.Stats(), uint64(len(fragments)); k > 1 && (s.OutFragReqds != 1 || s.OutFragOKs != 1 || s.OutFragCreates != k || s.OutTransmits != k) {
				t.Errorf("%+v", s)
			}
			wantFragments := (n + 8 + (mtu-20)&^7 - 1) / ((mtu - 20) &^ 7)
			if len(fragments) > wantFragments {
				t.Errorf("MTU %d, %d bytes: %d fragments, %d would do", mtu, n, len(fragments), wantFragments)
			}
		}
	}
}

func TestSendFailures(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	r := h.route(peerA)
	h.a.err = errors.New("closed")
	wantErr(t, "the device's own error", r.Send(udpOut(1)), syscall.ENETDOWN)
	wantErr(t, "fragments", r.Send(udpOut(5000)), syscall.ENETDOWN)
	h.a.err = syscall.ENOBUFS
	wantErr(t, "errno", r.Send(udpOut(1)), syscall.ENOBUFS)
	h.counts(Stats{OutRequests: 3, OutDiscards: 3, OutFragReqds: 1, OutFragFails: 1})
	p := udpOut(1)
	p.Csum, p.CsumOffset = packet.CsumPartial, 100
	wantErr(t, "checksum field outside the header", r.Send(p), syscall.EINVAL)
	p = udpOut(5000)
	p.Csum, p.CsumOffset = packet.CsumPartial, 100
	wantErr(t, "the same, in fragments", r.Send(p), syscall.EINVAL)
	p = partial(udpOut(5000), r, 6) // not what its offload says
	p.GSO, p.SegSize = packet.GSOTCP, 1000
	wantErr(t, "super-packet of another protocol", r.Send(p), syscall.EINVAL)
}

func TestLoopbackDelivers(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	h.lo.features = packet.TxChecksum | packet.TSO | packet.USO
	r := h.route(hostB)
	if r.MTU() != packet.MaxSize || r.Features() != h.lo.features {
		t.Errorf("MTU %d, features %v", r.MTU(), r.Features())
	}
	wantErr(t, "send", r.Send(partial(udpOut(20000), r, 6)), nil)
	h.none(h.b)
	h.loop()
	if len(h.udp.received) != 1 || h.udp.received[0].src != hostB || h.udp.received[0].csum != packet.CsumPartial {
		t.Errorf("%d delivered", len(h.udp.received))
	}
}

func TestSendAllocatesNothing(t *testing.T) {
	h := newHost(t, Config{})
	h.a.discard = true
	r := h.route(peerA)
	body := make([]byte, 1000)
	for name, df := range map[string]bool{"DF": true, "may be fragmented": false} {
		n := testing.AllocsPerRun(200, func() {
			p := packet.NewOut()
			clear(p.Prepend(8))
			p.Protocol, p.DF, p.Body[0] = protocolUDP, df, body
			p.Csum, p.CsumOffset = packet.CsumPartial, 6
			if err := r.Send(p); err != nil {
				t.Fatal(err)
			}
			p.Release()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	h := newHost(b, Config{})
	h.a.discard, h.a.features = true, packet.TxChecksum
	r := h.route(peerA)
	body := make([]byte, 1400)
	p := packet.NewOut()
	b.SetBytes(1420)
	for b.Loop() {
		p.Reset()
		p.Prepend(20)
		p.Protocol, p.DF, p.Body[0] = protocolTCP, true, body
		if err := r.Send(p); err != nil {
			b.Fatal(err)
		}
	}
}
