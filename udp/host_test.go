package udp

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	other    = netip.MustParseAddr("127.0.0.2")
	foreign  = netip.MustParseAddr("192.0.2.1")
)

// host is a network of one host that has all of 127/8: what its layer sends
// comes back to it before Send returns.
type host struct {
	*Layer

	mu     sync.Mutex
	routes int            // calls of Route
	edit   func([]byte)   // changes a datagram on its way
	off    packet.Offload // of what arrives; its Csum is what the device says of a good checksum
	refuse syscall.Errno  // what Send returns
	refIn  []bool         // the Broadcast flag of each packet refused
	shrunk bool           // what splits datagrams has gone when they are sent
}

func newHost(t testing.TB, cfg Config) *host {
	h := &host{}
	l, err := New(h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.Layer = l
	t.Cleanup(func() { l.Close() })
	return h
}

func (h *host) IsLocal(a netip.Addr) bool { return a.IsLoopback() }

func (h *host) Route(local, remote netip.Addr) (packet.Route, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.routes++
	if !remote.IsLoopback() {
		return nil, syscall.ENETUNREACH
	}
	if !local.IsValid() {
		local = loopback
	}
	return &path{h, local, remote}, nil
}

func (h *host) PortUnreachable(in *packet.In) {
	h.mu.Lock()
	h.refIn = append(h.refIn, in.Broadcast)
	h.mu.Unlock()
	h.Control(&packet.Control{
		Local: in.Src, Remote: in.Dst, Quoted: in.Payload[:HeaderLen], Err: syscall.ECONNREFUSED, Hard: true,
	})
}

type path struct {
	h             *host
	local, remote netip.Addr
}

func (p *path) Local() netip.Addr  { return p.local }
func (p *path) Remote() netip.Addr { return p.remote }
func (p *path) MTU() int           { return packet.MaxSize }
func (p *path) LowerMTU(int)       {}
func (p *path) Features() packet.Features {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	if p.h.shrunk {
		return packet.USO | packet.TxChecksum
	}
	return 0
}

// ipv4Header is the room that a network layer's header takes.
const ipv4Header = 20

func (p *path) Send(out *packet.Out) error {
	p.h.mu.Lock()
	refuse, edit, off := p.h.refuse, p.h.edit, p.h.off
	if p.h.shrunk && out.GSO != packet.GSONone {
		refuse = syscall.EMSGSIZE
	}
	p.h.mu.Unlock()
	if refuse != 0 {
		return refuse
	}
	if out.Len()+ipv4Header > packet.MaxSize {
		return syscall.EMSGSIZE
	}
	buf := packet.Get(out.Len())
	b := out.AppendTo(buf.B[:0])
	complete(b, out.Offload)
	if edit != nil {
		edit(b)
	}
	in := &packet.In{Offload: off, Src: p.local, Dst: p.remote, Packet: b, Payload: b}
	in.Fill(buf)
	p.h.Receive(in)
	if buf := in.Buffer(); buf != nil {
		buf.Release()
	}
	return nil
}

// complete does what a device does with a partial checksum.
func complete(b []byte, o packet.Offload) {
	if o.Csum != packet.CsumPartial {
		return
	}
	sum := checksum.Checksum(b)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[o.CsumOffset:], sum)
}

// inject makes a packet of b arrive, in memory of size bytes, or in none that a
// socket could take if size is 0.
func (h *host) inject(b []byte, size int, change func(*packet.In)) {
	in := &packet.In{Src: other, Dst: loopback, Packet: b, Payload: b}
	if size > 0 {
		buf := packet.Get(size)
		in.Payload = buf.B[:copy(buf.B, b)]
		in.Packet = in.Payload
		in.Fill(buf)
	}
	if change != nil {
		change(in)
	}
	h.Receive(in)
	if buf := in.Buffer(); buf != nil {
		buf.Release()
	}
}

// datagram is one with a good checksum, from other to loopback.
func datagram(src, dst uint16, payload string) []byte {
	h := Header{SrcPort: src, DstPort: dst, Length: uint16(HeaderLen + len(payload))}
	h.Checksum = pseudoSum(other, loopback, int(h.Length))
	b := append(h.AppendTo(nil), payload...)
	complete(b, packet.Offload{Csum: packet.CsumPartial, CsumOffset: checksumOffset})
	return b
}

func (h *host) listen(t testing.TB, port uint16) *Conn {
	t.Helper()
	c, err := h.Listen(netip.AddrPortFrom(loopback, port))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (h *host) dial(t testing.TB, to *Conn) *Conn {
	t.Helper()
	c, err := h.Dial(netip.AddrPort{}, to.local)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// want reads a datagram and checks it.
func (c *Conn) want(t testing.TB, payload string) {
	t.Helper()
	b := make([]byte, len(payload)+1)
	n, err := c.Read(b)
	if err != nil || string(b[:n]) != payload {
		t.Fatalf("Read = %q, %v; want %q", b[:n], err, payload)
	}
}
