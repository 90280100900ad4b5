package dnsclient

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// peek returns what is fresh of a name and a type, of any rank, and tells nobody.
func (c *Cache) peek(name string, qtype uint16) (Entry, bool) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.fresh(dataKey(name, qtype), now)
	if i == nil {
		return Entry{}, false
	}
	return i.view(now), true
}

// exists reports whether the name is known to exist, but for its being a zone.
func (c *Cache) exists(name string) bool {
	_, ok := c.peek(name, hiddenType)
	if !ok {
		_, ok = c.peek(name, dns.TypeCNAME)
	}
	return ok
}

// closest returns the zone to begin with: the one furthest down that the name is in
// and whose servers are known (RFC 1034 5.3.3 step 2).
func (t *task) closest(q dns.Question) *cut {
	name := q.Name
	if atParent(q.Qtype) {
		name = parent(name)
	}
	for ; ; name = parent(name) {
		if e, ok := t.r.cache.peek(name, dns.TypeNS); ok && e.Kind == Positive {
			c := &cut{zone: name, ns: e.Records, expires: time.Now().Add(e.TTL)}
			if t.r.usable(c) {
				traceOf(t.ctx).cacheHit(e)
				return c
			}
		}
		if name == "." {
			return t.r.roots
		}
	}
}

// usable reports whether a server of the zone can be reached: its address is known,
// or is not in the zone itself, so that it can be looked up.
func (r *Iterative) usable(c *cut) bool {
	for _, name := range c.names() {
		if !inZone(c.zone, name) || len(r.serverAddresses(c, name)) > 0 {
			return true
		}
	}
	return false
}

// addresses returns the zone's servers at the addresses that are known of them.
func (r *Iterative) addresses(c *cut) []candidate {
	var list []candidate
	for _, name := range c.names() {
		list = append(list, r.serverAddresses(c, name)...)
	}
	return list
}

// serverAddresses returns what the cache knows of a server's addresses, for that may
// be the server's own word, or else what came along with the referral.
func (r *Iterative) serverAddresses(c *cut, name string) []candidate {
	var list []candidate
	for _, qtype := range r.addressTypes() {
		records := c.addresses(name, qtype)
		if e, ok := r.cache.peek(name, qtype); ok && e.Kind == Positive {
			records = e.Records
		}
		list = append(list, r.candidates(name, records)...)
	}
	return list
}

// candidates returns the server at those of its addresses that can be one's.
func (r *Iterative) candidates(name string, records []dns.RR) []candidate {
	var list []candidate
	for _, rr := range records {
		if addr := addressOf(rr); r.plausible(addr) && (addr.Is4() || r.ipv6) {
			list = append(list, candidate{name, addr})
		}
	}
	return list
}

// plausible reports whether an address can be that of a server: not this host's own,
// unless the roots are there, too, nor that of many.
func (r *Iterative) plausible(addr netip.Addr) bool {
	return !addr.Is4In6() && (addr.IsGlobalUnicast() || addr.IsLoopback() && r.local)
}

// sift drops the addresses that can't be those of servers.
func (r *Iterative) sift(f *finding) {
	if f.cut == nil {
		return
	}
	var kept []dns.RR
	for _, rr := range f.cut.glue {
		if r.plausible(addressOf(rr)) {
			kept = append(kept, rr)
		} else {
			f.drop(rr, DropAddress)
		}
	}
	f.cut.glue = kept
}

// addressTypes are the types of record that are looked up of a server.
func (r *Iterative) addressTypes() []uint16 {
	if r.ipv6 {
		return []uint16{dns.TypeA, dns.TypeAAAA}
	}
	return []uint16{dns.TypeA}
}
