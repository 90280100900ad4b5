package ipv4

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/packet"
)

// piece is a fragment of a datagram's payload: bytes from up to to.
type piece struct{ from, to int }

// split cuts a payload into pieces of size bytes, a multiple of 8.
func split(payload []byte, size int) (ps []piece) {
	for at := 0; at < len(payload); at += size {
		ps = append(ps, piece{at, min(at+size, len(payload))})
	}
	return ps
}

// fragmentOf returns one fragment of a UDP datagram from peerA to hostA.
func fragmentOf(id uint16, payload []byte, p piece) []byte {
	return build(Header{
		Protocol: protocolUDP, ID: id, Src: peerA, Dst: hostA,
		Offset: p.from, MF: p.to < len(payload),
	}, payload[p.from:p.to])
}

func (h *host) inputPieces(id uint16, payload []byte, ps []piece) {
	h.Helper()
	for _, p := range ps {
		h.input(h.ia, fragmentOf(id, payload, p))
	}
}

func TestReassembly(t *testing.T) {
	t.Parallel()
	payload := udpPayload(10_000)
	orders := map[string]func([]piece){
		"in order": func([]piece) {},
		"reversed": func(ps []piece) { slices.Reverse(ps) },
		"shuffled": func(ps []piece) {
			r := rand.New(rand.NewPCG(1, 2))
			r.Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
		},
	}
	for name, order := range orders {
		for _, size := range []int{8, 64, 72, 1480, 9000} {
			h := newHost(t, Config{})
			ps := split(payload, size)
			order(ps)
			h.inputPieces(7, payload, ps)
			if len(h.udp.received) != 1 || !bytes.Equal(h.udp.received[0].payload, payload) {
				t.Fatalf("%s, by %d bytes: not reassembled", name, size)
			}
			// What is handed up is a datagram as it would be if never fragmented.
			hdr, rest, err := Parse(h.udp.received[0].packet)
			if err != nil || hdr.fragment() || hdr.ID != 7 || !bytes.Equal(rest, payload) {
				t.Errorf("%s, by %d bytes: packet is %+v, %v", name, size, hdr, err)
			}
			n := uint64(len(ps))
			h.counts(Stats{InReceives: n, ReasmReqds: n, ReasmOKs: 1, InDelivers: 1})
			if h.reasm.memory != 0 || h.reasm.partly.len() != 0 {
				t.Errorf("%d bytes are still in use", h.reasm.memory)
			}
		}
	}
}

// The largest datagram there can be, in the smallest fragments, takes its time
// in proportion: each fragment is found its place without looking at the others.
func TestReassembleLargestInSmallest(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	payload := make([]byte, packet.MaxSize-minHeaderLen)
	ps := split(payload, 8)
	slices.Reverse(ps)
	h.inputPieces(1, payload, ps)
	if len(h.udp.received) != 1 || len(h.udp.received[0].packet) != packet.MaxSize {
		t.Error("not reassembled")
	}
}

func TestReassemblyKeepsDatagramsApart(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	one, two := udpPayload(3000), bytes.Repeat([]byte("x"), 3008)
	for i, p := range split(one, 1480) {
		h.input(h.ia, fragmentOf(1, one, p))
		h.input(h.ia, fragmentOf(2, two, split(two, 1480)[i]))
	}
	if len(h.udp.received) != 2 || !bytes.Equal(h.udp.received[0].payload, one) || !bytes.Equal(h.udp.received[1].payload, two) {
		t.Error("mixed up")
	}
}

func TestReassembledMemoryMayBeTaken(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	h.udp.take = true
	payload := udpPayload(5000)
	h.inputPieces(1, payload, split(payload, 1480)) // input checks that the reader's buffer is left
	if len(h.udp.taken) != 1 || h.udp.taken[0] == nil || !bytes.Equal(h.udp.taken[0].B[20:20+len(payload)], payload) {
		t.Error("the buffer taken is not the datagram's")
	}
}

// "When reassembling an IPv6 datagram, if one or more [of] its constituent
// fragments is determined to be an overlapping fragment, the entire datagram (and
// any constituent fragments, including those not yet received), MUST be silently
// discarded." https://www.rfc-editor.org/rfc/rfc5722#section-4
func TestOverlapEndsDatagram(t *testing.T) {
	t.Parallel()
	payload := udpPayload(4000)
	tests := map[string]piece{
		"start":    {0, 8},
		"end":      {1472, 1488},
		"within":   {16, 24},
		"around":   {1480 - 8, 2960 + 8},
		"not last": {2960, 4000},
	}
	for name, extra := range tests {
		h := newHost(t, Config{})
		ps := split(payload, 1480)
		h.inputPieces(1, payload, ps[:2])
		changed := bytes.Clone(payload)
		changed[extra.from] ^= 1
		if name == "not last" {
			h.inputPieces(1, append(changed, "more...."...), []piece{extra}) // with MF, where the last is to come
		} else {
			h.inputPieces(1, changed, []piece{extra})
		}
		h.inputPieces(1, payload, ps[2:])
		h.inputPieces(1, payload, ps) // and all of them once more
		if len(h.udp.received) != 0 {
			t.Errorf("%s: delivered", name)
		}
		if s := h.Stats(); s.DropReasmOverlap != 1 || s.ReasmFails != 1 || s.DropReasmLate == 0 || s.ReasmOKs != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestTwoEndsEndDatagram(t *testing.T) {
	t.Parallel()
	payload := udpPayload(4000)
	for name, ends := range map[string][2]int{"later": {2000, 3000}, "earlier": {3000, 2000}} {
		h := newHost(t, Config{})
		for i, end := range ends {
			h.inputPieces(1, payload[:end], []piece{{(end - 100) &^ 7, end}})
			_ = i
		}
		if s := h.Stats(); s.DropReasmOverlap != 1 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestDuplicateFragmentsAreIgnored(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	payload := udpPayload(4000)
	ps := split(payload, 1480)
	h.inputPieces(1, payload, []piece{ps[0], ps[0], ps[2], ps[2], ps[0], ps[1]})
	if len(h.udp.received) != 1 || !bytes.Equal(h.udp.received[0].payload, payload) {
		t.Error("not reassembled")
	}
	if s := h.Stats(); s.DropReasmDuplicate != 3 || s.ReasmFails != 0 {
		t.Errorf("%+v", s)
	}
}

func TestImpossibleFragments(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	for _, b := range [][]byte{
		build(Header{Protocol: 17, Src: peerA, Dst: hostA, MF: true}, make([]byte, 13)),
		build(Header{Protocol: 17, Src: peerA, Dst: hostA, MF: true}, nil),
		build(Header{Protocol: 17, Src: peerA, Dst: hostA, Offset: 80}, nil),
	} {
		h.input(h.ia, b)
	}
	h.counts(Stats{InReceives: 3, ReasmReqds: 3, ReasmFails: 3, DropReasmBadLength: 3})
	if h.reasm.memory != 0 {
		t.Error("they were kept")
	}
}

// A first fragment with more options than the others can make a datagram too
// large that none of them is.
func TestReassembledTooLarge(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	h.input(h.ia, build(Header{Protocol: 17, Src: peerA, Dst: hostA, MF: true, Options: bytes.Repeat([]byte{1}, 40)}, make([]byte, 32000)))
	h.input(h.ia, build(Header{Protocol: 17, Src: peerA, Dst: hostA, Offset: 32000}, make([]byte, 65515-32000)))
	if s := h.Stats(); len(h.udp.received) != 0 || s.ReasmFails != 1 || s.DropFragmentRange != 1 {
		t.Errorf("%d delivered, %+v", len(h.udp.received), s)
	}
}

func TestReassembledECN(t *testing.T) {
	t.Parallel()
	// https://www.rfc-editor.org/rfc/rfc3168#section-5.3
	const ect0, ect1, ce = 2, 1, 3
	tests := map[string]struct {
		first, last uint8
		want        int // -1: dropped
	}{
		"none":            {0, 0, 0},
		"one met it":      {ect0, ce, ce},
		"the first did":   {ce, ect1, ce},
		"CE and no ECN":   {ce, 0, -1},
		"no ECN and CE":   {0, ce, -1},
		"both capable":    {ect0, ect0, ect0},
		"differing ECT":   {ect0, ect1, ect0},
		"capable, or not": {ect0, 0, ect0},
	}
	for name, tt := range tests {
		h := newHost(t, Config{})
		h.input(h.ia, build(Header{Protocol: 17, TOS: 0x20 | tt.first, Src: peerA, Dst: hostA, MF: true}, make([]byte, 16)))
		h.input(h.ia, build(Header{Protocol: 17, TOS: 0x20 | tt.last, Src: peerA, Dst: hostA, Offset: 16}, make([]byte, 16)))
		got := -1
		if len(h.udp.received) == 1 {
			got = int(h.udp.received[0].tos) - 0x20
		}
		if got != tt.want || (got == -1) != (h.Stats().DropReasmECN == 1) {
			t.Errorf("%s: ECN is %d, want %d", name, got, tt.want)
		}
	}
}

func TestReassemblyTimesOut(t *testing.T) { synctest.Test(t, testReassemblyTimesOut) }

func testReassemblyTimesOut(t *testing.T) {
	h := newHost(t, Config{})
	payload := udpPayload(4000)
	ps := split(payload, 1480)
	h.inputPieces(1, payload, ps[:1])
	time.Sleep(time.Second)
	h.inputPieces(2, payload, ps[1:])
	time.Sleep(29*time.Second - time.Nanosecond)
	h.none(h.a)
	time.Sleep(time.Nanosecond)
	synctest.Wait()

	// "If the first fragment has been received, send a Time Exceeded"
	// https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2
	d := h.one(h.a)
	if d.icmp.TypeCode.Type() != icmpTimeExceeded || d.icmp.TypeCode.Code() != codeReassembly || d.to() != peerA || d.from() != hostA {
		t.Errorf("answered %+v", d)
	}
	if quoted := fragmentOf(1, payload, ps[0])[:548]; !bytes.Equal(d.icmp.Payload, quoted) {
		t.Error("what is quoted is not the start of the first fragment")
	}
	time.Sleep(time.Second)
	synctest.Wait()
	h.none(h.a) // of the second datagram, the first fragment never came
	if s := h.Stats(); s.DropReasmTimeout != 2 || s.ReasmFails != 2 {
		t.Errorf("%+v", s)
	}
	if h.reasm.memory != 0 || h.reasm.partly.len() != 0 {
		t.Errorf("%d bytes are still in use", h.reasm.memory)
	}

	h.inputPieces(1, payload, ps) // the identification is free again
	if len(h.udp.received) != 1 {
		t.Error("not reassembled")
	}
}

func TestOverlappedIsForgottenInTime(t *testing.T) { synctest.Test(t, testOverlappedIsForgottenInTime) }

func testOverlappedIsForgottenInTime(t *testing.T) {
	h := newHost(t, Config{ReassemblyTimeout: time.Second})
	payload := udpPayload(4000)
	ps := split(payload, 1480)
	h.inputPieces(1, payload, []piece{ps[0], {8, 16}})
	time.Sleep(time.Second)
	synctest.Wait()
	h.none(h.a) // silently
	h.inputPieces(1, payload, ps)
	if len(h.udp.received) != 1 {
		t.Error("not reassembled")
	}
	if s := h.Stats(); s.DropReasmTimeout != 0 || s.ReasmFails != 1 {
		t.Errorf("%+v", s)
	}
}

func TestReassemblyMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	h := newHost(t, Config{ReassemblyMemory: limit})
	payload := udpPayload(60_000)
	ps := split(payload, 8)
	for id := range uint16(2000) {
		h.inputPieces(id, payload, ps[:1])
		h.inputPieces(id, payload, ps[4000:4010])
		if h.reasm.memory > limit {
			t.Fatalf("%d bytes in use", h.reasm.memory)
		}
	}
	if s := h.Stats(); s.DropReasmMemory == 0 || s.DropReasmMemory+uint64(h.reasm.partly.len()) != 2000 || s.ReasmFails != s.DropReasmMemory {
		t.Errorf("%+v", s)
	}
	// The newest still becomes whole.
	h.inputPieces(5000, payload, split(payload, 1480))
	if len(h.udp.received) != 1 {
		t.Error("not reassembled")
	}
}

func TestReassemblyOff(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{ReassemblyMemory: -1})
	payload := udpPayload(4000)
	h.inputPieces(1, payload, split(payload, 1480))
	h.counts(Stats{InReceives: 3, ReasmReqds: 3, ReasmFails: 3, DropReasmDisabled: 3})
}

func TestCloseDropsFragments(t *testing.T) { synctest.Test(t, testCloseDropsFragments) }

func testCloseDropsFragments(t *testing.T) {
	h := newHost(t, Config{})
	payload := udpPayload(4000)
	h.inputPieces(1, payload, split(payload, 1480)[:2])
	h.Close()
	time.Sleep(time.Minute)
	h.none(h.a)
	if s := h.Stats(); s.DropReasmInterrupted != 1 || s.DropReasmTimeout != 0 || h.reasm.partly.len() != 0 {
		t.Errorf("%+v", s)
	}
}

// FuzzReassembly: a datagram arrives as it was, however it is split and in
// whatever order, with repetitions; and never if two of its fragments overlap.
func FuzzReassembly(f *testing.F) {
	f.Add(uint16(3000), uint64(1), []byte{1, 9, 200}, false)
	f.Add(uint16(60000), uint64(2), []byte{255, 255, 1}, true)
	f.Fuzz(func(t *testing.T, size uint16, seed uint64, cuts []byte, overlap bool) {
		payload := udpPayload(max(int(size)%(packet.MaxSize-28), 9))
		var ps []piece
		for at, i := 0, 0; at < len(payload); i++ {
			n := 1480
			if len(cuts) > 0 {
				n = 8 * (1 + int(cuts[i%len(cuts)]))
			}
			ps = append(ps, piece{at, min(at+n, len(payload))})
			at += n
		}
		if len(ps) == 1 {
			ps = []piece{{0, 8}, {8, len(payload)}}
		}
		r := rand.New(rand.NewPCG(seed, 0))
		ps = append(ps, ps[r.IntN(len(ps))])
		r.Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
		h := newHost(t, Config{ReassemblyMemory: 16 << 20})
		if overlap {
			// Another fragment with other bytes, at a random place before the datagram
			// is whole.
			from := r.IntN(len(payload)) &^ 7
			h.inputPieces(1, payload, ps[:1])
			other := bytes.Repeat([]byte{0xa5}, len(payload)+8)
			h.inputPieces(1, other, []piece{{from, from + 8*(1+r.IntN((len(payload)-from+7)/8))}})
			ps = ps[1:]
		}
		h.inputPieces(1, payload, ps)
		if overlap {
			if len(h.udp.received) != 0 {
				t.Fatal("delivered in spite of the overlap")
			}
			return
		}
		if len(h.udp.received) != 1 || !bytes.Equal(h.udp.received[0].payload, payload) {
			t.Fatalf("%d delivered", len(h.udp.received))
		}
		if h.reasm.memory < 0 || h.reasm.memory > datagramCost+1480+fragmentCost+2048 {
			t.Fatalf("%d bytes are in use", h.reasm.memory) // the repeated one may have begun another
		}
	})
}

func BenchmarkReassemble(b *testing.B) {
	h := newHost(b, Config{})
	h.Handle(protocolUDP, discard{})
	payload := udpPayload(8000)
	var fs [][]byte
	for _, p := range split(payload, 1480) {
		fs = append(fs, fragmentOf(1, payload, p))
	}
	buf := packet.Get(2048)
	h.in.Fill(buf)
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		for _, f := range fs {
			h.Layer.Input(h.ia, &h.in, buf.B[:copy(buf.B, f)], packet.Offload{})
		}
	}
}
