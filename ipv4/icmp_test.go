package ipv4

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	for _, n := range []int{0, 1, 56, 1472} {
		data := bytes.Repeat([]byte{0x5a}, n)
		b := build(Header{Protocol: 1, TOS: 0xb9, Src: peerA, Dst: hostB}, icmpMessage(icmpEcho, 0, 0x12345678, data))
		h.input(h.ia, b)
		d := h.one(h.a)
		// "the source address MUST be the same as the specific-destination address",
		// "Data received MUST be entirely included" https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
		if d.from() != hostB || d.to() != peerA || d.icmp.TypeCode.Type() != icmpEchoReply ||
			d.icmp.Id != 0x1234 || d.icmp.Seq != 0x5678 || !bytes.Equal(d.icmp.Payload, data) {
			t.Errorf("%d bytes: answered %+v", n, d)
		}
		if d.TTL != 64 || d.TOS != 0xb8 {
			t.Errorf("TTL %d, TOS %#x", d.TTL, d.TOS)
		}
	}
	if s := h.ICMPStats(); s != (ICMPStats{InMsgs: 4, InEchos: 4, OutMsgs: 4, OutEchoReps: 4}) {
		t.Errorf("%+v", s)
	}
}

// An echo request in fragments is answered in fragments.
func TestEchoFragmented(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	message := icmpMessage(icmpEcho, 0, 1, bytes.Repeat([]byte("ping"), 16000))
	for _, p := range split(message, 1480) {
		h.input(h.ia, build(Header{Protocol: 1, ID: 5, Src: peerA, Dst: hostA, Offset: p.from, MF: p.to < len(message)}, message[p.from:p.to]))
	}
	var data []byte
	for _, s := range h.a.take() {
		data = append(data, s.b[20:]...)
	}
	if !bytes.Equal(data, icmpMessage(icmpEchoReply, 0, 1, message[8:])) {
		t.Errorf("answered %d bytes", len(data))
	}
}

// Echo replies are not rate limited.
func TestEchoFlood(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{ICMPRate: 1})
	for range 5000 {
		h.input(h.ia, icmpFrom(peerA, hostA, icmpEcho, 0, 1, nil))
	}
	if n := len(h.a.take()); n != 5000 {
		t.Errorf("%d of 5000 answered", n)
	}
}

func TestICMPDrops(t *testing.T) {
	t.Parallel()
	all := netip.MustParseAddr("192.0.2.255")
	wrong := icmpFrom(peerA, hostA, icmpEcho, 0, 1, []byte("data"))
	wrong[30] ^= 1
	quote := udpTo(hostA, peerA, 20)
	in := func(typ, code uint8, rest uint32, body []byte) []byte {
		return icmpFrom(peerA, hostA, typ, code, rest, body)
	}
	later := build(Header{Protocol: 17, Src: hostA, Dst: peerA, Offset: 8}, make([]byte, 20))
	tests := map[string]struct {
		b    []byte
		want ICMPStats
	}{
		"short":               {build(Header{Protocol: 1, Src: peerA, Dst: hostA}, make([]byte, 7)), ICMPStats{InErrors: 1, DropShort: 1}},
		"checksum":            {wrong, ICMPStats{InErrors: 1, DropChecksum: 1}},
		"echo to all":         {icmpFrom(peerA, all, icmpEcho, 0, 1, nil), ICMPStats{InEchos: 1, DropBroadcast: 1}},
		"timestamp":           {in(13, 0, 0, make([]byte, 12)), ICMPStats{DropType: 1}},
		"unknown":             {in(99, 0, 0, nil), ICMPStats{DropType: 1}},
		"redirect":            {in(icmpRedirect, 1, 0, quote), ICMPStats{InRedirects: 1, DropType: 1}},
		"source quench":       {in(icmpSourceQuench, 0, 0, quote), ICMPStats{InSrcQuenchs: 1, DropType: 1}},
		"nobody's reply":      {in(icmpEchoReply, 0, 1, nil), ICMPStats{InEchoReps: 1, DropUnknownEcho: 1}},
		"no quote":            {in(icmpUnreachable, 3, 0, nil), ICMPStats{InDestUnreachs: 1, InErrors: 1, DropQuote: 1}},
		"27 bytes quoted":     {in(icmpUnreachable, 3, 0, quote[:27]), ICMPStats{InDestUnreachs: 1, InErrors: 1, DropQuote: 1}},
		"a later fragment":    {in(icmpTimeExceeded, 1, 0, later), ICMPStats{InTimeExcds: 1, InErrors: 1, DropQuote: 1}},
		"somebody's packet":   {in(icmpUnreachable, 3, 0, udpTo(peerB, peerA, 20)), ICMPStats{InDestUnreachs: 1, DropForeign: 1}},
		"sent to a group":     {in(icmpUnreachable, 3, 0, udpTo(hostA, netip.MustParseAddr("224.0.0.1"), 20)), ICMPStats{InDestUnreachs: 1, DropForeign: 1}},
		"to another address":  {icmpFrom(peerA, hostB, icmpUnreachable, 3, 0, quote), ICMPStats{InDestUnreachs: 1, DropForeign: 1}},
		"to all":              {icmpFrom(peerA, all, icmpUnreachable, 3, 0, udpTo(all, peerA, 20)), ICMPStats{InDestUnreachs: 1, DropForeign: 1}},
		"MTU 67":              {in(icmpUnreachable, 4, 67, quote), ICMPStats{InDestUnreachs: 1, InErrors: 1, DropMTU: 1}},
		"no such protocol":    {in(icmpParamProblem, 0, 0, build(Header{Protocol: 99, Src: hostA, Dst: peerA}, make([]byte, 8))), ICMPStats{InParmProbs: 1, DropNoHandler: 1}},
		"echo of nobody":      {in(icmpTimeExceeded, 0, 0, icmpFrom(hostA, distant, icmpEcho, 0, 1, nil)), ICMPStats{InTimeExcds: 1, DropUnknownEcho: 1}},
		"about an echo reply": {in(icmpTimeExceeded, 0, 0, icmpFrom(hostA, distant, icmpEchoReply, 0, 1, nil)), ICMPStats{InTimeExcds: 1, DropUnknownEcho: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, Config{})
			h.input(h.ia, tt.b)
			tt.want.InMsgs = 1
			if got := h.ICMPStats(); got != tt.want {
				t.Errorf("counters are\n%+v, want\n%+v", got, tt.want)
			}
			h.none(h.a)
		})
	}
}

// "An ICMP error message MUST NOT be sent as the result of receiving: an ICMP
// error message, or a datagram destined to an IP broadcast or IP multicast
// address, or a datagram sent as a link-layer broadcast, or a non-initial
// fragment, or a datagram whose source address does not define a single host"
// https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
func TestNoErrorAbout(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr
	ttl1 := func(h Header, payload []byte) []byte {
		h.TTL = 1
		return build(h, payload)
	}
	tests := map[string]struct {
		b    []byte
		want ICMPStats
	}{
		"an error": {
			ttl1(Header{Protocol: 1, Src: peerA, Dst: peerB}, icmpMessage(icmpUnreachable, 3, 0, make([]byte, 28))),
			ICMPStats{NoErrorForError: 1},
		},
		"an unknown ICMP type": {
			ttl1(Header{Protocol: 1, Src: peerA, Dst: peerB}, icmpMessage(77, 0, 0, nil)),
			ICMPStats{NoErrorForError: 1},
		},
		"ICMP of no type": {ttl1(Header{Protocol: 1, Src: peerA, Dst: peerB}, nil), ICMPStats{NoErrorForError: 1}},
		"a later fragment": {
			ttl1(Header{Protocol: 17, Src: peerA, Dst: peerB, Offset: 8}, make([]byte, 8)),
			ICMPStats{NoErrorForFragment: 1},
		},
		"a broadcast": {
			build(Header{Protocol: 99, Src: peerA, Dst: addr("192.0.2.255")}, nil),
			ICMPStats{NoErrorForBroadcast: 1},
		},
		"a source without a way back": {
			ttl1(Header{Protocol: 17, Src: distant, Dst: peerB}, make([]byte, 8)),
			ICMPStats{NoErrorForSource: 1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newRouter(t)
			h.input(h.ia, tt.b)
			h.none(h.a)
			h.none(h.b)
			if got := h.ICMPStats(); got != tt.want {
				t.Errorf("counters are\n%+v, want\n%+v", got, tt.want)
			}
		})
	}
	// About an echo request there may be one: traceroute -I lives by it.
	h := newRouter(t)
	b := ttl1(Header{Protocol: 1, Src: peerA, Dst: peerB}, icmpMessage(icmpEcho, 0, 1, make([]byte, 20)))
	h.input(h.ia, b)
	h.wantError(h.a, hostA, icmpTimeExceeded, codeTransit, b)

	// The source is checked again for those who call PortUnreachable.
	for _, src := range []string{"0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.255"} {
		h.PortUnreachable(&packet.In{Packet: udpTo(addr(src), hostA, 1)})
		h.none(h.a)
	}
	h.PortUnreachable(&packet.In{})
}

func TestParameterProblem(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	b := build(Header{Protocol: 17, Src: peerA, Dst: hostA, Options: []byte{1, 7, 99, 0}}, udpPayload(1))
	h.input(h.ia, b)
	d := h.wantError(h.a, hostA, icmpParamProblem, 0, b)
	if pointer := d.Payload[4]; pointer != 22 {
		t.Errorf("pointer %d, want 22, the option's length", pointer)
	}
	if s := h.Stats(); s.DropOptions != 1 || s.InHdrErrors != 1 {
		t.Errorf("%+v", s)
	}
}

func TestPortUnreachable(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	for _, n := range []int{0, 519, 520, 521, 1400} {
		b := build(Header{TOS: 0xb9, Protocol: 17, Src: peerA, Dst: hostA}, udpPayload(n))
		h.input(h.ia, b)
		h.in.Packet = b
		h.PortUnreachable(&h.in)
		d := h.wantError(h.a, hostA, icmpUnreachable, codePort, b)
		if len(d.raw) > 576 || d.TOS != 0xd8 {
			t.Errorf("%d bytes, TOS %#x", len(d.raw), d.TOS)
		}
	}
}

// A packet whose checksum the sender left to its device is quoted with all of it.
func TestQuoteHasItsChecksum(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	want := udpTo(peerA, hostA, 5)
	udp := want[20:]
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	partial := func(b []byte) uint16 {
		var s checksum.Sum
		s.AddPseudo(peerA, hostA, 17, len(udp))
		s.Add(b)
		return s.Fold()
	}
	binary.BigEndian.PutUint16(udp[6:], 0)
	sum := ^partial(udp)
	b := bytes.Clone(want)
	binary.BigEndian.PutUint16(want[26:], sum)
	binary.BigEndian.PutUint16(b[26:], partial(nil))
	h.in.Packet = b
	h.in.Offload = packet.Offload{Csum: packet.CsumPartial, CsumStart: 20, CsumOffset: 6}
	h.PortUnreachable(&h.in)
	h.wantError(h.a, hostA, icmpUnreachable, codePort, want)
}

func TestErrorsAreRateLimited(t *testing.T) { synctest.Test(t, testErrorsAreRateLimited) }

func testErrorsAreRateLimited(t *testing.T) {
	h := newHost(t, Config{ICMPRate: 1000})
	h.addRoute(Entry{Dst: prefix("10.0.0.0/8"), Gateway: peerA})
	flood := func(src netip.Addr, n int) int {
		for range n {
			h.in.Packet = udpTo(src, hostA, 1)
			h.PortUnreachable(&h.in)
		}
		return len(h.a.take())
	}
	if n := flood(peerA, 1000); n != 10 {
		t.Errorf("one destination got %d at once, want 10", n)
	}
	time.Sleep(50 * time.Millisecond)
	if n := flood(peerA, 1000); n != 5 {
		t.Errorf("one destination got %d after 50 ms, want 5", n)
	}
	time.Sleep(time.Minute)
	total := 0
	for i := range 1000 {
		total += flood(addr4(10<<24+uint32(i)), 2)
	}
	if total != 100 {
		t.Errorf("all got %d at once, want 100", total)
	}
	s := h.ICMPStats()
	if s.OutDestUnreachs != 115 || s.OutMsgs != 115 || s.RateLimitGlobal+s.RateLimitPeer != s.OutErrors || s.OutErrors != 4000-115 {
		t.Errorf("%+v", s)
	}

	h = newHost(t, Config{ICMPRate: -1})
	if n := flood(peerA, 10_000); n != 10_000 {
		t.Errorf("without limit: %d of 10000", n)
	}
}

// To itself, a host is not limited: a program that tries closed ports on
// 127.0.0.1 gets each refusal.
func TestErrorsToItselfAreNotLimited(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{ICMPRate: 1})
	r := h.route(lo)
	for range 500 {
		wantErr(t, "send", r.Send(udpOut(1)), nil)
		for _, s := range h.lo.take() {
			h.in.Packet = s.b
			h.PortUnreachable(&h.in)
		}
		h.loop()
	}
	if len(h.udp.controls) != 500 || h.udp.controls[0].Err != syscall.ECONNREFUSED {
		t.Errorf("%d refusals", len(h.udp.controls))
	}
}

// The errors are those that Linux reports, by its icmp_err_convert.
func TestControl(t *testing.T) {
	t.Parallel()
	tests := []struct {
		typ, code uint8
		rest      uint32
		err       syscall.Errno
		hard      bool
		mtu       int
	}{
		{3, 0, 0, syscall.ENETUNREACH, false, 0},
		{3, 1, 0, syscall.EHOSTUNREACH, false, 0},
		{3, 2, 0, syscall.ENOPROTOOPT, true, 0},
		{3, 3, 0, syscall.ECONNREFUSED, true, 0},
		{3, 4, 1400, syscall.EMSGSIZE, false, 1400},
		{3, 4, 0xffff0044, syscall.EMSGSIZE, false, 68},
		{3, 4, 0, syscall.EMSGSIZE, false, 1492},
		{3, 5, 0, syscall.EOPNOTSUPP, false, 0},
		{3, 6, 0, syscall.ENETUNREACH, true, 0},
		{3, 7, 0, syscall.EHOSTDOWN, true, 0},
		{3, 8, 0, errNoNet, true, 0},
		{3, 9, 0, syscall.ENETUNREACH, true, 0},
		{3, 10, 0, syscall.EHOSTUNREACH, true, 0},
		{3, 11, 0, syscall.ENETUNREACH, false, 0},
		{3, 12, 0, syscall.EHOSTUNREACH, false, 0},
		{3, 13, 0, syscall.EHOSTUNREACH, true, 0},
		{3, 14, 0, syscall.EHOSTUNREACH, true, 0},
		{3, 15, 0, syscall.EHOSTUNREACH, true, 0},
		{3, 16, 0, syscall.EHOSTUNREACH, false, 0},
		{3, 255, 0, syscall.EHOSTUNREACH, false, 0},
		{11, 0, 0, syscall.EHOSTUNREACH, false, 0},
		{11, 1, 0, syscall.EHOSTUNREACH, false, 0},
		{12, 0, 20 << 24, syscall.EPROTO, true, 0},
	}
	quote := build(Header{Protocol: 17, Src: hostA, Dst: distant}, udpPayload(1472))
	for _, tt := range tests {
		h := newHost(t, Config{})
		h.input(h.ib, icmpFrom(peerB, hostA, tt.typ, tt.code, tt.rest, quote[:28]))
		if len(h.udp.controls) != 1 {
			t.Fatalf("type %d code %d: %d controls", tt.typ, tt.code, len(h.udp.controls))
		}
		c := h.udp.controls[0]
		if c.Err != tt.err || c.Hard != tt.hard || c.MTU != tt.mtu || c.Local != hostA || c.Remote != distant || !bytes.Equal(c.Quoted, quote[20:28]) {
			t.Errorf("type %d code %d: %+v", tt.typ, tt.code, c)
		}
		h.none(h.b)
	}
}

func TestPlateaus(t *testing.T) {
	t.Parallel()
	// https://www.rfc-editor.org/rfc/rfc1191#section-7.1
	for total, want := range map[int]int{65535: 32000, 32000: 17914, 1500: 1492, 1492: 1006, 1006: 508, 508: 296, 100: 68, 68: 68, 0: 68} {
		if got := nextHopMTU(icmpHeader{}, &Header{TotalLen: total}); got != want {
			t.Errorf("of %d bytes: %d, want %d", total, got, want)
		}
	}
}

func TestICMPHeader(t *testing.T) {
	t.Parallel()
	b := icmpMessage(3, 4, 0x01020304, []byte("odd"))
	h, body, ok := parseICMP(b)
	if !ok || h != (icmpHeader{3, 4, 0x01020304}) || string(body) != "odd" || binary.BigEndian.Uint32(b[4:]) != 0x01020304 {
		t.Errorf("%+v, %q", h, body)
	}
}
