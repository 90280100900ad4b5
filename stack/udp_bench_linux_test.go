package stack_test

import (
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tinystack/tinystack/internal/nstest"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/udp"
)

// Datagrams to a socket of the host's, by how many are in a batch. The socket is not read: it is
// the way to it that is measured.
func BenchmarkUDPToHost(b *testing.B) {
	const size = 1400
	runtime.LockOSThread() // which is in a namespace of its own, and ends with the benchmark
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		b.Skipf("needs a new network namespace: root (%v)", err)
	}
	dev, err := link.OpenTUN(link.TUNConfig{})
	if err != nil {
		b.Skipf("needs /dev/net/tun: %v", err)
	}
	nstest.Up(b, dev.Name(), netip.MustParsePrefix("198.18.0.1/24"))
	s := newStack(b, stack.Config{})
	must(b, s.AddInterface(dev, netip.PrefixFrom(addrB, 24)))
	host, err := net.ListenUDP("udp4", &net.UDPAddr{IP: addrA.AsSlice(), Port: 53})
	must(b, err)
	defer host.Close()
	client := listenPacket(b, s, ":54").(*udp.Conn)
	for _, n := range []int{1, 8, 32} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			ms := batchOf(netip.AddrPortFrom(addrA, 53), n, size)
			b.SetBytes(int64(n * size))
			b.ReportAllocs()
			for b.Loop() {
				if sent, err := client.WriteBatch(ms); sent != n || err != nil {
					b.Fatal(sent, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/datagram")
		})
	}
}
