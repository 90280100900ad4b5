package main

import (
	"context"
	"net"
	"net/netip"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/internal/lab"
	"github.com/tinystack/tinystack/stack"
)

// Networks to ask on.
const (
	viaHost = "host"
	viaTUN  = "tun"
	viaLab  = "lab"
)

var vias = []string{viaHost, viaTUN, viaLab}

// digNetwork is a network to ask on.
type digNetwork struct {
	dialer  dnsclient.Dialer       // nil: the host's
	names   stack.Resolver         // which finds the server that the user names
	servers []netip.Addr           // whom to ask if the user names none
	conf    dnsclient.ResolvConf   // with what names are completed
	roots   []dnsclient.RootServer // where +trace begins
}

// hostNetwork is the host's, asked on its own sockets if dialer is nil.
func hostNetwork(dialer dnsclient.Dialer) digNetwork {
	n := digNetwork{dialer: dialer, names: net.DefaultResolver, roots: dnsclient.RootServers()}
	n.conf = *dnsclient.ReadResolvConf(resolvConfPath)()
	for _, at := range n.conf.Servers {
		n.servers = append(n.servers, at.Addr())
	}
	if len(n.servers) == 0 { // this host: resolv.conf(5)
		n.servers = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return n
}

// boundDialer opens the host's sockets, bound to an address and, unless it is 0, a port.
type boundDialer struct{ at netip.AddrPort }

// DialContext connects a UDP or TCP socket.
func (b boundDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(b.at)}
	if network == "tcp" {
		d.LocalAddr = net.TCPAddrFromAddrPort(b.at)
	}
	return d.DialContext(ctx, network, address)
}

// labNetwork is the lab's, asked from its host, which asks the home router.
func labNetwork(l *lab.Lab) digNetwork {
	host := l.Node("host")
	n := digNetwork{dialer: host, names: host, servers: l.Node("home").Addrs()[:1]}
	for _, addr := range l.Node("root").Addrs() {
		n.roots = append(n.roots, dnsclient.RootServer{Name: "a.root-servers.net.", Addr: addr})
	}
	return n
}
