package explain

import (
	"net/netip"
	"strings"
)

func (w *ownWorld) intro(p *page) {
	p.say("From a stack in this process, %s on the device %s, over the network that this machine is on: %v, the machine's kernel, "+
		"has the other end, and routes what is for others; localhost is the stack itself. What happens in the stack is told from its own state. "+
		"Of everyone else one sees what comes from there, and no more. ms are since Enter was hit.", w.address(), w.Device.Name(), w.Gateway)
	if w.Alone {
		p.say("The kernel does not forward packets now (see net.ipv4.ip_forward): only its own addresses can be reached.")
	}
	p.printf("\n")
	p.row("browser, OS == %s == this machine's kernel -- its network", w.Device.Name())
}

// address is the stack's on its device.
func (w *ownWorld) address() string {
	for _, i := range w.Stack.Interfaces() {
		if i.Name() == w.Device.Name() && len(i.Addresses()) > 0 {
			return i.Addresses()[0].Addr().String()
		}
	}
	return "without an address"
}

func (w *ownWorld) caches() []nameCache {
	return []nameCache{
		{nodeBrowser, "browser", "its own cache", nil},
		{nodeHost, "OS", "the resolver's cache, in this process", w.cache},
	}
}

func (w *ownWorld) recursion() recursion {
	if len(w.Roots) > 0 {
		return recursion{
			node:  nodeHost,
			title: "The recursion: from the root down",
			about: "No name server is asked to do the work: this host does, " + recursionText,
			found: "The caches of the OS and the browser keep the answer for its TTL",
		}
	}
	return recursion{
		node:  nodeHost,
		title: "The name server: who knows, or finds out",
		about: "The caches of this host don't know: it asks a name server, over UDP, port 53, to find out. " + portText,
		found: "Where the name server has it from, its cache or the servers from the root down, is not to be seen from here; " +
			"--iterative asks those itself. The caches of the OS and the browser keep the answer for its TTL",
	}
}

func (w *ownWorld) role(addr netip.Addr) string {
	for _, r := range w.Roots {
		if r.Addr == addr {
			return "the root server " + strings.TrimSuffix(r.Name, ".")
		}
	}
	for _, s := range w.Servers {
		if len(w.Roots) == 0 && s.Addr() == addr {
			return "the name server"
		}
	}
	return ""
}
