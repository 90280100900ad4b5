package ipv4

import (
	"encoding/binary"
	"testing"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

// FuzzInput: whatever packets come in, and whatever their devices say of them,
// a router drops or deals with them, sends nothing that is not a packet for a
// link's MTU, and keeps no more than it may.
//
// The input is packets, each after two bytes: of the interface and the offload,
// and of the length.
func FuzzInput(f *testing.F) {
	add := func(packets ...[]byte) {
		var in []byte
		for i, b := range packets {
			in = append(in, byte(i), byte(len(b)))
			in = append(in, b...)
		}
		f.Add(in)
	}
	add(udpTo(peerA, hostA, 20), udpTo(peerA, peerB, 20))
	add(icmpFrom(peerA, hostA, icmpEcho, 0, 1, []byte("data")))
	add(icmpFrom(peerA, hostA, icmpUnreachable, codeFragNeeded, 600, udpTo(hostA, peerB, 20)))
	add(build(Header{Protocol: 17, Src: peerA, Dst: hostA, MF: true}, make([]byte, 64)),
		build(Header{Protocol: 17, Src: peerA, Dst: hostA, Offset: 64}, make([]byte, 64)))
	add(build(Header{Protocol: 17, Src: peerA, Dst: peerB, Options: []byte{131, 3, 4, 0, 7, 99, 1, 1}}, make([]byte, 64)))
	f.Fuzz(func(t *testing.T, in []byte) {
		h := newHost(t, Config{Forward: true, ReassemblyMemory: minReasmMemory})
		h.b.mtu, h.b.features = minMTU, packet.TxChecksum|packet.TSO
		h.lo.features = packet.TxChecksum
		for len(in) > 2 {
			how, n := in[0], min(int(in[1]), len(in)-2)
			b := in[2 : 2+n]
			in = in[2+n:]
			if how&0x80 == 0 {
				mend(b)
			}
			i := []*Interface{h.ia, h.ib, h.ilo}[how%3]
			h.inputOffload(i, b, fuzzOffload(how, n))
			for _, d := range []*fakeDevice{h.a, h.b} {
				checkSent(t, d)
			}
			h.loop()
			if h.reasm.memory < 0 || h.reasm.memory > minReasmMemory {
				t.Fatalf("fragments take %d bytes", h.reasm.memory)
			}
		}
	})
}

// mend makes b's lengths and header checksum right, so that more than the first
// checks are reached.
func mend(b []byte) {
	hlen := 0
	if len(b) > 0 {
		hlen = int(b[0]&15) * 4
	}
	if hlen < minHeaderLen || hlen > len(b) {
		return
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:hlen]))
	if body := b[hlen:]; b[9] == protocolICMP && len(body) >= icmpHeaderLen {
		body[2], body[3] = 0, 0
		binary.BigEndian.PutUint16(body[2:], checksum.Checksum(body))
	}
}

func fuzzOffload(how byte, n int) packet.Offload {
	o := packet.Offload{Csum: packet.Csum(how >> 2 % 3), CsumStart: 20, CsumOffset: uint16(how), SegSize: uint16(n / 3)}
	if how&0x40 != 0 {
		o.GSO = packet.GSO(how >> 4 % 3)
	}
	return o
}

// checkSent checks what d was given.
func checkSent(t *testing.T, d *fakeDevice) {
	t.Helper()
	for _, s := range d.take() {
		if _, _, err := Parse(s.b); err != nil {
			t.Fatalf("sent % x: %v", s.b, err)
		}
		if len(s.b) > d.mtu && s.o.GSO == packet.GSONone {
			t.Fatalf("sent %d bytes on a link of %d", len(s.b), d.mtu)
		}
		if missing := needs(s.o) &^ d.features; missing != 0 {
			t.Fatalf("sent what the device doesn't do: %+v", s.o)
		}
	}
}
