package explain

import (
	"net/netip"

	"github.com/tinystack/tinystack/internal/lab"
	"github.com/tinystack/tinystack/internal/pcapng"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/trace"
)

// labWorld is the lab, all of which is seen.
type labWorld struct{ *lab.Lab }

// newLabWorld makes the lab of a trip that is changed so; l hears of all that happens there,
// and loses what is to be lost.
func newLabWorld(c Change, seed uint64, l *log) (world, error) {
	cfg := lab.Config{Seed: seed}
	cfg.Host.ReceiveBuffer, cfg.Host.NoSACK = c.Rwnd, c.NoSACK
	cfg.Web.Congestion = c.CC
	cfg.MTU = c.MTU()
	net, err := lab.New(cfg)
	if err != nil {
		return nil, err
	}
	l.lose = c.Lose.chooser(seed)
	net.Trace().Subscribe(l.add)
	access, lan := net.Wire("access"), net.Wire("lan")
	slow := access.Impairment()
	slow.Delay += c.Delay
	bad := lan.Impairment()
	bad.LoseIf = func(_ uint64, b []byte) bool { return l.doom(b) }
	for w, cfg := range map[*lab.Wire]link.ImpairConfig{access: slow, lan: bad} {
		if err := w.Impair(cfg); err != nil {
			net.Close()
			return nil, err
		}
	}
	return labWorld{net}, nil
}

// onLabWire reports whether e puts a packet on the wire between the host and its router.
func onLabWire(e *trace.Event) bool {
	return e.Kind == trace.Sent && (e.Node == nodeHost || e.Node == nodeHome && e.Packet.Interface == homeLAN)
}

func (w labWorld) intro(p *page) {
	p.say("In the lab: a small Internet in this process, whose hosts, routers and servers are tinystacks of their own. " +
		"The packets are real; ms are since Enter was hit.")
	p.printf("\n")
	p.row("browser, OS -- home router -- ISP -- backbone -- Google's edge -- www")
	p.row("                               |         |            |")
	p.row("                           resolver  root, com    google.com's DNS")
}

func (w labWorld) host() host { return w.Node(nodeHost) }

func (w labWorld) node(name string) *trace.Node { return w.Trace().Node(name) }

func (w labWorld) caches() []nameCache {
	return []nameCache{
		{nodeBrowser, "browser", "its own cache", nil},
		{nodeHost, "OS", "the stub resolver's cache", w.Node(nodeHost).Cache()},
		{nodeHome, "home router", "the forwarder's cache, at 192.0.2.1", w.Node(nodeHome).Cache()},
		{nodeResolver, "ISP", "the resolver's cache, at 198.51.100.53", w.Node(nodeResolver).Cache()},
	}
}

func (w labWorld) recursion() recursion {
	return recursion{
		node:  nodeResolver,
		title: "The recursion: from the root down",
		about: "The ISP's resolver asks " + recursionText,
		found: "Back up the way it came, and each cache on it keeps the answer for its TTL",
	}
}

func (w labWorld) role(addr netip.Addr) string {
	if n := w.Owner(addr); n != nil {
		return n.Role()
	}
	return ""
}

func (w labWorld) whole() bool { return true }

func (w labWorld) wire() pcapng.Interface {
	return pcapng.Interface{
		Name: homeLAN, LinkType: pcapng.LinkTypeRaw,
		Description: "the wire between the host and its router, where packets set out on it",
	}
}

func (w labWorld) taps() (*taps, error) {
	near, far := w.Wire(homeLAN).Ends()
	return newTaps(near.Device, far.Device)
}

func (w labWorld) close() { w.Close() }
