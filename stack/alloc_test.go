//go:build !race

package stack_test

import (
	"testing"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
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
