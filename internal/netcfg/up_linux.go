package netcfg

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Host is the host's end of a link, set up by [Up].
type Host struct {
	// Todo is the command the user has still to run; empty on Linux.
	Todo string

	undo []func() error
}

// Up gives the interface its MTU and address and takes it up. Where something
// fails, it undoes what it did; for want of a privilege it returns a
// *MissingError.
func Up(c Config) (*Host, error) {
	h := &Host{}
	if err := h.setUp(c); err != nil {
		return nil, errors.Join(err, h.Down())
	}
	return h, nil
}

func (h *Host) setUp(c Config) error {
	ifi, err := netlink.LinkByName(c.Device)
	if err != nil {
		return fmt.Errorf("interface %s: %w", c.Device, err)
	}
	for _, step := range []struct {
		what string
		do   func(netlink.Link, Config) error
	}{
		{"set the MTU of", h.setMTU},
		{"add the address to", h.addAddress},
		{"take up", h.linkUp},
	} {
		if err := step.do(ifi, c); err != nil {
			return explainStep(step.what+" "+c.Device, err)
		}
	}
	return nil
}

func (h *Host) setMTU(ifi netlink.Link, c Config) error {
	old := ifi.Attrs().MTU
	if old == c.MTU {
		return nil
	}
	h.onDown(func() error { return netlink.LinkSetMTU(ifi, old) })
	return netlink.LinkSetMTU(ifi, c.MTU)
}

func (h *Host) addAddress(ifi netlink.Link, c Config) error {
	addr := &netlink.Addr{IPNet: ipNet(c.Host)}
	there, err := netlink.AddrList(ifi, family(c.Host.Addr()))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(there, func(a netlink.Addr) bool { return a.IPNet.String() == addr.IPNet.String() }) {
		return nil
	}
	if err := netlink.AddrAdd(ifi, addr); err != nil {
		return err
	}
	h.onDown(func() error { return netlink.AddrDel(ifi, addr) })
	return nil
}

func (h *Host) linkUp(ifi netlink.Link, _ Config) error {
	if ifi.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	// Without an IPv6 address the kernel sends no router solicitations to a stack
	// that would only drop them. A kernel without IPv6 refuses, which is as well.
	_ = netlink.LinkSetIP6AddrGenMode(ifi, nl.IN6_ADDR_GEN_MODE_NONE)
	if err := netlink.LinkSetUp(ifi); err != nil {
		return err
	}
	h.onDown(func() error { return netlink.LinkSetDown(ifi) })
	return nil
}

func (h *Host) onDown(f func() error) { h.undo = append(h.undo, f) }

// Down undoes what Up did. An interface that is gone already is no error.
func (h *Host) Down() error {
	var errs []error
	for _, f := range slices.Backward(h.undo) {
		if err := f(); err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, err)
		}
	}
	h.undo = nil
	return errors.Join(errs...)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func family(a netip.Addr) int {
	if a.Is4() {
		return netlink.FAMILY_V4
	}
	return netlink.FAMILY_V6
}
