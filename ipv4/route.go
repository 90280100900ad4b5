package ipv4

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/tinystack/tinystack/packet"
)

// defaultMTU is what a path is taken for while there is none (RFC 1122 3.3.3).
const defaultMTU = 576

// hop is a lookup's result, and what it depended on: it holds while the table
// and the path MTUs are what they were.
type hop struct {
	table *table
	gen   uint64
	err   error      // why there is no way; then iface is nil
	iface *Interface // where packets go out
	path  pathMTU
}

// mtu returns the largest packet in bytes that both link and path take.
func (h *hop) mtu() int {
	if h.iface == nil {
		return defaultMTU
	}
	return min(h.iface.MTU(), h.path.mtu)
}

// shared returns h, or the same that other routes have already: but for what is known of their paths,
// those out of one interface differ in nothing, and there may be a million.
// It holds its table, also one that was replaced, until the next lookup, as the routes' last ones do.
func (h hop) shared() *hop {
	whole := h.iface != nil && h.path == pathMTU{mtu: packet.MaxSize}
	if whole {
		if other := h.iface.whole.Load(); other != nil && *other == h {
			return other
		}
	}
	own := h
	if whole {
		h.iface.whole.Store(&own)
	}
	return &own
}

// hop looks up the first hop from src, an address of this host, to dst.
func (l *Layer) hop(src, dst netip.Addr) hop {
	h := hop{table: l.table.Load(), gen: l.pmtus.gen.Load()}
	w, err := h.table.way(dst)
	if err == nil && h.table.kind(bits4(src)) != hostLocal {
		err = syscall.EADDRNOTAVAIL
	}
	if err != nil {
		h.err = err
		return h
	}
	h.iface, h.path = w.iface, pathMTU{mtu: packet.MaxSize}
	if !w.local {
		h.path = l.pmtus.get(dst)
	}
	return h
}

// route is a packet.Route.
type route struct {
	layer         *Layer
	local, remote netip.Addr
	last          atomic.Pointer[hop]
}

// Route returns the way from local to remote. If local is not valid, or is
// 0.0.0.0, the address is selected: the route's Src if it has one, else that of
// the outgoing interface, on the next hop's subnet if there is one (RFC 1122
// 3.3.4.3). From an address of its own to itself, all goes through loopback.
//
// An IPv4-mapped IPv6 address is taken for the IPv4 address it holds. Errors are
// syscall.Errno: EAFNOSUPPORT if an address is not IPv4, ENETUNREACH
// without a route to remote, or for what is not one host's address; EACCES if
// that is a broadcast address; EADDRNOTAVAIL if local is not an address of this
// host, or none can be selected; EINVAL from a loopback address to another host.
func (l *Layer) Route(local, remote netip.Addr) (packet.Route, error) {
	local, remote = local.Unmap(), remote.Unmap()
	if !remote.Is4() || local.IsValid() && !local.Is4() {
		return nil, syscall.EAFNOSUPPORT
	}
	local, err := l.sourceFor(local, remote)
	if err != nil {
		return nil, err
	}
	r := &route{layer: l, local: local, remote: remote}
	h := r.hop()
	return r, h.err
}

// sourceFor returns local, checked, or selects a source address if there is none.
func (l *Layer) sourceFor(local, remote netip.Addr) (netip.Addr, error) {
	t := l.table.Load()
	w, err := t.way(remote)
	switch {
	case err != nil:
		return local, err
	case !local.IsValid() || local.IsUnspecified():
		return t.source(w, remote)
	case t.kind(bits4(local)) != hostLocal:
		return local, syscall.EADDRNOTAVAIL
	case local.IsLoopback() && !w.local:
		return local, syscall.EINVAL // must not appear outside a host (RFC 1122 3.2.1.3(g))
	}
	return local, nil
}

func (r *route) Local() netip.Addr  { return r.local }
func (r *route) Remote() netip.Addr { return r.remote }

// hop returns the present first hop, from the last lookup if it still holds.
func (r *route) hop() *hop {
	h := r.last.Load()
	if h != nil && h.table == r.layer.table.Load() && h.gen == r.layer.pmtus.gen.Load() {
		return h
	}
	now := r.layer.hop(r.local, r.remote).shared()
	r.last.Store(now)
	return now
}

// MTU returns the largest packet in bytes that the path is known to take whole;
// 576 while there is no path.
func (r *route) MTU() int { return r.hop().mtu() }

// LowerMTU records a router's word that the path takes no packet above mtu bytes.
// It is forgotten after ten minutes. One below 68 is ignored; below 552, the MTU
// stays at 552 and packets are sent without DF.
func (r *route) LowerMTU(mtu int) {
	if h := r.hop(); h.iface != nil && mtu < h.iface.MTU() && h.table.kind(bits4(r.remote)) != hostLocal {
		r.layer.pmtus.lower(r.remote, mtu)
	}
}

// Features returns those of the device that Send would use now.
func (r *route) Features() packet.Features {
	if h := r.hop(); h.iface != nil {
		return h.iface.dev.Features()
	}
	return 0
}

// Send sends p, whose headers so far are the transport header. A packet with
// p.Csum at CsumPartial has the folded sum of the pseudo-header in its checksum
// field, and p.CsumOffset says where in the transport header that is; Send sets
// p.CsumStart. What the device can't do for p is done here.
//
// A packet larger than MTU is fragmented, unless p.DF is set (EMSGSIZE) or it is
// a super-packet, whose segments must fit (EMSGSIZE).
func (r *route) Send(p *packet.Out) error {
	return r.layer.send(r.hop(), r.local, r.remote, p)
}
