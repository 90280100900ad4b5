//go:build !race

package stack_test

import (
	"io"
	"net/netip"
	"testing"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/trace"
	"github.com/tinystack/tinystack/udp"
)

// A datagram there and back, through two whole stacks, allocates nothing. (The
// race detector makes sync.Pool forget at random.)
func TestUDPNoAllocation(t *testing.T) {
	for _, features := range []packet.Features{0, offloads} {
		a, b := two(t, link.PairConfig{Features: features})
		server := listenPacket(t, b, ":53").(*udp.Conn)
		client := dial(t, a, "udp", "198.18.0.2:53")
		payload, buf := make([]byte, 1000), make([]byte, 2048)
		n := testing.AllocsPerRun(500, func() {
			client.Write(payload)
			n, from, err := server.ReadFromUDPAddrPort(buf)
			if err != nil {
				t.Fatal(err)
			}
			server.WriteToUDPAddrPort(buf[:n], from)
			client.Read(buf)
		})
		if n != 0 {
			t.Errorf("features %b: %v allocations for a datagram there and back", features, n)
		}
	}
}

// Nor do batches of them.
func TestUDPBatchNoAllocation(t *testing.T) {
	for _, features := range []packet.Features{0, offloads} {
		a, b := two(t, link.PairConfig{Features: features})
		server := listenPacket(t, b, ":53").(*udp.Conn)
		client := listenPacket(t, a, ":54").(*udp.Conn)
		out, in := batchOf(netip.AddrPortFrom(addrB, 53), 20, 1000), batchOf(netip.AddrPort{}, 20, 1000)
		n := testing.AllocsPerRun(200, func() {
			if n, err := client.WriteBatch(out); n != len(out) || err != nil {
				t.Fatal(n, err)
			}
			for got := 0; got < len(out); {
				n, err := server.ReadBatch(in)
				if err != nil {
					t.Fatal(err)
				}
				got += n
			}
		})
		if n != 0 {
			t.Errorf("features %b: %v allocations for a batch", features, n)
		}
	}
}

// Nor does it with a tracer that nobody listens to, over TCP too.
func TestTraceOffNoAllocation(t *testing.T) {
	tr := trace.New()
	a, b := newStack(t, stack.Config{Trace: tr.Node("a")}), newStack(t, stack.Config{Trace: tr.Node("b")})
	join(t, a, "198.18.0.1/24", b, "198.18.0.2/24", link.PairConfig{})
	go echoPackets(listenPacket(t, b, ":7"))
	go echo(listen(t, b, ":7"))
	data := make([]byte, 100)
	for _, network := range []string{"udp", "tcp"} {
		c := dial(t, a, network, "198.18.0.2:7")
		there := func() {
			c.Write(data)
			if _, err := io.ReadFull(c, data); err != nil {
				t.Fatal(err)
			}
		}
		for range 200 {
			there()
		}
		want := 0.0
		if network == "udp" {
			want = 3 // ReadFrom's address, at the echo's side
		}
		if n := testing.AllocsPerRun(500, there); n > want {
			t.Errorf("%v allocations for an echo over %s", n, network)
		}
	}
}

// Nor does a connection's data, in one segment or many, once its buffers have
// their size.
func TestTCPNoAllocation(t *testing.T) {
	for name, cfg := range links {
		for _, size := range []int{1, 1000, 64 << 10} {
			a, b := two(t, cfg)
			go echo(listen(t, b, ":7"))
			c := dial(t, a, "tcp", "198.18.0.2:7")
			data := make([]byte, size)
			there := func() {
				if _, err := c.Write(data); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c, data); err != nil {
					t.Fatal(err)
				}
			}
			for range 200 {
				there()
			}
			if n := testing.AllocsPerRun(500, there); n != 0 {
				t.Errorf("%s: %v allocations for %d bytes there and back", name, n, size)
			}
		}
	}
}
