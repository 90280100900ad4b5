package stack

import (
	"context"

	"github.com/tinystack/tinystack/ipv4"
)

// Ping sends one ICMP echo request and waits for the answer, which may be an ICMP
// error, or until ctx ends; see [ipv4.Echo.Ping].
func (s *Stack) Ping(ctx context.Context, r ipv4.EchoRequest) (ipv4.EchoReply, error) {
	return s.ip.Ping(ctx, r)
}

// ListenEcho opens a socket for a series of ICMP echo requests.
func (s *Stack) ListenEcho() (*ipv4.Echo, error) { return s.ip.ListenEcho() }
