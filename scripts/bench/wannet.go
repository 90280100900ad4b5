package main

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// The client of a wide-area run; the server has [serverPrefix]'s address, as always.
var wanClient = netip.MustParsePrefix("198.18.1.1/32")

// network is what a download goes over: the server's namespace, the client's, and
// the wire between them. The server's namespace has the server's address, or routes
// to its TUN device.
type network struct {
	server, client *namespace
	wire           *wire
}

func newNetwork(c contender, p path, seed uint64) (n *network, err error) {
	n = &network{}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.server, err = newNamespace(); err != nil {
		return nil, err
	}
	if n.client, err = newNamespace(); err != nil {
		return nil, err
	}
	if n.wire, err = newWire(n.server, n.client, p.impairment(seed)); err != nil {
		return nil, err
	}
	if err := n.server.do(func() error { return setUpServerEnd(c) }); err != nil {
		return nil, err
	}
	return n, n.client.do(setUpClientEnd)
}

// wanSysctls let neither kernel limit a download, nor remember the one before.
var wanSysctls = map[string]string{
	"net.ipv4.tcp_rmem":            "4096 33554432 134217728",
	"net.ipv4.tcp_wmem":            "4096 65536 134217728",
	"net.ipv4.tcp_no_metrics_save": "1",
	"net.ipv4.ip_forward":          "1",
}

// setUpServerEnd has the wire lead to the client, for the kernel's sockets with the
// contender's congestion control.
func setUpServerEnd(c contender) error {
	var own netip.Prefix
	route := netlink.Route{Dst: ipNet(wanClient)}
	if c.peer.inKernel {
		own = netip.PrefixFrom(serverPrefix.Addr(), 32)
		route.Congctl = c.algorithm
	}
	return setUpEnd(own, route)
}

func setUpClientEnd() error {
	return setUpEnd(wanClient, netlink.Route{Dst: ipNet(serverPrefix)})
}

// setUpEnd sets the wire's end up in the calling thread's namespace.
func setUpEnd(own netip.Prefix, route netlink.Route) error {
	if err := setSysctls(wanSysctls); err != nil {
		return err
	}
	if err := setUp(wireName, own); err != nil {
		return err
	}
	dev, err := netlink.LinkByName(wireName)
	if err != nil {
		return fmt.Errorf("device %s: %w", wireName, err)
	}
	route.LinkIndex = dev.Attrs().Index
	if err := netlink.RouteAdd(&route); err != nil {
		return fmt.Errorf("route to %s: %w", route.Dst, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	p = p.Masked()
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func (n *network) close() {
	if n.wire != nil {
		n.wire.close()
	}
	if n.client != nil {
		n.client.close()
	}
	if n.server != nil {
		n.server.close()
	}
}
