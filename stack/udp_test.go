package stack_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/stack"
)

// Datagrams of all sizes, in fragments where they must, cross a link with and
// without offloads.
func TestUDP(t *testing.T) {
	for name, cfg := range map[string]link.PairConfig{"plain": {}, "offloads": {Features: offloads}} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testUDP(t, cfg) }) })
	}
}

func testUDP(t *testing.T, cfg link.PairConfig) {
	a, b := two(t, cfg)
	server := listenPacket(t, b, ":53")
	go echoPackets(server)
	client := dial(t, a, "udp", "198.18.0.2:53")
	client.SetDeadline(time.Now().Add(time.Minute))
	for _, n := range []int{0, 1, 100, 1472, 1473, 9000, 65507} {
		exchange(t, client, bytes.Repeat([]byte{byte(n)}, n))
	}
	_, err := client.Write(make([]byte, 65508))
	if !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("65508 bytes: %v, want EMSGSIZE", err)
	}
	if got := client.LocalAddr().(*net.UDPAddr).AddrPort().Addr(); got != addrA {
		t.Errorf("the client's address is %v", got)
	}
	synctest.Wait()
	s := b.Stats()
	if s.UDP.InDatagrams != 7 || s.UDP.OutDatagrams != 7 || s.UDP.InErrors != 0 || s.IP.ReasmOKs != 3 {
		t.Errorf("%+v", s.UDP)
	}
}

func TestUDPRefused(t *testing.T) { synctest.Test(t, testUDPRefused) }

func testUDPRefused(t *testing.T) {
	a, b := two(t, link.PairConfig{})
	c := dial(t, a, "udp", "198.18.0.2:53")
	if _, err := c.Write([]byte("anyone?")); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(make([]byte, 10))
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Read: %v, want ECONNREFUSED", err)
	}
	if s := b.Stats(); s.UDP.NoPorts != 1 || s.ICMP.OutDestUnreachs != 1 {
		t.Errorf("%+v, %d unreachables sent", s.UDP, s.ICMP.OutDestUnreachs)
	}
}

// A sum of zero goes out as 0xffff (RFC 768).
func TestUDPZeroChecksum(t *testing.T) { synctest.Test(t, testUDPZeroChecksum) }

func testUDPZeroChecksum(t *testing.T) {
	a := newStack(t, stack.Config{})
	dev, wire := link.Pair(link.PairConfig{})
	must(t, a.AddInterface(dev, netip.PrefixFrom(addrA, 24)))
	c := dial(t, a, "udp", "198.18.0.2:53")
	field := func(payload []byte) []byte {
		t.Helper()
		if _, err := c.Write(payload); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, packet.MaxSize)
		n, o, err := wire.Read(b, true)
		if err != nil || o.Csum != packet.CsumFull {
			t.Fatalf("%+v, %v", o, err)
		}
		return b[:n][26:28]
	}
	payload := []byte{0, 0}
	copy(payload, field(payload)) // cancels all the rest
	if got := field(payload); got[0] != 0xff || got[1] != 0xff {
		t.Errorf("the checksum on the wire is % x, want ff ff", got)
	}
}

// Loopback serves 127/8 and the stack's own addresses; nothing goes to a device.
func TestLoopback(t *testing.T) { synctest.Test(t, testLoopback) }

func testLoopback(t *testing.T) {
	a, _ := two(t, link.PairConfig{})
	go echoPackets(listenPacket(t, a, ":53"))
	for _, to := range []string{"localhost:53", "127.0.0.1:53", "0.0.0.0:53", ":53", "198.18.0.1:53"} {
		c := dial(t, a, "udp", to)
		c.SetDeadline(time.Now().Add(time.Minute))
		exchange(t, c, []byte("to "+to))
	}
	for _, i := range a.Stats().Interfaces {
		if want := map[string]bool{"lo": true}[i.Name]; want != (i.OutPackets > 0) {
			t.Errorf("%s sent %d packets", i.Name, i.OutPackets)
		}
	}
}

func TestUDPOverForwarder(t *testing.T) { synctest.Test(t, testUDPOverForwarder) }

func testUDPOverForwarder(t *testing.T) {
	a, _, b := three(t)
	go echoPackets(listenPacket(t, b, "198.19.0.2:53"))
	c := dial(t, a, "udp", "198.19.0.2:53")
	c.SetDeadline(time.Now().Add(time.Minute))
	exchange(t, c, bytes.Repeat([]byte("x"), 5000))
}
