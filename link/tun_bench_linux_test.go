package link

import (
	"net"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tinystack/tinystack/internal/nstest"
	"github.com/tinystack/tinystack/packet"
)

// benchTUN opens a device, and a socket of the host, in a network namespace of
// the benchmark's thread, which ends with it.
func benchTUN(b *testing.B) (*TUN, *net.UDPConn) {
	b.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		b.Skipf("needs a new network namespace: root (%v)", err)
	}
	dev, err := OpenTUN(TUNConfig{})
	if err != nil {
		b.Skipf("needs /dev/net/tun: %v", err)
	}
	b.Cleanup(func() { dev.Close() })
	nstest.Up(b, dev.Name(), hostNet)
	host, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(hostAddr))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { host.Close() })
	return dev, host
}

// The socket is not read: it is the write that is measured, up to a full buffer.
func BenchmarkTUNWrite(b *testing.B) {
	udp := func(n int) *packet.Out {
		return segment{src: stackAddr, dst: hostAddr, protocol: protoUDP, payload: pattern(n)}.out(true)
	}
	for _, c := range []struct {
		name string
		p    *packet.Out
	}{
		{"datagram", udp(1472)},
		{"super-packet", super(udp(44*1472), packet.GSOUDP, 1472)},
	} {
		b.Run(c.name, func(b *testing.B) {
			dev, _ := benchTUN(b)
			b.SetBytes(int64(c.p.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if err := dev.Write(c.p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A datagram's way from the host's socket to Read.
func BenchmarkTUNRead(b *testing.B) {
	dev, host := benchTUN(b)
	buf, message := make([]byte, dev.MaxRead()), pattern(1472)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := host.WriteToUDPAddrPort(message, stackAddr); err != nil {
			b.Fatal(err)
		}
		if _, _, err := dev.Read(buf, true); err != nil {
			b.Fatal(err)
		}
	}
}
