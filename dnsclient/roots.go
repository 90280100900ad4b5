package dnsclient

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// RootServer is a server of the root zone at one of its addresses.
type RootServer struct {
	Name string
	Addr netip.Addr
}

// rootHints are the root servers a to m, as IANA's file of them has had them since
// November 2023: https://www.internic.net/domain/named.root.
const rootHints = `
	a 198.41.0.4     2001:503:ba3e::2:30
	b 170.247.170.2  2801:1b8:10::b
	c 192.33.4.12    2001:500:2::c
	d 199.7.91.13    2001:500:2d::d
	e 192.203.230.10 2001:500:a8::e
	f 192.5.5.241    2001:500:2f::f
	g 192.112.36.4   2001:500:12::d0d
	h 198.97.190.53  2001:500:1::53
	i 192.36.148.17  2001:7fe::53
	j 192.58.128.30  2001:503:c27::2:30
	k 193.0.14.129   2001:7fd::1
	l 199.7.83.42    2001:500:9f::42
	m 202.12.27.33   2001:dc3::35`

// RootServers returns the Internet's root servers, each at its IPv4 and its IPv6
// address.
func RootServers() []RootServer {
	var roots []RootServer
	for line := range strings.Lines(strings.TrimSpace(rootHints)) {
		fields := strings.Fields(line)
		name := fields[0] + ".root-servers.net."
		for _, addr := range fields[1:] {
			roots = append(roots, RootServer{name, netip.MustParseAddr(addr)})
		}
	}
	return roots
}

// rootCut is where the root zone begins, as its hints have it. It never expires.
func rootCut(roots []RootServer) (*cut, error) {
	c := &cut{zone: "."}
	for _, root := range roots {
		name, err := CanonicalName(root.Name)
		addr := root.Addr.Unmap()
		if err != nil || !addr.IsValid() {
			return nil, fmt.Errorf("dnsclient: IterativeConfig.Roots: %q at %v: want a name and an address", root.Name, root.Addr)
		}
		if !slices.Contains(c.names(), name) {
			c.ns = append(c.ns, &dns.NS{Hdr: header(".", dns.TypeNS), Ns: name})
		}
		if addr.Is4() {
			c.glue = append(c.glue, &dns.A{Hdr: header(name, dns.TypeA), A: addr.AsSlice()})
		} else {
			c.glue = append(c.glue, &dns.AAAA{Hdr: header(name, dns.TypeAAAA), AAAA: addr.AsSlice()})
		}
	}
	return c, nil
}

func header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET}
}
