package stack_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/tinystack/tinystack/stack"
)

// Wrong networks and addresses give the error types that package net gives; both
// are asked, and must agree but for IPv6, which we don't have.
func TestAddressErrors(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{})
	tests := []struct{ network, address string }{
		{"tcp", "127.0.0.1"},
		{"tcp", "127.0.0.1:80:80"},
		{"tcp", "127.0.0.1:65536"},
		{"tcp", "127.0.0.1:-1"},
		{"tcp", "127.0.0.1:no-such-service"},
		{"tcp4", "[::1]:80"},
		{"udp4", "[::1]:80"},
		{"udp", "[::1:80"},
		{"quic", "127.0.0.1:80"},
		{"", "127.0.0.1:80"},
		{"udp", ""},
	}
	for _, test := range tests {
		_, got := s.Dial(test.network, test.address)
		_, want := net.Dial(test.network, test.address)
		var gotOp, wantOp *net.OpError
		if !errors.As(want, &wantOp) {
			t.Fatalf("package net gives %T", want)
		}
		if !errors.As(got, &gotOp) || gotOp.Op != "dial" || gotOp.Net != wantOp.Net {
			t.Errorf("Dial %q %q: %v; package net: %v", test.network, test.address, got, want)
			continue
		}
		if kind(gotOp.Err) != kind(wantOp.Err) {
			t.Errorf("Dial %q %q: %T %v; package net: %T %v", test.network, test.address, gotOp.Err, gotOp.Err, wantOp.Err, wantOp.Err)
		}
	}
}

// kind is an error's type, as far as a program can tell.
func kind(err error) string {
	var unknown net.UnknownNetworkError
	var addr *net.AddrError
	var dns *net.DNSError
	switch {
	case errors.As(err, &unknown):
		return "unknown network"
	case errors.As(err, &addr):
		return "address: " + addr.Err
	case errors.As(err, &dns):
		return "name"
	}
	return strings.TrimPrefix(err.Error(), "address : ")
}

func TestUnknownNetworks(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{})
	for _, network := range []string{"tcp6", "udp6", "ip4:icmp", "unix", ""} {
		_, err := s.Dial(network, "127.0.0.1:80")
		wantUnknown(t, "dial", network, err)
		_, err = s.ListenPacket(network, "127.0.0.1:80")
		wantUnknown(t, "listen", network, err)
	}
	var wrong *net.AddrError
	if _, err := s.ListenPacket("tcp", ":80"); !errors.As(err, &wrong) {
		t.Errorf("ListenPacket on tcp: %v", err)
	}
}

func wantUnknown(t *testing.T, op, network string, err error) {
	t.Helper()
	var e *net.OpError
	if !errors.As(err, &e) || e.Op != op || e.Net != network || e.Err != net.UnknownNetworkError(network) {
		t.Errorf("%s %q: %v", op, network, err)
	}
}

// names is a Resolver with a fixed answer for each name.
type names map[string][]netip.Addr

func (n names) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if network != "ip4" {
		return nil, net.UnknownNetworkError(network)
	}
	return n[host], nil
}

func TestResolver(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{Resolver: names{
		"here.example":   {netip.MustParseAddr("127.0.0.1")},
		"second.example": {netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("::ffff:127.0.0.2")},
		"six.example":    {netip.MustParseAddr("2001:db8::1")},
	}})
	for host, want := range map[string]string{
		"here.example":   "127.0.0.1:53",
		"second.example": "127.0.0.2:53", // the first has no route
		"localhost":      "127.0.0.1:53",
		"LOCALHOST.":     "127.0.0.1:53",
		"a.localhost":    "127.0.0.1:53",
	} {
		c, err := s.Dial("udp", host+":53")
		if err != nil || c.RemoteAddr().String() != want {
			t.Errorf("%s: %v, want %s", host, err, want)
		}
	}
	var wrong *net.AddrError
	for _, host := range []string{"six.example", "no.example"} {
		if _, err := s.Dial("udp", host+":53"); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", host, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, host := range []string{"here.example", "127.0.0.1"} {
		if _, err := s.DialContext(ctx, "udp", host+":53"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, canceled: %v", host, err)
		}
	}
	c, err := s.ListenPacket("udp", "here.example:domain")
	if err != nil || c.LocalAddr().String() != "127.0.0.1:53" {
		t.Errorf("ListenPacket: %v", err)
	}
}

// A resolver that is set later is asked from then on, and no more once it is taken away.
func TestSetResolver(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{})
	for _, r := range []stack.Resolver{nil, names{"here.example": {netip.MustParseAddr("127.0.0.1")}}, nil} {
		s.SetResolver(r)
		if _, err := s.Dial("udp", "here.example:53"); (err == nil) != (r != nil) {
			t.Errorf("with the resolver %v: %v", r, err)
		}
	}
}

func TestNoResolver(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{})
	_, err := s.Dial("udp", "host.example:53")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound || dns.Name != "host.example" {
		t.Errorf("%v", err)
	}
}

func TestListenPacketAddresses(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{})
	for address, want := range map[string]string{
		"":             "0.0.0.0:",
		":0":           "0.0.0.0:",
		":53":          "0.0.0.0:53",
		"0.0.0.0:54":   "0.0.0.0:54",
		"localhost:55": "127.0.0.1:55",
		"127.9.9.9:56": "127.9.9.9:56",
	} {
		c, err := s.ListenPacket("udp4", address)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		if got := c.LocalAddr().String(); !strings.HasPrefix(got, want) || strings.HasSuffix(got, ":0") {
			t.Errorf("%q: local address %s", address, got)
		}
	}
	if _, err := s.ListenPacket("udp", ":53"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port in use: %v", err)
	}
	if _, err := s.ListenPacket("udp", "203.0.113.1:53"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("somebody else's address: %v", err)
	}
}
