package dnsclient

import (
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxZoneServers is the most servers of a zone that are kept; the root has 13.
	maxZoneServers = 20
	// maxGlue is the most addresses of one server that are kept.
	maxGlue = 8
)

// cut is where a zone begins: the records that name its servers, and those with
// their addresses as far as they are known.
type cut struct {
	zone    string
	ns      []dns.RR  // one for each server
	glue    []dns.RR  // A and AAAA
	expires time.Time // of the NS records; zero: never
}

// names returns the names of the servers.
func (c *cut) names() []string {
	names := make([]string, len(c.ns))
	for i, rr := range c.ns {
		names[i] = dns.CanonicalName(rr.(*dns.NS).Ns)
	}
	return names
}

// addresses returns the records of a type that came along for a server.
func (c *cut) addresses(name string, qtype uint16) []dns.RR {
	var list []dns.RR
	for _, rr := range c.glue {
		if h := rr.Header(); h.Rrtype == qtype && dns.CanonicalName(h.Name) == name {
			list = append(list, rr)
		}
	}
	return list
}

// left returns for how long the cut is known yet, at most.
func (c *cut) left(most time.Duration) time.Duration {
	if c.expires.IsZero() {
		return most
	}
	return min(most, time.Until(c.expires))
}

// findCut returns the servers of a zone that has NS records among these, one that
// will do.
func (f *finding) findCut(records []dns.RR, willDo func(zone string) bool) *cut {
	var c *cut
	for _, rr := range records {
		ns, ok := rr.(*dns.NS)
		if !ok {
			continue
		}
		owner := dns.CanonicalName(ns.Hdr.Name)
		if c == nil && willDo(owner) {
			c = &cut{zone: owner}
		}
		switch {
		case c == nil || c.zone != owner || slices.Contains(c.names(), dns.CanonicalName(ns.Ns)):
		case len(c.ns) == maxZoneServers:
			f.drop(rr, DropExcess)
		default:
			c.ns = append(c.ns, rr)
		}
	}
	return c
}

// addGlue takes the addresses of the cut's servers from the additional section.
// What else is there may be of use to somebody, but nobody asked for it.
func (f *finding) addGlue(additional []dns.RR) {
	names, count := f.cut.names(), map[string]int{}
	for _, rr := range additional {
		name := dns.CanonicalName(rr.Header().Name)
		switch {
		case !isAddress(rr) || !slices.Contains(names, name):
		case count[name] == maxGlue:
			f.drop(rr, DropExcess)
		default:
			count[name]++
			f.cut.glue = append(f.cut.glue, rr)
		}
	}
}

func isAddress(rr dns.RR) bool {
	t := rr.Header().Rrtype
	return t == dns.TypeA || t == dns.TypeAAAA
}

// addressOf returns the address in an A or AAAA record; the zero Addr is none.
func addressOf(rr dns.RR) netip.Addr {
	switch rr := rr.(type) {
	case *dns.A:
		addr, _ := netip.AddrFromSlice(rr.A)
		return addr.Unmap()
	case *dns.AAAA:
		addr, _ := netip.AddrFromSlice(rr.AAAA)
		return addr
	}
	return netip.Addr{}
}
