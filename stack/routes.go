package stack

import (
	"fmt"
	"net/netip"
	"syscall"

	"github.com/tinystack/tinystack/ipv4"
)

// Route says where packets to Dst go: to the next router, Gateway, or if that is
// the zero Addr, to Dst itself.
type Route struct {
	Dst       netip.Prefix // 0.0.0.0/0: the default route
	Gateway   netip.Addr   // zero: Dst is on the link itself
	Interface string       // "": the one whose subnet Gateway is in
	Src       netip.Addr   // the source address to prefer; zero: the interface's
	Metric    int          // 0 or more; of routes to one Dst, the lowest is used
}

// defaultDst is the default route's destination.
var defaultDst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// AddRoute adds a route. It fails with EINVAL if a field is not valid, EEXIST if
// there is a route to Dst with the same Metric, ENODEV if there is no such
// interface, ENETUNREACH if Gateway is on no interface's subnet, EADDRNOTAVAIL if
// Src is not an address of the stack.
func (s *Stack) AddRoute(r Route) error {
	e, err := s.entry(r)
	if err != nil {
		return fmt.Errorf("stack: add route to %v: %w", r.Dst, err)
	}
	return s.ip.AddRoute(e)
}

// DeleteRoute deletes the first route to r.Dst, lowest metric first, that has all
// of r's other fields which are not zero. It fails with ESRCH if there is none.
func (s *Stack) DeleteRoute(r Route) error {
	e, err := s.entry(r)
	if err != nil {
		return fmt.Errorf("stack: delete route to %v: %w", r.Dst, err)
	}
	return s.ip.DeleteRoute(e)
}

// SetDefaultGateway makes gateway, which is on an interface's subnet, the router
// for all other destinations, at once in place of the one before. It fails as
// AddRoute does, and then leaves that one.
func (s *Stack) SetDefaultGateway(gateway netip.Addr) error {
	return s.ip.ReplaceRoute(ipv4.Entry{Dst: defaultDst, Gateway: gateway})
}

// Routes lists the routes, those to the interfaces' own subnets included.
func (s *Stack) Routes() []Route {
	entries := s.ip.Routes()
	routes := make([]Route, len(entries))
	for n, e := range entries {
		routes[n] = Route{Dst: e.Dst, Gateway: e.Gateway, Interface: e.Interface.Name(), Src: e.Src, Metric: e.Metric}
	}
	return routes
}

func (s *Stack) entry(r Route) (ipv4.Entry, error) {
	e := ipv4.Entry{Dst: r.Dst, Gateway: r.Gateway, Src: r.Src, Metric: r.Metric}
	if r.Interface == "" {
		return e, nil
	}
	i := s.Interface(r.Interface)
	if i == nil {
		return e, fmt.Errorf("interface %s: %w", r.Interface, syscall.ENODEV)
	}
	e.Interface = i.ip
	return e, nil
}
