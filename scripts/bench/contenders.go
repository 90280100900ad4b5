package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tinystack/tinystack/tcp"
)

// sender is a stack of the server's, in a wide-area run.
type sender struct {
	listen listenFunc
	resent func() (uint64, error) // segments sent again, of all connections
	ask    askFunc                // nil: the stack does not tell
}

// wanPeer is a stack that sends over the wide area.
type wanPeer struct {
	name, about string
	algorithms  []string
	// inKernel: the server's namespace has its address. Otherwise it has a TUN device there.
	inKernel bool
	// open brings the stack up, in the server's process and namespace.
	open func(algorithm string) (sender, error)
	// check returns why there is no such algorithm on this machine; nil: there is.
	check func(algorithm string) error
}

// wanPeers has tinystack first, and the one to be level with second.
var wanPeers = []wanPeer{
	{
		name:       "tinystack",
		about:      "TUN with offloads, as stack.Config's zero value has it but for the congestion control",
		algorithms: algorithms,
		open:       openWANTinystack,
	},
	{
		name:       "kernel",
		about:      "the kernel's sockets, the congestion control by route (ip route ... congctl)",
		algorithms: algorithms,
		inKernel:   true,
		open:       openWANKernel,
		check:      checkKernel,
	},
	{
		name:       "gvisor",
		about:      "netstack on TUN (fdbased), the way Go programs use it; " + gvisorBuffers,
		algorithms: []string{tcp.CUBIC, tcp.Reno},
		open:       openWANGvisor,
	},
}

// algorithms are all there are.
var algorithms = []string{tcp.BBR, tcp.CUBIC, tcp.Reno}

// contender is a peer with one of its algorithms.
type contender struct {
	peer      wanPeer
	algorithm string
}

func (c contender) name() string { return c.peer.name + " " + c.algorithm }

func findWANPeer(name string) (wanPeer, error) {
	i := slices.IndexFunc(wanPeers, func(p wanPeer) bool { return p.name == name })
	if i < 0 {
		return wanPeer{}, fmt.Errorf("no peer %q: there are %s", name, strings.Join(wanPeerNames(), ", "))
	}
	return wanPeers[i], nil
}

func wanPeerNames() []string {
	var names []string
	for _, p := range wanPeers {
		names = append(names, p.name)
	}
	return names
}

// checkKernel wants the module to be there: a route takes any name.
func checkKernel(algorithm string) error {
	b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
	if err == nil && !slices.Contains(strings.Fields(string(b)), algorithm) {
		err = fmt.Errorf("the kernel has %s; modprobe tcp_%s may help", strings.TrimSpace(string(b)), algorithm)
	}
	return err
}
