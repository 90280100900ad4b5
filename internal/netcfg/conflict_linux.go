package netcfg

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// CheckSubnet returns a *MissingError that names who has the subnet, or a part
// of it, if an interface other than device, or a route, does. Default routes do
// not count, nor their halves (0.0.0.0/1 and 128.0.0.0/1), as VPNs set them.
func CheckSubnet(subnet netip.Prefix, device string) error {
	who, err := holder(subnet.Masked(), device)
	if err != nil {
		return fmt.Errorf("list the host's routes: %w", err)
	}
	if who == "" {
		return nil
	}
	return &MissingError{What: fmt.Sprintf("the subnet %s is taken: %s", subnet.Masked(), who)}
}

// holder describes who has an address in subnet; empty if nobody.
func holder(subnet netip.Prefix, device string) (string, error) {
	own, addresses, err := addresses(device, family(subnet.Addr()))
	if err != nil {
		return "", err
	}
	for _, a := range addresses {
		if p, ok := prefix(a.IPNet); ok && a.LinkIndex != own && p.Overlaps(subnet) {
			return fmt.Sprintf("interface %s has the address %s", linkName(a.LinkIndex), a.IPNet), nil
		}
	}
	// A table of zero with the filter set means all tables, policy routing's too.
	routes, err := netlink.RouteListFiltered(family(subnet.Addr()), &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return "", err
	}
	for _, r := range routes {
		if p, ok := prefix(r.Dst); ok && p.Bits() > 1 && (own == 0 || r.LinkIndex != own) && p.Overlaps(subnet) {
			return describe(p, r), nil
		}
	}
	return "", nil
}

// addresses lists the addresses of all interfaces, and tells the index of the
// one named device: zero if there is none.
func addresses(device string, family int) (own int, list []netlink.Addr, err error) {
	if ifi, err := net.InterfaceByName(device); err == nil {
		own = ifi.Index
	}
	list, err = netlink.AddrList(nil, family)
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = nil // another address came or went meanwhile
	}
	return own, list, err
}

func describe(dst netip.Prefix, r netlink.Route) string {
	s := fmt.Sprintf("there is a route to %s", dst)
	if r.Gw != nil {
		s += fmt.Sprintf(" by way of %s", r.Gw)
	}
	if r.LinkIndex != 0 {
		s += fmt.Sprintf(" on interface %s", linkName(r.LinkIndex))
	}
	return s
}

func linkName(index int) string {
	if ifi, err := net.InterfaceByIndex(index); err == nil {
		return ifi.Name
	}
	return fmt.Sprintf("number %d", index)
}

func prefix(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), ones).Masked(), ok
}
