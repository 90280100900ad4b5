package dnsclient

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// fakePort is a port that a Server listens on, over UDP and TCP, and the Dialer of a
// client with an address.
type fakePort struct {
	datagrams chan fakeDatagram
	conns     chan net.Conn
	closed    chan struct{}
	closeOnce sync.Once

	mu      sync.Mutex
	clients map[netip.AddrPort]net.Conn
	next    uint16
}

type fakeDatagram struct {
	b    []byte
	from netip.AddrPort
}

func newFakePort() *fakePort {
	return &fakePort{
		datagrams: make(chan fakeDatagram), conns: make(chan net.Conn), closed: make(chan struct{}),
		clients: map[netip.AddrPort]net.Conn{}, next: 40000,
	}
}

// from is the Dialer of a client.
func (p *fakePort) from(addr string) *fakeClient { return &fakeClient{p, netip.MustParseAddr(addr)} }

type fakeClient struct {
	port *fakePort
	addr netip.Addr
}

func (c *fakeClient) DialContext(_ context.Context, network, _ string) (net.Conn, error) {
	p := c.port
	ours, theirs := net.Pipe()
	p.mu.Lock()
	p.next++
	from := netip.AddrPortFrom(c.addr, p.next)
	p.clients[from] = theirs
	p.mu.Unlock()
	if network == "udp" {
		go p.carry(theirs, from)
		return ours, nil
	}
	select {
	case p.conns <- &fakeTCP{theirs, from}:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// carry brings what a client writes to the port.
func (p *fakePort) carry(c net.Conn, from netip.AddrPort) {
	defer c.Close()
	for {
		b := make([]byte, dns.MaxMsgSize)
		n, err := c.Read(b)
		if err != nil {
			return
		}
		select {
		case p.datagrams <- fakeDatagram{b[:n], from}:
		case <-p.closed:
			return
		}
	}
}

// fakeTCP has the address of a client.
type fakeTCP struct {
	net.Conn
	from netip.AddrPort
}

func (c *fakeTCP) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.from) }

// Accept and the methods below make the port a net.Listener and a net.PacketConn.
func (p *fakePort) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *fakePort) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-p.datagrams:
		return copy(b, d.b), net.UDPAddrFromAddrPort(d.from), nil
	case <-p.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo writes to a client; one that has gone loses it.
func (p *fakePort) WriteTo(b []byte, to net.Addr) (int, error) {
	p.mu.Lock()
	c := p.clients[clientOf(to)]
	p.mu.Unlock()
	_, _ = c.Write(b)
	return len(b), nil
}

func (p *fakePort) Close() error {
	p.closeOnce.Do(func() { close(p.closed) })
	return nil
}

func (*fakePort) Addr() net.Addr                   { return nil }
func (*fakePort) LocalAddr() net.Addr              { return nil }
func (*fakePort) SetDeadline(time.Time) error      { return nil }
func (*fakePort) SetReadDeadline(time.Time) error  { return nil }
func (*fakePort) SetWriteDeadline(time.Time) error { return nil }

// served is a Server on a port, which ends with the test.
func served(t *testing.T, cfg ServerConfig) (*Server, *fakePort) {
	t.Helper()
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := newFakePort()
	ended := make(chan error, 2)
	go func() { ended <- s.ServePacket(p) }()
	go func() { ended <- s.Serve(p) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		for range 2 {
			if err := <-ended; err != net.ErrClosed {
				t.Errorf("the server ended with %v, want %v", err, net.ErrClosed)
			}
		}
	})
	return s, p
}
