package ipv4

import (
	"maps"
	"net/netip"
	"slices"
	"syscall"
)

// Entry is a route: packets to Dst go out on Interface, to the next router
// Gateway.
type Entry struct {
	Dst       netip.Prefix // 0.0.0.0/0: the default route
	Gateway   netip.Addr   // zero: Dst is on the link itself
	Interface *Interface   // nil, when adding: the one whose subnet Gateway is in
	Src       netip.Addr   // the source address to prefer; zero: by the rules of [Layer.Route]
	Metric    int          // 0 or more; of routes to one Dst, the lowest is used
}

// hostKind is what an address is to this host.
type hostKind uint8

const (
	hostOther     hostKind = iota
	hostLocal              // an address of its own
	hostBroadcast          // all hosts of a subnet of its own
)

// table is all that the way of a packet depends on. It is never changed, but
// replaced: to have the same table is to have the same routes.
type table struct {
	routes   *node
	hosts    map[uint32]hostKind
	ifaces   []*Interface // in the order they were added
	addrs    map[*Interface][]netip.Prefix
	loopback *Interface // nil if there is none
}

var loopbackNet = netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8)

// clone returns a copy to change: the trie is immutable, the rest is copied.
func (t *table) clone() *table {
	return &table{
		routes:   t.routes,
		hosts:    maps.Clone(t.hosts),
		ifaces:   slices.Clone(t.ifaces),
		addrs:    maps.Clone(t.addrs),
		loopback: t.loopback,
	}
}

// kind returns what the address is to this host.
func (t *table) kind(addr uint32) hostKind {
	switch {
	case addr>>24 == 127 && t.loopback != nil:
		return hostLocal // all of 127/8, RFC 1122 3.2.1.3(g)
	case addr == limitedBroadcast:
		return hostBroadcast
	}
	return t.hosts[addr]
}

// way is where packets to a destination go first.
type way struct {
	iface   *Interface
	nextHop netip.Addr // the gateway, or the destination itself
	src     netip.Addr // the source address the route prefers, or zero
	local   bool       // to this host itself
}

// way returns the way to dst.
func (t *table) way(dst netip.Addr) (way, error) {
	n := bits4(dst)
	switch {
	case t.kind(n) == hostLocal:
		if t.loopback == nil {
			return way{}, syscall.ENETUNREACH
		}
		return way{iface: t.loopback, nextHop: dst, local: true}, nil
	case t.kind(n) == hostBroadcast:
		return way{}, syscall.EACCES
	case !unicast(n) || loopback(n):
		return way{}, syscall.ENETUNREACH
	}
	e := t.routes.lookup(n)
	if e == nil {
		return way{}, syscall.ENETUNREACH
	}
	w := way{iface: e.Interface, nextHop: dst, src: e.Src}
	if e.Gateway.IsValid() {
		w.nextHop = e.Gateway
	}
	return w, nil
}

// source selects the address to send to dst from (RFC 1122 3.3.4.3): dst itself
// where that is this host, the one that the route prefers, the one on the next
// hop's subnet, the interface's first, or any other that is valid outside.
func (t *table) source(w way, dst netip.Addr) (netip.Addr, error) {
	switch {
	case w.local && !loopbackNet.Contains(dst):
		return dst, nil
	case w.src.IsValid():
		return w.src, nil
	}
	if a := nearest(t.addrs[w.iface], w.nextHop); a.IsValid() {
		return a, nil
	}
	for _, i := range t.ifaces {
		for _, p := range t.addrs[i] {
			if !p.Addr().IsLoopback() {
				return p.Addr(), nil
			}
		}
	}
	return netip.Addr{}, syscall.EADDRNOTAVAIL
}

// nearest returns the address with the smallest subnet that a is in, else the
// first.
func nearest(addrs []netip.Prefix, a netip.Addr) (best netip.Addr) {
	bits := -1
	for _, p := range addrs {
		switch {
		case p.Contains(a) && p.Bits() > bits:
			best, bits = p.Addr(), p.Bits()
		case !best.IsValid():
			best = p.Addr()
		}
	}
	return best
}

// rehost makes hosts and loopback anew from addrs.
func (t *table) rehost() {
	t.hosts, t.loopback = map[uint32]hostKind{}, nil
	for _, i := range t.ifaces {
		for _, p := range t.addrs[i] {
			if b, ok := broadcast(p); ok && t.hosts[b] == hostOther {
				t.hosts[b] = hostBroadcast
			}
			if p.Addr().IsLoopback() && t.loopback == nil {
				t.loopback = i
			}
			t.hosts[bits4(p.Addr())] = hostLocal
		}
	}
}

// broadcast returns the address of all hosts in p's subnet. There is none in one
// of two addresses (RFC 3021) or one.
func broadcast(p netip.Prefix) (uint32, bool) {
	if p.Bits() > 30 {
		return 0, false
	}
	return bits4(p.Addr()) | ^uint32(0)>>p.Bits(), true
}

func (t *table) insert(e Entry) {
	t.routes = t.routes.insert(bits4(e.Dst.Addr()), e.Dst.Bits(), 0, e)
}

func (t *table) remove(e Entry) {
	t.routes = t.routes.remove(bits4(e.Dst.Addr()), e.Dst.Bits(), 0, e)
}

// removeRoutes removes all routes that match.
func (t *table) removeRoutes(match func(Entry) bool) {
	var found []Entry
	t.routes.walk(func(e Entry) {
		if match(e) {
			found = append(found, e)
		}
	})
	for _, e := range found {
		t.remove(e)
	}
}
