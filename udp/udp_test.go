package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/ephemeral"
	"github.com/tinystack/tinystack/packet"
)

func TestConfigRange(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, 1, minReadBuffer - 1, maxReadBuffer + 1} {
		if _, err := New(&host{}, Config{ReadBuffer: n}); err == nil || !strings.Contains(err.Error(), "Config.ReadBuffer") {
			t.Errorf("ReadBuffer %d: error %v", n, err)
		}
	}
	for _, n := range []int{0, minReadBuffer, maxReadBuffer} {
		if _, err := New(&host{}, Config{ReadBuffer: n}); err != nil {
			t.Errorf("ReadBuffer %d: %v", n, err)
		}
	}
}

func TestChecksum(t *testing.T) {
	t.Parallel()
	wrong := func(b []byte) { b[checksumOffset] ^= 1 }
	none := func(b []byte) { b[checksumOffset], b[checksumOffset+1] = 0, 0 }
	tests := []struct {
		name      string
		csum      packet.Csum
		edit      func([]byte)
		delivered bool
	}{
		{"good", packet.CsumFull, nil, true},
		{"wrong", packet.CsumFull, wrong, false},
		{"payload changed", packet.CsumFull, func(b []byte) { b[len(b)-1] ^= 1 }, false},
		{"none", packet.CsumFull, none, true},
		{"not completed, but never left the machine", packet.CsumPartial, wrong, true},
		{"verified by the device", packet.CsumValid, wrong, true},
	}
	for _, test := range tests {
		h := newHost(t, Config{})
		c := h.listen(t, 53)
		b := datagram(7, 53, "data")
		if test.edit != nil {
			test.edit(b)
		}
		h.inject(b, 2048, func(in *packet.In) { in.Csum = test.csum })
		if s := h.Stats(); test.delivered != (s.InDatagrams == 1) || test.delivered == (s.InCsumErrors == 1) || s.InErrors != s.InCsumErrors {
			t.Errorf("%s: %+v", test.name, s)
		}
		if test.delivered {
			c.want(t, "data")
		}
	}
}

// "If the computed checksum is zero, it is transmitted as all ones" (RFC 768):
// a payload is made whose sum is zero, and must arrive as checked.
func TestZeroChecksumIsSentAsOnes(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	var sent []uint16
	h.edit = func(b []byte) { sent = append(sent, binary.BigEndian.Uint16(b[checksumOffset:])) }
	payload := []byte{0, 0}
	client.Write(payload)
	binary.BigEndian.PutUint16(payload, sent[0]) // cancels all the rest
	client.Write(payload)
	if sent[1] != 0xffff {
		t.Fatalf("checksum on the wire is %#x, want 0xffff", sent[1])
	}
	server.want(t, "\x00\x00")
	server.want(t, string(payload))
}

func TestBadHeadersAreCounted(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	h.listen(t, 53)
	b := datagram(7, 53, "data")
	h.inject(b[:HeaderLen-1], 0, nil)
	h.inject(b[:len(b)-1], 0, nil)
	if s := h.Stats(); s.InHdrErrors != 2 || s.InErrors != 2 || s.NoPorts != 0 {
		t.Errorf("%+v", s)
	}
}

// "If a UDP datagram arrives addressed to a UDP port for which there is no
// pending LISTEN call, UDP SHOULD send an ICMP Port Unreachable" (RFC 1122
// 4.1.3.1), but for broadcasts (3.2.2), which reach a socket for all addresses.
func TestPortUnreachable(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	broadcast := func(in *packet.In) {
		in.Dst, in.Broadcast, in.Csum = netip.MustParseAddr("255.255.255.255"), true, packet.CsumValid
	}
	h.inject(datagram(7, 53, "data"), 0, nil)
	h.inject(datagram(7, 53, "data"), 0, broadcast)
	if s := h.Stats(); s.NoPorts != 2 || s.InErrors != 0 {
		t.Errorf("%+v", s)
	}
	if len(h.refIn) != 1 || h.refIn[0] {
		t.Errorf("%d answered with port unreachable, want the unicast one only", len(h.refIn))
	}
	c, err := h.Listen(netip.AddrPortFrom(netip.Addr{}, 53))
	if err != nil {
		t.Fatal(err)
	}
	h.inject(datagram(7, 53, "to all"), 0, broadcast)
	c.want(t, "to all")
}

// A device may hand over several datagrams of one sender as one packet; the
// application must see each, and none of the memory must stay.
func TestSuperPacketIsSplit(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 2048, 1 << 16} { // copied, taken, copied
		h := newHost(t, Config{})
		c := h.listen(t, 53)
		h.inject(datagram(7, 53, "aaaabbbbcc"), size, func(in *packet.In) {
			in.GSO, in.SegSize, in.Csum = packet.GSOUDP, 4, packet.CsumPartial
		})
		h.inject(datagram(7, 53, "next"), size, nil)
		if s := h.Stats(); s.InDatagrams != 4 {
			t.Errorf("InDatagrams is %d, want 4", s.InDatagrams)
		}
		for _, want := range []string{"aaaa", "bbbb", "cc", "next"} {
			c.want(t, want)
		}
		if got := c.info().Queued; got != 0 {
			t.Errorf("%d bytes stay in an empty queue", got)
		}
	}
}

// Whatever the size of the datagrams and of the memory they arrive in, the queue
// keeps its bound, delivers in order what it took, and counts what it did not.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 100, 600, 1472, 9000, 65507} {
		for _, memory := range []int{0, 1, 1 << 16} {
			t.Run(fmt.Sprintf("%d in %d", size, memory), func(t *testing.T) { t.Parallel(); testQueueIsBounded(t, size, memory) })
		}
	}
}

func testQueueIsBounded(t *testing.T, size, memory int) {
	const limit = 20_000
	h := newHost(t, Config{ReadBuffer: limit})
	c := h.listen(t, 53)
	if memory == 1 {
		memory = size + HeaderLen // just enough
	}
	sent := uint64(400)
	if size > 1000 {
		sent = 40
	}
	for i := range sent {
		payload := strings.Repeat(string(rune('a'+i%26)), size)
		h.inject(datagram(7, 53, payload), memory, nil)
	}
	s, info := h.Stats(), c.info()
	if info.Queued > limit+1<<16+entrySize || info.Queued < limit {
		t.Errorf("%d bytes queued, the limit is %d", info.Queued, limit)
	}
	if s.InDatagrams+s.RcvbufErrors != sent || s.RcvbufErrors != info.Drops || s.RcvbufErrors == 0 || s.InErrors != s.RcvbufErrors {
		t.Errorf("%+v, drops %d", s, info.Drops)
	}
	for i := range int(s.InDatagrams) {
		c.want(t, strings.Repeat(string(rune('a'+i%26)), size))
	}
	if got := c.info().Queued; got != 0 {
		t.Errorf("%d bytes stay in an empty queue", got)
	}
}

// Datagrams of all sizes mixed, read in between, arrive whole and in order.
func TestQueueMixed(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	c := h.listen(t, 53)
	b := make([]byte, 4096)
	next := 0
	read := func() {
		n, err := c.Read(b)
		if err != nil || !bytes.Equal(b[:n], pattern(next)) {
			t.Fatalf("datagram %d: %d bytes, %v", next, n, err)
		}
		next++
	}
	for i := range 500 {
		h.inject(datagram(7, 53, string(pattern(i))), []int{0, 2048, 8192}[i%3], nil)
		if i%3 == 2 || i%7 == 0 {
			read()
		}
		if i%100 == 99 {
			for next <= i {
				read()
			}
		}
	}
}

// pattern is the i-th datagram of a series of all kinds of sizes.
func pattern(i int) []byte {
	b := make([]byte, []int{0, 3, 700, 2000, 0, 1, 1400, 90}[i%8])
	for j := range b {
		b[j] = byte(i + j)
	}
	return b
}

func TestSetReadBuffer(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	c := h.listen(t, 0)
	if got := c.info().ReadLimit; got != DefaultReadBuffer {
		t.Errorf("limit is %d by default", got)
	}
	for set, want := range map[int]int{-1: minReadBuffer, 1 << 20: 1 << 20, math.MaxInt: maxReadBuffer} {
		if err := c.SetReadBuffer(set); err != nil || c.info().ReadLimit != want {
			t.Errorf("SetReadBuffer(%d): limit %d, %v", set, c.info().ReadLimit, err)
		}
	}
}

// ICMP errors reach the connected socket they quote, and no other (RFC 5927).
func TestControl(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	quote := func(src, dst uint16) []byte { return Header{SrcPort: src, DstPort: dst, Length: 8}.AppendTo(nil) }
	port := client.local.Port()
	good := packet.Control{Local: loopback, Remote: loopback, Quoted: quote(port, 53), Err: syscall.ECONNREFUSED, Hard: true}
	soft, short, otherPort, otherHost, unconnected, mtu := good, good, good, good, good, good
	soft.Hard = false
	short.Quoted = short.Quoted[:7]
	otherPort.Quoted = quote(port, 54)
	otherHost.Remote = other
	unconnected.Quoted = quote(53, port)
	mtu.Err, mtu.MTU = syscall.EMSGSIZE, 1280
	for _, c := range []packet.Control{soft, short, otherPort, otherHost, unconnected, mtu} {
		h.Control(&c)
	}
	if s := h.Stats(); s.ControlIgnored != 3 || s.ControlNoPorts != 3 || s.ControlDelivered != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := client.Write(nil); err != nil {
		t.Errorf("an error that does not concern the socket reached it: %v", err)
	}
	server.want(t, "")
	h.Control(&good)
	if _, err := client.Write(nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Write: %v", err)
	}
}

// An error that comes while a call waits ends it.
func TestControlUnblocks(t *testing.T) { synctest.Test(t, testControlUnblocks) }

func testControlUnblocks(t *testing.T) {
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	done := make(chan error, 1)
	go func() {
		_, err := client.Read(make([]byte, 1))
		done <- err
	}()
	synctest.Wait()
	server.Close()
	if _, err := client.Write(nil); err != nil {
		t.Fatal(err)
	}
	wantErr(t, <-done, "read", syscall.ECONNREFUSED)
}

func TestDeadlineWakes(t *testing.T) { synctest.Test(t, testDeadlineWakes) }

func testDeadlineWakes(t *testing.T) {
	h := newHost(t, Config{})
	c := h.listen(t, 0)
	start := time.Now()
	c.SetReadDeadline(start.Add(time.Hour))
	go func() {
		time.Sleep(time.Minute)
		c.SetReadDeadline(start.Add(2 * time.Minute)) // earlier, while the call waits
	}()
	_, err := c.Read(make([]byte, 1))
	wantErr(t, err, "read", os.ErrDeadlineExceeded)
	if got := time.Since(start); got != 2*time.Minute {
		t.Errorf("the call ended after %v", got)
	}
}

func TestRefusedBelow(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	h.refuse = syscall.ENETDOWN
	_, err := client.Write(nil)
	wantErr(t, err, "write", syscall.ENETDOWN)
	_, err = server.WriteTo(nil, client.LocalAddr())
	wantErr(t, err, "write", syscall.ENETDOWN)
	_, err = server.WriteToUDPAddrPort(nil, netip.AddrPortFrom(foreign, 9))
	wantErr(t, err, "write", syscall.ENETUNREACH)
	_, err = h.Dial(netip.AddrPort{}, netip.AddrPortFrom(foreign, 9))
	wantErr(t, err, "dial", syscall.ENETUNREACH)
	if s := h.Stats(); s.OutErrors != 2 || s.OutDatagrams != 0 {
		t.Errorf("%+v", s)
	}
}

// The network layer is asked once for a run of datagrams to one host, and again
// when the address that it selected is gone.
func TestLastRouteIsKept(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	c := h.listen(t, 53)
	to := func(addr netip.Addr) {
		t.Helper()
		if _, err := c.WriteToUDPAddrPort(nil, netip.AddrPortFrom(addr, 53)); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		to(loopback)
	}
	if h.routes != 1 {
		t.Errorf("%d routes were looked up for one host", h.routes)
	}
	to(other)
	to(loopback)
	if h.routes != 3 {
		t.Errorf("%d routes were looked up, want 3", h.routes)
	}
	h.refuse = syscall.EADDRNOTAVAIL
	if _, err := c.WriteToUDPAddrPort(nil, c.local); err == nil {
		t.Fatal("sent")
	}
	h.refuse = 0
	to(loopback)
	if h.routes != 4 {
		t.Errorf("%d routes were looked up, want 4", h.routes)
	}
}

// Ports are random and from the range; the last free one is found, and when all
// are taken Listen says so.
func TestEphemeralPorts(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	const free = 3
	for port := ephemeral.First + free; port <= ephemeral.Last; port++ {
		h.listen(t, uint16(port))
	}
	seen := map[uint16]*Conn{}
	for range free {
		c := h.listen(t, 0)
		seen[c.local.Port()] = c
	}
	for port := uint16(ephemeral.First); port < ephemeral.First+free; port++ {
		if seen[port] == nil {
			t.Errorf("port %d was not found", port)
		}
	}
	_, err := h.Listen(netip.AddrPortFrom(loopback, 0))
	wantErr(t, err, "listen", syscall.EADDRINUSE)
	_, err = h.Dial(netip.AddrPort{}, netip.AddrPortFrom(loopback, 9))
	wantErr(t, err, "dial", syscall.EADDRINUSE)
}

func TestLayerClose(t *testing.T) { synctest.Test(t, testLayerClose) }

func testLayerClose(t *testing.T) {
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	done := make(chan error, 2)
	for _, c := range []*Conn{server, client} {
		c.SetDeadline(time.Now().Add(time.Hour))
		go func() {
			_, err := c.Read(make([]byte, 1))
			done <- err
		}()
	}
	synctest.Wait()
	h.Close()
	wantErr(t, <-done, "read", net.ErrClosed)
	wantErr(t, <-done, "read", net.ErrClosed)
	_, err := h.Listen(netip.AddrPort{})
	wantErr(t, err, "listen", net.ErrClosed)
	_, err = h.Dial(netip.AddrPort{}, server.local)
	wantErr(t, err, "dial", net.ErrClosed)
	if got := h.Conns(); len(got) != 0 {
		t.Errorf("still listed: %v", got)
	}
}

func TestConns(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	client.Write([]byte("data"))
	got := h.Conns()
	if len(got) != 2 || got[0].Local != server.local || got[0].Queued == 0 || got[0].Remote.IsValid() {
		t.Fatalf("%+v", got)
	}
	if got[1].Local != client.local || got[1].Remote != server.local || got[1].Queued != 0 {
		t.Fatalf("%+v", got)
	}
}

// Readers, writers, options and Close at once: what -race is for.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	server := h.listen(t, 53)
	client := h.dial(t, server)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for b := make([]byte, 100); ; {
				n, from, err := server.ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				server.WriteToUDPAddrPort(b[:n], from)
			}
		})
		wg.Go(func() {
			for range 100 {
				client.Write([]byte("data"))
				client.SetReadBuffer(1 << 16)
				h.Conns()
				h.Stats()
			}
			client.SetReadDeadline(time.Now())
			server.Close()
		})
	}
	wg.Wait()
}

// Nothing is allocated for a datagram, sent and received, connected or not.
func TestNoAllocation(t *testing.T) {
	for _, size := range []int{0, 10, 1400} {
		h := newHost(t, Config{})
		c := h.listen(t, 53)
		payload, b := make([]byte, size), make([]byte, 2048)
		arriving := datagram(7, 53, string(payload))
		in := &packet.In{Src: other, Dst: loopback}
		buf := packet.Get(2048)
		receive := func() {
			if in.Buffer() == nil {
				in.Fill(buf)
			}
			n := copy(in.Buffer().B, arriving)
			in.Packet, in.Payload = in.Buffer().B[:n], in.Buffer().B[:n]
			h.Receive(in)
			if in.Buffer() == nil {
				buf = packet.Get(2048)
			}
			if n, _, err := c.ReadFromUDPAddrPort(b); n != size || err != nil {
				t.Fatal(n, err)
			}
		}
		if n := testing.AllocsPerRun(200, receive); n > 0 {
			t.Errorf("%v allocations for each datagram of %d bytes received", n, size)
		}

		h.Layer.net = sink{}
		to := netip.AddrPortFrom(other, 7)
		send := func() {
			if _, err := c.WriteToUDPAddrPort(payload, to); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(200, send); n > 0 {
			t.Errorf("%v allocations for each datagram of %d bytes sent", n, size)
		}
	}
}

// sink is a network that takes everything.
type sink struct{ *path }

func (sink) IsLocal(netip.Addr) bool    { return true }
func (sink) PortUnreachable(*packet.In) {}
func (s sink) Route(_, to netip.Addr) (packet.Route, error) {
	s.path = &path{local: loopback, remote: to}
	return s, nil
}
func (sink) Send(*packet.Out) error { return nil }

func BenchmarkReceive(b *testing.B) {
	for _, size := range []int{64, 1400} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			h := newHost(b, Config{})
			c := h.listen(b, 53)
			arriving, out := datagram(7, 53, strings.Repeat("x", size)), make([]byte, 2048)
			b.SetBytes(int64(size))
			for b.Loop() {
				h.inject(arriving, 2048, nil)
				c.ReadFromUDPAddrPort(out)
			}
		})
	}
}

func BenchmarkSend(b *testing.B) {
	h := newHost(b, Config{})
	c := h.listen(b, 53)
	h.Layer.net = sink{}
	payload, to := make([]byte, 1400), netip.AddrPortFrom(other, 7)
	b.SetBytes(1400)
	for b.Loop() {
		c.WriteToUDPAddrPort(payload, to)
	}
}
