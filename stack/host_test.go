package stack_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/stack"
)

// offloads are all that an in-memory pair can do.
const offloads = packet.TxChecksum | packet.TSO | packet.USO

var (
	addrA = netip.MustParseAddr("198.18.0.1")
	addrB = netip.MustParseAddr("198.18.0.2")
)

func newStack(t testing.TB, cfg stack.Config) *stack.Stack {
	t.Helper()
	s, err := stack.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// join connects two stacks by a pair; the addresses have their subnet's length.
func join(t testing.TB, a *stack.Stack, addrA string, b *stack.Stack, addrB string, cfg link.PairConfig) (devA, devB *link.Pipe) {
	t.Helper()
	devA, devB = link.Pair(cfg)
	must(t, a.AddInterface(devA, netip.MustParsePrefix(addrA)))
	must(t, b.AddInterface(devB, netip.MustParsePrefix(addrB)))
	return devA, devB
}

// two returns two hosts on one link, 198.18.0.1 and .2.
func two(t testing.TB, cfg link.PairConfig) (a, b *stack.Stack) {
	t.Helper()
	a, b = newStack(t, stack.Config{}), newStack(t, stack.Config{})
	join(t, a, "198.18.0.1/24", b, "198.18.0.2/24", cfg)
	return a, b
}

func listenPacket(t testing.TB, s *stack.Stack, address string) net.PacketConn {
	t.Helper()
	c, err := s.ListenPacket("udp", address)
	must(t, err)
	return c
}

func dial(t testing.TB, s *stack.Stack, network, address string) net.Conn {
	t.Helper()
	c, err := s.Dial(network, address)
	must(t, err)
	return c
}

// echoPackets sends back what comes to c, until it is closed.
func echoPackets(c net.PacketConn) {
	b := make([]byte, packet.MaxSize)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		c.WriteTo(b[:n], from)
	}
}

// exchange sends a datagram and wants it back.
func exchange(t testing.TB, c net.Conn, payload []byte) {
	t.Helper()
	if _, err := c.Write(payload); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, packet.MaxSize)
	n, err := c.Read(b)
	if err != nil || string(b[:n]) != string(payload) {
		t.Fatalf("got %d bytes back, %v; want the %d sent", n, err, len(payload))
	}
}
