package main

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Names of the devices: of TUN's, and of a veth pair's ends.
const (
	tunName    = "tun0"
	clientVeth = "veth0"
	serverVeth = "veth1"
)

// makeVeth makes a pair between two namespaces and sets the client's end up.
func makeVeth(client, server *namespace) error {
	return client.do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = clientVeth, mtu
		err := netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: attrs, PeerName: serverVeth, PeerMTU: mtu,
			PeerNamespace: netlink.NsFd(server.file.Fd()),
		})
		if err != nil {
			return fmt.Errorf("a veth pair: %w", err)
		}
		return setUp(clientVeth, clientPrefix)
	})
}

// setUp gives a device of the calling thread's namespace an address, if it is
// valid, and sets it up.
func setUp(name string, prefix netip.Prefix) error {
	dev, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("device %s: %w", name, err)
	}
	if prefix.IsValid() {
		addr := &netlink.Addr{IPNet: &net.IPNet{
			IP:   prefix.Addr().AsSlice(),
			Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
		}}
		if err := netlink.AddrAdd(dev, addr); err != nil {
			return fmt.Errorf("address %s on %s: %w", prefix, name, err)
		}
	}
	if err := netlink.LinkSetUp(dev); err != nil {
		return fmt.Errorf("setting %s up: %w", name, err)
	}
	return nil
}
