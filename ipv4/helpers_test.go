package ipv4

import (
	"bytes"
	"errors"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

// Addresses of the tests: the host has hostA on its link a, hostB on its link b.
var (
	hostA   = netip.MustParseAddr("192.0.2.1")
	peerA   = netip.MustParseAddr("192.0.2.9")
	hostB   = netip.MustParseAddr("198.51.100.1")
	peerB   = netip.MustParseAddr("198.51.100.9")
	distant = netip.MustParseAddr("203.0.113.7")
	lo      = netip.MustParseAddr("127.0.0.1")
)

// sent is a packet that a device was given.
type sent struct {
	b []byte
	o packet.Offload
}

// fakeDevice records what is written to it.
type fakeDevice struct {
	name     string
	mtu      int
	features packet.Features
	discard  bool // records nothing

	mu   sync.Mutex
	err  error
	sent []sent
}

func (d *fakeDevice) Name() string              { return d.name }
func (d *fakeDevice) MTU() int                  { return d.mtu }
func (d *fakeDevice) Features() packet.Features { return d.features }

func (d *fakeDevice) Write(p *packet.Out) error {
	if d.discard {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	d.sent = append(d.sent, sent{p.AppendTo(nil), p.Offload})
	return nil
}

// take returns what was written since the last call.
func (d *fakeDevice) take() []sent {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.sent
	d.sent = nil
	return s
}

// received is a packet that a handler was given, in copy.
type received struct {
	src, dst  netip.Addr
	ttl, tos  uint8
	broadcast bool
	csum      packet.Csum
	packet    []byte
	payload   []byte
}

// recorder is a Handler that records.
type recorder struct {
	received []received
	controls []packet.Control
	take     bool // the packets' memory
	taken    []*packet.Buffer
}

func (r *recorder) Receive(in *packet.In) {
	r.received = append(r.received, received{
		in.Src, in.Dst, in.TTL, in.TOS, in.Broadcast, in.Csum, bytes.Clone(in.Packet), bytes.Clone(in.Payload),
	})
	if r.take {
		r.taken = append(r.taken, in.Take())
	}
}

func (r *recorder) Control(c *packet.Control) {
	k := *c
	k.Quoted = bytes.Clone(c.Quoted)
	r.controls = append(r.controls, k)
}

// host is a layer with two links and a loopback, which a test converses with.
type host struct {
	testing.TB
	*Layer
	a, b, lo    *fakeDevice
	ia, ib, ilo *Interface
	udp         *recorder
	in          packet.In
}

func newHost(t testing.TB, c Config) *host {
	t.Helper()
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	h := &host{
		TB: t, Layer: l, udp: &recorder{},
		a:  &fakeDevice{name: "a", mtu: 1500},
		b:  &fakeDevice{name: "b", mtu: 1500},
		lo: &fakeDevice{name: "lo", mtu: packet.MaxSize},
	}
	h.ia = h.addInterface(h.a, "192.0.2.1/24")
	h.ib = h.addInterface(h.b, "198.51.100.1/24")
	h.ilo = h.addInterface(h.lo, "127.0.0.1/8")
	l.Handle(protocolUDP, h.udp)
	return h
}

func (h *host) addInterface(dev Device, addr string) *Interface {
	h.Helper()
	i, err := h.AddInterface(dev)
	if err == nil {
		err = i.AddAddress(netip.MustParsePrefix(addr))
	}
	if err != nil {
		h.Fatal(err)
	}
	return i
}

// input gives the host a packet through i.
func (h *host) input(i *Interface, b []byte) { h.inputOffload(i, b, packet.Offload{}) }

func (h *host) inputOffload(i *Interface, b []byte, o packet.Offload) {
	h.Helper()
	buf := packet.Get(len(b))
	h.in.Fill(buf)
	h.Layer.Input(i, &h.in, buf.B[:copy(buf.B, b)], o)
	if got := h.in.Buffer(); got != nil && got != buf {
		h.Error("Input left another buffer than it was given")
	}
	if got := h.in.Take(); got != nil {
		got.Release()
	}
}

// loop gives the host what it sent to loopback, until that is nothing more.
func (h *host) loop() {
	for range 10 {
		for _, s := range h.lo.take() {
			h.inputOffload(h.ilo, s.b, s.o)
		}
	}
}

// route returns the route from hostA, or whatever fits, to remote.
func (h *host) route(remote netip.Addr) packet.Route {
	h.Helper()
	r, err := h.Route(netip.Addr{}, remote)
	if err != nil {
		h.Fatal(err)
	}
	return r
}

// one returns the only packet that d was given, decoded.
func (h *host) one(d *fakeDevice) decoded {
	h.Helper()
	s := d.take()
	if len(s) != 1 {
		h.Fatalf("device %s was given %d packets, want 1", d.name, len(s))
	}
	return decode(h, s[0].b)
}

// none checks that d was given nothing.
func (h *host) none(d *fakeDevice) {
	h.Helper()
	if s := d.take(); len(s) != 0 {
		h.Fatalf("device %s was given %d packets, want none", d.name, len(s))
	}
}

// counts checks counters.
func (h *host) counts(want Stats) {
	h.Helper()
	if got := h.Stats(); got != want {
		h.Errorf("counters are\n%+v, want\n%+v", got, want)
	}
}

// decoded is a packet as gopacket reads it.
type decoded struct {
	layers.IPv4
	icmp layers.ICMPv4
	raw  []byte
}

// decode reads b by gopacket, and checks both checksums.
func decode(t testing.TB, b []byte) (d decoded) {
	t.Helper()
	if err := d.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		t.Fatalf("gopacket can't read % x: %v", b, err)
	}
	if int(d.Length) != len(b) {
		t.Fatalf("total length is %d in a packet of %d", d.Length, len(b))
	}
	if checksum.Checksum(b[:int(d.IHL)*4]) != 0 {
		t.Fatalf("wrong header checksum in % x", b)
	}
	if d.Protocol == layers.IPProtocolICMPv4 && d.FragOffset == 0 && d.Flags&layers.IPv4MoreFragments == 0 {
		if err := d.icmp.DecodeFromBytes(d.Payload, gopacket.NilDecodeFeedback); err != nil {
			t.Fatalf("gopacket can't read ICMP % x: %v", d.Payload, err)
		}
		if checksum.Checksum(d.Payload) != 0 {
			t.Fatalf("wrong ICMP checksum in % x", d.Payload)
		}
	}
	d.raw = b
	return d
}

func (d *decoded) from() netip.Addr { a, _ := netip.AddrFromSlice(d.SrcIP.To4()); return a }
func (d *decoded) to() netip.Addr   { a, _ := netip.AddrFromSlice(d.DstIP.To4()); return a }

// build returns a packet with header h, its length filled in, and payload.
func build(h Header, payload []byte) []byte {
	if h.TTL == 0 {
		h.TTL = 64
	}
	h.TotalLen = h.Len() + len(payload)
	return append(h.AppendTo(nil), payload...)
}

// udpTo returns a UDP packet with n bytes of data, without a checksum.
func udpTo(src, dst netip.Addr, n int) []byte {
	return build(Header{Protocol: protocolUDP, Src: src, Dst: dst}, udpPayload(n))
}

func udpPayload(n int) []byte {
	b := []byte{0x30, 0x39, 0, 7, byte((n + 8) >> 8), byte(n + 8), 0, 0}
	for i := range n {
		b = append(b, byte(i*7))
	}
	return b
}

// icmpMessage returns an ICMP message with its checksum.
func icmpMessage(typ, code uint8, rest uint32, body []byte) []byte {
	p := packet.NewOut()
	defer p.Release()
	p.Body[0] = body
	icmpHeader{typ, code, rest}.prepend(p)
	return p.AppendTo(nil)
}

// icmpFrom returns a packet with an ICMP message.
func icmpFrom(src, dst netip.Addr, typ, code uint8, rest uint32, body []byte) []byte {
	return build(Header{Protocol: protocolICMP, Src: src, Dst: dst}, icmpMessage(typ, code, rest, body))
}

// addr4 returns the address that bits4 made the number of.
func addr4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// wantErr checks that err is want.
func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}
