package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// socket is what *Conn and the kernel's *net.UDPConn have in common.
type socket interface {
	net.Conn
	net.PacketConn
	ReadFromUDP(b []byte) (int, *net.UDPAddr, error)
	WriteToUDP(b []byte, addr *net.UDPAddr) (int, error)
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

var (
	_ socket = (*Conn)(nil)
	_ socket = (*net.UDPConn)(nil)
)

// sockets opens sockets of one kind on 127/8.
type sockets struct {
	listen func(local netip.AddrPort) (socket, error)
	dial   func(local, remote netip.AddrPort) (socket, error)
}

func ours(t *testing.T) sockets {
	h := newHost(t, Config{})
	return sockets{
		listen: func(local netip.AddrPort) (socket, error) { return nonNil(h.Listen(local)) },
		dial:   func(local, remote netip.AddrPort) (socket, error) { return nonNil(h.Dial(local, remote)) },
	}
}

func kernels(*testing.T) sockets {
	return sockets{
		listen: func(local netip.AddrPort) (socket, error) {
			return nonNil(net.ListenUDP("udp4", net.UDPAddrFromAddrPort(local)))
		},
		dial: func(local, remote netip.AddrPort) (socket, error) {
			var laddr *net.UDPAddr
			if local.IsValid() {
				laddr = net.UDPAddrFromAddrPort(local)
			}
			return nonNil(net.DialUDP("udp4", laddr, net.UDPAddrFromAddrPort(remote)))
		},
	}
}

// nonNil keeps a nil pointer from becoming a socket.
func nonNil[T socket](c T, err error) (socket, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Each of these holds on the kernel's sockets, and so must it on ours.
func TestLikeKernel(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, sockets){
		"Echo":              testEcho,
		"EmptyDatagram":     testEmptyDatagram,
		"ShortBuffer":       testShortBuffer,
		"TooLong":           testTooLong,
		"Refused":           testRefused,
		"UnconnectedIsNot":  testUnconnectedIsNotTold,
		"WrongCall":         testWrongCall,
		"OtherPeersIgnored": testOtherPeersIgnored,
		"BindConflicts":     testBindConflicts,
		"Deadlines":         testDeadlines,
		"CloseUnblocks":     testCloseUnblocks,
		"Closed":            testClosed,
		"Addresses":         testAddresses,
		"ToUnspecified":     testToUnspecified,
	}
	for name, test := range tests {
		t.Run(name+"/ours", func(t *testing.T) { t.Parallel(); test(t, ours(t)) })
		t.Run(name+"/kernel", func(t *testing.T) { t.Parallel(); test(t, kernels(t)) })
	}
}

func (s sockets) mustListen(t *testing.T) socket {
	t.Helper()
	c, err := s.listen(netip.AddrPortFrom(loopback, 0))
	return opened(t, c, err)
}

func (s sockets) mustDial(t *testing.T, to net.Addr) socket {
	t.Helper()
	c, err := s.dial(netip.AddrPort{}, to.(*net.UDPAddr).AddrPort())
	return opened(t, c, err)
}

func opened(t *testing.T, c socket, err error) socket {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// wantErr checks that err is an OpError of op that wraps want.
func wantErr(t *testing.T, err error, op string, want error) {
	t.Helper()
	var e *net.OpError
	if !errors.As(err, &e) {
		t.Fatalf("error is %T %v, want a *net.OpError", err, err)
	}
	if !errors.Is(err, want) || e.Op != op || !strings.HasPrefix(e.Net, "udp") {
		t.Errorf("error is %v, want %q of %q", err, want, op)
	}
}

func (s sockets) refused(t *testing.T) socket {
	t.Helper()
	gone := s.mustListen(t)
	c := s.mustDial(t, gone.LocalAddr())
	gone.Close()
	return c
}

func testEcho(t *testing.T, s sockets) {
	server := s.mustListen(t)
	client := s.mustDial(t, server.LocalAddr())
	if n, err := client.Write([]byte("ping")); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	b := make([]byte, 100)
	n, from, err := server.ReadFrom(b)
	if err != nil || string(b[:n]) != "ping" || from.String() != client.LocalAddr().String() {
		t.Fatalf("ReadFrom = %q, %v, %v", b[:n], from, err)
	}
	if n, err := server.WriteTo([]byte("pong!"), from); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	n, err = client.Read(b)
	if err != nil || string(b[:n]) != "pong!" {
		t.Fatalf("Read = %q, %v", b[:n], err)
	}
}

func testEmptyDatagram(t *testing.T, s sockets) {
	server := s.mustListen(t)
	client := s.mustDial(t, server.LocalAddr())
	if n, err := client.Write(nil); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	b := make([]byte, 10)
	if n, from, err := server.ReadFromUDP(b); n != 0 || err != nil || from.Port == 0 {
		t.Fatal(n, from, err)
	}
	if _, err := server.WriteTo(nil, client.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(b); n != 0 || err != nil { // not io.EOF
		t.Fatal(n, err)
	}
}

func testShortBuffer(t *testing.T, s sockets) {
	server := s.mustListen(t)
	client := s.mustDial(t, server.LocalAddr())
	for _, payload := range []string{"long one", "next"} {
		if _, err := client.Write([]byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	b := make([]byte, 4)
	for _, want := range []string{"long", "next"} {
		if n, _, err := server.ReadFrom(b); err != nil || string(b[:n]) != want {
			t.Fatalf("ReadFrom = %q, %v; want %q", b[:n], err, want)
		}
	}
}

func testTooLong(t *testing.T, s sockets) {
	const most = 65507 // 65535 less the headers of IPv4 and UDP
	server := s.mustListen(t)
	client := s.mustDial(t, server.LocalAddr())
	for _, n := range []int{most + 1, 1 << 16, 1 << 20} {
		_, err := client.Write(make([]byte, n))
		wantErr(t, err, "write", syscall.EMSGSIZE)
		_, err = server.WriteTo(make([]byte, n), client.LocalAddr())
		wantErr(t, err, "write", syscall.EMSGSIZE)
	}
	if n, err := client.Write(make([]byte, most)); n != most || err != nil {
		t.Fatal(n, err)
	}
	if n, _, err := server.ReadFrom(make([]byte, 1<<16)); n != most || err != nil {
		t.Fatal(n, err)
	}
}

func testRefused(t *testing.T, s sockets) {
	b := make([]byte, 10)
	c := s.refused(t)
	if _, err := c.Write([]byte("anyone?")); err != nil {
		t.Fatal("the first write must succeed:", err)
	}
	_, err := c.Read(b)
	wantErr(t, err, "read", syscall.ECONNREFUSED)

	// The error is told once, to a write as well, which then sends nothing.
	if _, err := c.Write(nil); err != nil {
		t.Fatal(err)
	}
	_, err = c.Write(nil)
	wantErr(t, err, "write", syscall.ECONNREFUSED)
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err = c.Read(b)
	wantErr(t, err, "read", os.ErrDeadlineExceeded)
}

func testUnconnectedIsNotTold(t *testing.T, s sockets) {
	gone := s.mustListen(t)
	gone.Close()
	c := s.mustListen(t)
	for range 3 {
		if _, err := c.WriteTo([]byte("anyone?"), gone.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, _, err := c.ReadFrom(make([]byte, 10))
	wantErr(t, err, "read", os.ErrDeadlineExceeded)
}

func testWrongCall(t *testing.T, s sockets) {
	server := s.mustListen(t)
	client := s.mustDial(t, server.LocalAddr())
	_, err := client.WriteTo(nil, server.LocalAddr())
	wantErr(t, err, "write", net.ErrWriteToConnected)
	_, err = client.WriteToUDPAddrPort(nil, server.LocalAddr().(*net.UDPAddr).AddrPort())
	wantErr(t, err, "write", net.ErrWriteToConnected)
	_, err = server.Write(nil)
	wantErr(t, err, "write", syscall.EDESTADDRREQ)
	_, err = server.WriteTo(nil, &net.TCPAddr{})
	wantErr(t, err, "write", syscall.EINVAL)
	_, err = server.WriteTo(nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	wantErr(t, err, "write", syscall.EINVAL)
	if _, err := server.WriteToUDP(nil, nil); err == nil {
		t.Error("a datagram was sent to no address")
	}
	if _, err := server.WriteToUDPAddrPort(nil, netip.AddrPort{}); err == nil {
		t.Error("a datagram was sent to the zero address")
	}
}

func testOtherPeersIgnored(t *testing.T, s sockets) {
	server, stranger := s.mustListen(t), s.mustListen(t)
	client := s.mustDial(t, server.LocalAddr())
	for _, from := range []socket{stranger, server} {
		if _, err := from.WriteTo([]byte(from.LocalAddr().String()), client.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	b := make([]byte, 100)
	if n, err := client.Read(b); err != nil || string(b[:n]) != server.LocalAddr().String() {
		t.Fatalf("Read = %q, %v", b[:n], err)
	}
}

func testBindConflicts(t *testing.T, s sockets) {
	first := s.mustListen(t)
	port := first.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	at := func(addr string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(addr), port) }
	for _, addr := range []string{"127.0.0.1", "0.0.0.0"} {
		_, err := s.listen(at(addr))
		wantErr(t, err, "listen", syscall.EADDRINUSE)
		_, err = s.dial(at(addr), netip.MustParseAddrPort("127.0.0.1:9"))
		if addr == "127.0.0.1" {
			wantErr(t, err, "dial", syscall.EADDRINUSE)
		}
	}
	c, err := s.listen(at("127.0.0.2"))
	opened(t, c, err)
	_, err = s.listen(netip.AddrPortFrom(foreign, 0))
	wantErr(t, err, "listen", syscall.EADDRNOTAVAIL)
	_, err = s.dial(netip.AddrPortFrom(foreign, 0), netip.MustParseAddrPort("127.0.0.1:9"))
	wantErr(t, err, "dial", syscall.EADDRNOTAVAIL)

	// What is closed is free again, also for all addresses.
	first.Close()
	c.Close()
	c, err = s.listen(at("0.0.0.0"))
	opened(t, c, err)
	_, err = s.listen(at("127.0.0.2"))
	wantErr(t, err, "listen", syscall.EADDRINUSE)
}

func testDeadlines(t *testing.T, s sockets) {
	server := s.mustListen(t)
	client := s.mustDial(t, server.LocalAddr())
	b := make([]byte, 10)
	server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, _, err := server.ReadFrom(b)
	wantErr(t, err, "read", os.ErrDeadlineExceeded)
	if e, ok := err.(net.Error); !ok || !e.Timeout() {
		t.Errorf("%v is no timeout", err)
	}

	// A deadline in the past hides what has arrived, until it is moved.
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_, _, err = server.ReadFrom(b)
	wantErr(t, err, "read", os.ErrDeadlineExceeded)
	server.SetDeadline(time.Now().Add(10 * time.Second))
	if n, _, err := server.ReadFrom(b); n != 1 || err != nil {
		t.Fatal(n, err)
	}

	client.SetWriteDeadline(time.Now().Add(-time.Second))
	_, err = client.Write([]byte("x"))
	wantErr(t, err, "write", os.ErrDeadlineExceeded)
	client.SetWriteDeadline(time.Time{})
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
}

func testCloseUnblocks(t *testing.T, s sockets) {
	c := s.mustListen(t)
	done := make(chan error)
	for range 3 {
		go func() {
			_, _, err := c.ReadFrom(make([]byte, 10))
			done <- err
		}()
	}
	time.Sleep(time.Millisecond) // most often enough for them to wait; the result is the same
	c.Close()
	for range 3 {
		wantErr(t, <-done, "read", net.ErrClosed)
	}
}

func testClosed(t *testing.T, s sockets) {
	server := s.mustListen(t)
	c := s.mustDial(t, server.LocalAddr())
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(make([]byte, 1))
	wantErr(t, err, "read", net.ErrClosed)
	_, err = c.Write(nil)
	wantErr(t, err, "write", net.ErrClosed)
	wantErr(t, c.Close(), "close", net.ErrClosed)
	wantErr(t, c.SetDeadline(time.Now()), "set", net.ErrClosed)
	wantErr(t, c.SetReadDeadline(time.Now()), "set", net.ErrClosed)
	wantErr(t, c.SetWriteDeadline(time.Now()), "set", net.ErrClosed)
	wantErr(t, c.SetReadBuffer(1<<16), "set", net.ErrClosed)
	wantErr(t, c.SetWriteBuffer(1<<16), "set", net.ErrClosed)
	server.Close()
	_, err = server.WriteTo(nil, c.LocalAddr())
	wantErr(t, err, "write", net.ErrClosed)
}

func testAddresses(t *testing.T, s sockets) {
	server := s.mustListen(t)
	client := s.mustDial(t, server.LocalAddr())
	if got := server.RemoteAddr(); got != nil {
		t.Errorf("an unconnected socket's peer is %v", got)
	}
	if got, want := client.RemoteAddr().String(), server.LocalAddr().String(); got != want {
		t.Errorf("the peer is %v, want %v", got, want)
	}
	local := client.LocalAddr().(*net.UDPAddr).AddrPort()
	if local.Addr().Unmap() != loopback || local.Port() == 0 || client.LocalAddr().Network() != "udp" {
		t.Errorf("the local address is %v", local)
	}
	c, err := s.listen(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	all := opened(t, c, err)
	if !all.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() {
		t.Errorf("the local address is %v, want all", all.LocalAddr())
	}
	to := netip.AddrPortFrom(other, all.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	if _, err := server.WriteToUDPAddrPort([]byte("x"), to); err != nil {
		t.Fatal(err)
	}
	if n, _, err := all.ReadFromUDPAddrPort(make([]byte, 10)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

// The unspecified address, which LocalAddr returns where a socket has all, means
// this host: the address that the datagram comes from, which is loopback's where
// there is a choice.
func testToUnspecified(t *testing.T, s sockets) {
	unspecified := netip.IPv4Unspecified()
	for bound, want := range map[netip.Addr]netip.Addr{other: other, unspecified: loopback} {
		a, err := s.listen(netip.AddrPortFrom(bound, 0))
		opened(t, a, err)
		to := netip.AddrPortFrom(unspecified, a.LocalAddr().(*net.UDPAddr).AddrPort().Port())
		from := func(want netip.Addr) {
			t.Helper()
			b := make([]byte, 8)
			if n, addr, err := a.ReadFromUDPAddrPort(b); err != nil || n != 1 || addr.Addr().Unmap() != want {
				t.Errorf("bound to %v: read %d bytes from %v, %v; want them from %v", bound, n, addr, err, want)
			}
		}
		b, err := s.listen(netip.AddrPortFrom(bound, 0))
		opened(t, b, err)
		if _, err := b.WriteToUDPAddrPort([]byte("1"), to); err != nil {
			t.Fatal(err)
		}
		from(want)
		c, err := s.dial(netip.AddrPortFrom(bound, 0), to)
		opened(t, c, err)
		if got := c.RemoteAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(); got != want {
			t.Errorf("dialed %v from %v: connected to %v, want %v", to, bound, got, want)
		}
		if _, err := c.Write([]byte("2")); err != nil {
			t.Fatal(err)
		}
		from(want)
	}
}
