package stack

import (
	"context"
	"net"
	"net/netip"

	"github.com/tinystack/tinystack/trace"
)

// Dial connects to an address as net.Dial does. Networks are "tcp" and "udp",
// also as "tcp4" and "udp4". The address is host:port; see net.Dial for both, and
// [Config].Resolver for host names. Errors are *net.OpError, with the causes that
// the kernel's sockets give.
//
// The connection is a *tcp.Conn or a *udp.Conn.
func (s *Stack) Dial(network, address string) (net.Conn, error) {
	return s.DialContext(context.Background(), network, address)
}

// DialContext is Dial until ctx ends. Once connected, the end of ctx does not
// affect the connection.
func (s *Stack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	proto, err := transport(network)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	addrs, err := s.dialAddrs(ctx, proto, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	var first error
	for _, addr := range addrs { // in order, until one answers
		c, err := s.dialAddr(ctx, proto, addr)
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func (s *Stack) dialAddr(ctx context.Context, proto string, addr netip.AddrPort) (net.Conn, error) {
	if proto == "tcp" {
		return conn(s.tcp.Dial(ctx, netip.AddrPort{}, addr))
	}
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: proto, Addr: net.UDPAddrFromAddrPort(addr), Err: err}
	}
	c, err := s.udp.Dial(netip.AddrPort{}, addr)
	if id := trace.Cause(ctx); err == nil && id != 0 {
		c.Because(id)
	}
	return conn(c, err)
}

// conn keeps a nil pointer from becoming a net.Conn that is not nil.
func conn[T net.Conn](c T, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ListenPacket opens a UDP socket on an address as net.ListenPacket does. Networks
// are "udp" and "udp4". The address is host:port; no host, or 0.0.0.0, means all
// of the stack's addresses, port 0 picks one. The socket is a *udp.Conn.
func (s *Stack) ListenPacket(network, address string) (net.PacketConn, error) {
	addr, err := s.listenAddr("udp", network, address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	c, err := s.udp.Listen(addr)
	if err != nil {
		return nil, err
	}
	return c, nil
}
