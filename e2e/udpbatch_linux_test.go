package e2e

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/udp"
)

const (
	udpDatagrams = 40
	udpSize      = 1400
)

// hostUDP is a socket of the host's at port 54, connected to the stack's port 53, with an option
// of UDP's (udp(7)).
func hostUDP(t *testing.T, option, value int) *net.UDPConn {
	t.Helper()
	set := func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, option, value) }); e != nil {
			return e
		}
		return err
	}
	d := net.Dialer{Control: set, LocalAddr: &net.UDPAddr{Port: 54}}
	c, err := d.Dial("udp4", stackIP+":53")
	if err != nil {
		t.Skipf("needs a kernel with UDP_SEGMENT and UDP_GRO: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.UDPConn)
}

// stackUDP is the stack's socket at port 53.
func stackUDP(t *testing.T, s *stack.Stack) *udp.Conn {
	t.Helper()
	c, err := s.ListenPacket("udp", ":53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	u := c.(*udp.Conn)
	if err := u.SetReadBuffer(1 << 20); err != nil {
		t.Fatal(err)
	}
	return u
}

// wantPackets wants all datagrams in one packet, if the kernel's TUN device has USO.
func wantPackets(t *testing.T, what string, got uint64) {
	t.Helper()
	want := uint64(1)
	if !hasUSO(t) {
		want = udpDatagrams
	}
	if got != want {
		t.Errorf("%d datagrams were %s in %d packets, want %d", udpDatagrams, what, got, want)
	}
}

func hasUSO(t *testing.T) bool {
	t.Helper()
	dev, err := link.OpenTUN(link.TUNConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	return dev.Features().Has(packet.USO)
}

// numbered are datagrams of udpSize bytes back to back, each with its number, the last one shorter.
func numbered() []byte {
	b := random(udpDatagrams*udpSize - 100)
	for i := range udpDatagrams {
		binary.BigEndian.PutUint32(b[i*udpSize:], uint32(i))
	}
	return b
}

// A batch reaches the kernel's socket in one packet, as the datagrams that it is, and as one read
// where the socket asks for that (UDP_GRO).
func TestUDPBatchToKernel(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	s := startStack(t)
	sender := stackUDP(t, s)
	data := numbered()
	var ms []udp.Message
	for i := range udpDatagrams {
		ms = append(ms, udp.Message{
			Buffers: [][]byte{data[i*udpSize : min((i+1)*udpSize, len(data))]},
			Addr:    netip.MustParseAddrPort("198.18.0.1:54"),
		})
	}
	for _, gro := range []int{0, 1} {
		host := hostUDP(t, unix.UDP_GRO, gro)
		before := s.Stats().IP.OutTransmits
		if n, err := sender.WriteBatch(ms); n != len(ms) || err != nil {
			t.Fatalf("%d sent, %v", n, err)
		}
		wantPackets(t, "sent", s.Stats().IP.OutTransmits-before)
		got, reads, segment := receive(t, host, len(data))
		if !bytes.Equal(got, data) {
			t.Errorf("UDP_GRO %d: other data came than was sent", gro)
		}
		if gro == 0 && reads != udpDatagrams || gro == 1 && hasUSO(t) && (reads != 1 || segment != udpSize) {
			t.Errorf("UDP_GRO %d: %d reads, of segments of %d bytes", gro, reads, segment)
		}
		host.Close()
	}
}

// receive reads n bytes, and returns how many reads it took, and the size of the datagrams in the
// first if the kernel says so.
func receive(t *testing.T, c *net.UDPConn, n int) (data []byte, reads, segment int) {
	t.Helper()
	b, oob := make([]byte, packet.MaxSize), make([]byte, 100)
	for ; len(data) < n; reads++ {
		got, flags, _, _, err := c.ReadMsgUDP(b, oob)
		if err != nil {
			t.Fatalf("after %d bytes in %d reads: %v", len(data), reads, err)
		}
		data = append(data, b[:got]...)
		controls, err := unix.ParseSocketControlMessage(oob[:flags])
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range controls {
			if m.Header.Level == unix.SOL_UDP && m.Header.Type == unix.UDP_GRO {
				segment = int(binary.NativeEndian.Uint32(m.Data))
			}
		}
	}
	return data, reads, segment
}

// What the kernel's socket sends with UDP_SEGMENT is read in one packet, and comes to the socket
// as datagrams.
func TestUDPBatchFromKernel(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	s := startStack(t)
	receiver := stackUDP(t, s)
	host := hostUDP(t, unix.UDP_SEGMENT, udpSize)
	data := numbered()
	before := s.Stats().IP.InDelivers
	if _, err := host.Write(data); err != nil {
		t.Fatal(err)
	}
	ms := make([]udp.Message, udpDatagrams)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, udpSize+1)}
	}
	for n := 0; n < len(ms); {
		more, err := receiver.ReadBatch(ms[n:])
		if err != nil {
			t.Fatalf("after %d datagrams: %v", n, err)
		}
		n += more
	}
	for i, m := range ms {
		if want := data[i*udpSize : min((i+1)*udpSize, len(data))]; !bytes.Equal(m.Buffers[0][:m.N], want) {
			t.Errorf("datagram %d has %d bytes, want %d", i, m.N, len(want))
		}
	}
	wantPackets(t, "read", s.Stats().IP.InDelivers-before)
	if u := s.Stats().UDP; u.InDatagrams != udpDatagrams || u.InErrors != 0 {
		t.Errorf("%d datagrams were counted, %d in error", u.InDatagrams, u.InErrors)
	}
}
