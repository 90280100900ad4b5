package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/tinystack/tinystack/link"
)

// Every peer's network: the client's address, the server's, and their subnet.
var (
	clientPrefix = netip.MustParsePrefix("198.18.0.1/24")
	serverPrefix = netip.MustParsePrefix("198.18.0.2/24")
)

const mtu = 1500

// listenFunc listens on a TCP port of a stack.
type listenFunc func(port uint16) (net.Listener, error)

// peer is a stack to measure.
type peer struct {
	name string
	// about says for the report what it is and how it was set.
	about string
	// veth: the client reaches it over a veth pair, from a namespace of its own.
	// Otherwise the server makes the device in the client's namespace.
	veth bool
	// open brings the stack up, in the server's process and namespace.
	open func() (listenFunc, error)
}

// peers has tinystack first; the ratios are to the others.
var peers = []peer{
	{
		name:  "tinystack",
		about: "TUN with offloads and a queue for each CPU, as `up` has it; stack.Config's zero value",
		open:  func() (listenFunc, error) { return openTinystack(link.DefaultQueues()) },
	},
	{
		name:  "gvisor-tun",
		about: "netstack on TUN (fdbased), the way Go programs use it; " + gvisorSettings,
		open:  openGvisorTUN,
	},
	{
		name:  "gvisor-packet",
		about: "netstack on a packet socket over veth; " + gvisorPacketSettings + "; " + gvisorSettings,
		veth:  true,
		open:  openGvisorPacket,
	},
	{
		name:  "kernel",
		about: "the kernel's sockets over veth, its offloads as they are by default; CUBIC, as the client",
		veth:  true,
		open:  openKernel,
	},
}

// variants are measured only if they are asked for by name.
var variants = []peer{
	{
		name:  "tinystack-1q",
		about: "as tinystack, with one queue",
		open:  func() (listenFunc, error) { return openTinystack(1) },
	},
}

func allPeers() []peer { return slices.Concat(peers, variants) }

func findPeer(name string) (peer, error) {
	all := allPeers()
	i := slices.IndexFunc(all, func(p peer) bool { return p.name == name })
	if i < 0 {
		return peer{}, fmt.Errorf("no peer %q: there are %s", name, strings.Join(peerNames(all), ", "))
	}
	return all[i], nil
}

func peerNames(ps []peer) []string {
	var names []string
	for _, p := range ps {
		names = append(names, p.name)
	}
	return names
}
