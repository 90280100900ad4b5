package stack

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
)

// loopbackAddr is what "localhost" means, and what Dial takes no address for.
var loopbackAddr = loopbackPrefix.Addr()

// errMissingAddress is bare, as package net's is.
var errMissingAddress = errors.New("missing address")

// transport returns "tcp" or "udp" for the networks that the stack has.
func transport(network string) (string, error) {
	switch network {
	case "tcp", "tcp4":
		return "tcp", nil
	case "udp", "udp4":
		return "udp", nil
	}
	return "", net.UnknownNetworkError(network)
}

// dialAddrs finds what an address to dial means. Of no host, or of the unspecified
// address, it is this host, as in package net.
func (s *Stack) dialAddrs(ctx context.Context, proto, address string) ([]netip.AddrPort, error) {
	if address == "" {
		return nil, errMissingAddress
	}
	addrs, err := s.resolve(ctx, proto, address)
	for i, a := range addrs {
		if a.Addr().IsUnspecified() {
			addrs[i] = netip.AddrPortFrom(loopbackAddr, a.Port())
		}
	}
	return addrs, err
}

// listenAddr finds what an address to listen on means: of several, the first. No
// address is all of them, on any port. want is the network's transport.
func (s *Stack) listenAddr(want, network, address string) (netip.AddrPort, error) {
	proto, err := transport(network)
	switch {
	case err != nil:
		return netip.AddrPort{}, err
	case proto != want:
		return netip.AddrPort{}, &net.AddrError{Err: "unexpected address type", Addr: address}
	case address == "":
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0), nil
	}
	addrs, err := s.resolve(context.Background(), proto, address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return addrs[0], nil
}

// resolve finds the addresses, at least one, that host:port means.
func (s *Stack) resolve(ctx context.Context, proto, address string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, proto, service)
	if err != nil {
		return nil, err
	}
	found, err := s.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.AddrPort
	for _, a := range found {
		if a = a.Unmap(); a.Is4() {
			addrs = append(addrs, netip.AddrPortFrom(a, uint16(port)))
		}
	}
	if len(addrs) == 0 {
		return nil, &net.AddrError{Err: "no suitable address found", Addr: host}
	}
	return addrs, nil
}

// lookup finds a host's addresses; no host has the unspecified one.
func (s *Stack) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if host == "" {
		return []netip.Addr{netip.IPv4Unspecified()}, nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	// "localhost" names are never looked up (RFC 6761 6.3).
	if name := strings.ToLower(strings.TrimSuffix(host, ".")); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return []netip.Addr{loopbackAddr}, nil
	}
	s.mu.Lock()
	resolver := s.resolver
	s.mu.Unlock()
	if resolver == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return resolver.LookupNetIP(ctx, "ip4", host)
}

// SetResolver takes r in place of [Config].Resolver from now on: one that asks through
// the stack itself can be made only once the stack is there.
func (s *Stack) SetResolver(r Resolver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resolver = r
}
