package stack

import (
	"net"

	"github.com/tinystack/tinystack/tcp"
)

// Listen listens for TCP connections on an address as net.Listen does. Networks
// are "tcp" and "tcp4". The address is host:port; no host, or 0.0.0.0, means all
// of the stack's addresses, port 0 picks one. Errors are *net.OpError.
//
// The listener is a *tcp.Listener, which accepts *tcp.Conn.
func (s *Stack) Listen(network, address string) (net.Listener, error) {
	addr, err := s.listenAddr("tcp", network, address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	ln, err := s.tcp.Listen(addr)
	if err != nil {
		return nil, err // not a nil *tcp.Listener in a net.Listener
	}
	return ln, nil
}

// Conns lists the TCP connections, those in TIME-WAIT included.
func (s *Stack) Conns() []tcp.ConnInfo { return s.tcp.Conns() }
