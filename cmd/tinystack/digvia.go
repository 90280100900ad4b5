package main

import (
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
	roots   []dnsclient.RootServer // where +trace begins
}

// hostNetwork is the host's, asked on its own sockets or through a stack.
func hostNetwork(over *stack.Stack) digNetwork {
	n := digNetwork{names: net.DefaultResolver, roots: dnsclient.RootServers()}
	if over != nil {
		n.dialer = over
	}
	for _, at := range dnsclient.ReadResolvConf(resolvConfPath)().Servers {
		n.servers = append(n.servers, at.Addr())
	}
	if len(n.servers) == 0 { // this host: resolv.conf(5)
		n.servers = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return n
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
