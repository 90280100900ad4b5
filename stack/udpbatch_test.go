package stack_test

import (
	"bytes"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/udp"
)

// batchOf are n messages of size bytes, the last of which is one shorter.
func batchOf(to netip.AddrPort, n, size int) []udp.Message {
	ms := make([]udp.Message, n)
	for i := range ms {
		ms[i] = udp.Message{Buffers: [][]byte{bytes.Repeat([]byte{byte(i)}, size)}, Addr: to}
	}
	last := &ms[n-1].Buffers[0]
	*last = (*last)[1:]
	return ms
}

// A batch is one packet where the device splits it and the path takes each datagram, else as many as
// there are datagrams, or more; it arrives the same.
func TestUDPBatch(t *testing.T) {
	const n = 40
	for name, tt := range map[string]struct {
		link    link.PairConfig
		size    int
		packets uint64
	}{
		"USO":           {link.PairConfig{Features: offloads}, 1472, 1},
		"above the MTU": {link.PairConfig{Features: offloads}, 1473, 2 * n}, // in two fragments each, but for the last
		"no USO":        {link.PairConfig{Features: packet.TxChecksum | packet.TSO}, 1000, n},
		"plain":         {link.PairConfig{}, 1000, n},
		"small MTU":     {link.PairConfig{MTU: 576, Features: offloads}, 548, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := two(t, tt.link)
				server := listenPacket(t, b, ":53").(*udp.Conn)
				client := listenPacket(t, a, ":54").(*udp.Conn)
				must(t, server.SetReadBuffer(1<<20))
				to := netip.AddrPortFrom(addrB, 53)
				testBatch(t, client, server, batchOf(to, n, tt.size))
				got := a.Interfaces()[1].Stats().OutPackets
				if want := tt.packets; got != want && got != want-1 {
					t.Errorf("%d packets, want %d", got, want)
				}
				if s := b.Stats().UDP; s.InDatagrams != n || s.InErrors != 0 {
					t.Errorf("%d datagrams came, %d in error", s.InDatagrams, s.InErrors)
				}
			})
		})
	}
}

// testBatch sends the messages, and wants them to arrive.
func testBatch(t *testing.T, client, server *udp.Conn, ms []udp.Message) {
	t.Helper()
	if sent, err := client.WriteBatch(ms); sent != len(ms) || err != nil {
		t.Fatalf("%d of %d sent, %v", sent, len(ms), err)
	}
	got := make([]udp.Message, len(ms)+1)
	for i := range got {
		got[i].Buffers = [][]byte{make([]byte, packet.MaxSize)}
	}
	for n := 0; n < len(ms); {
		more, err := server.ReadBatch(got[n:])
		must(t, err)
		n += more
	}
	for i, m := range ms {
		if b := got[i].Buffers[0][:got[i].N]; !bytes.Equal(b, m.Buffers[0]) || got[i].Addr.Port() != 54 {
			t.Errorf("datagram %d of %d bytes from %v, want %d bytes", i, len(b), got[i].Addr, m.N)
		}
	}
}

// A router passes a super-packet on to a link that can't have it: as datagrams.
func TestUDPBatchForwarded(t *testing.T) { synctest.Test(t, testUDPBatchForwarded) }

func testUDPBatchForwarded(t *testing.T) {
	a, b := newStack(t, stack.Config{}), newStack(t, stack.Config{})
	router := newStack(t, stack.Config{IP: ipv4.Config{Forward: true}})
	join(t, a, "198.18.0.1/24", router, "198.18.0.254/24", link.PairConfig{Name: "left", Features: offloads})
	join(t, b, "198.19.0.2/24", router, "198.19.0.254/24", link.PairConfig{Name: "right"})
	must(t, a.SetDefaultGateway(netip.MustParseAddr("198.18.0.254")))
	must(t, b.SetDefaultGateway(netip.MustParseAddr("198.19.0.254")))
	server, client := listenPacket(t, b, ":53").(*udp.Conn), listenPacket(t, a, ":54").(*udp.Conn)
	testBatch(t, client, server, batchOf(netip.MustParseAddrPort("198.19.0.2:53"), 30, 1000))
	if in, out := router.Interfaces()[1].Stats().InPackets, router.Interfaces()[2].Stats().OutPackets; in != 1 || out != 30 {
		t.Errorf("the router took %d packets and sent %d, want 1 and 30", in, out)
	}
}

// What is too much for the socket is dropped whole, and counted by datagrams.
func TestUDPBatchDropped(t *testing.T) { synctest.Test(t, testUDPBatchDropped) }

func testUDPBatchDropped(t *testing.T) {
	a, b := two(t, link.PairConfig{Features: offloads})
	server, client := listenPacket(t, b, ":53").(*udp.Conn), listenPacket(t, a, ":54").(*udp.Conn)
	must(t, server.SetReadBuffer(4096))
	for range 2 {
		if n, err := client.WriteBatch(batchOf(netip.AddrPortFrom(addrB, 53), 10, 1400)); n != 10 || err != nil {
			t.Fatalf("%d sent, %v", n, err)
		}
	}
	synctest.Wait()
	if s := b.Stats().UDP; s.InDatagrams != 10 || s.RcvbufErrors != 10 || s.InErrors != 10 {
		t.Errorf("%+v", s)
	}
	if info := b.UDPConns()[0]; info.Drops != 10 {
		t.Errorf("the socket dropped %d", info.Drops)
	}
}

// The same datagrams over a link with USO, in batches and one by one, both ends included.
func BenchmarkUDP(b *testing.B) {
	const n, size = 32, 1400
	for _, batch := range []int{1, n} {
		name := map[int]string{1: "single", n: "batch"}[batch]
		b.Run(name, func(b *testing.B) {
			from, at := two(b, link.PairConfig{Features: offloads})
			server, client := listenPacket(b, at, ":53").(*udp.Conn), listenPacket(b, from, ":54").(*udp.Conn)
			must(b, server.SetReadBuffer(1<<20))
			out, in := batchOf(netip.AddrPortFrom(addrB, 53), batch, size), batchOf(netip.AddrPort{}, batch, size+1)
			b.SetBytes(int64(batch * size))
			b.ReportAllocs()
			for b.Loop() {
				if sent, err := client.WriteBatch(out); sent != batch || err != nil {
					b.Fatal(sent, err)
				}
				for got := 0; got < batch; {
					more, err := server.ReadBatch(in)
					must(b, err)
					got += more
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/datagram")
		})
	}
}
