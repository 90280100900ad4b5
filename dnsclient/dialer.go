package dnsclient

import (
	"context"
	"net"
)

// Dialer opens the sockets that questions go out on: a *net.Dialer for the
// kernel's, a *stack.Stack for ours. Networks are "udp" and "tcp", addresses are
// an IP address and a port. Of a UDP socket it is expected that the local port is
// picked at random and that only datagrams of the remote address and port arrive,
// as both of these have it (RFC 5452 9.2, 9.1).
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}
