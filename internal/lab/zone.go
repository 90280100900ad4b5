package lab

import (
	"embed"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

//go:embed zones
var zoneFiles embed.FS

// zone is what an authoritative server knows.
type zone struct {
	origin string
	soa    *dns.SOA
	sets   map[string]map[uint16][]dns.RR // by name and type; a name without records has an empty map
}

// readZone reads a zone of the lab's from its file.
func readZone(origin string) (*zone, error) {
	name := strings.TrimSuffix(origin, ".")
	if name == "" {
		name = "root"
	}
	f, err := zoneFiles.Open("zones/" + name + ".zone")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z := &zone{origin: origin, sets: map[string]map[uint16][]dns.RR{}}
	parser := dns.NewZoneParser(f, origin, name)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		z.add(rr)
	}
	if err := parser.Err(); err != nil {
		return nil, err
	}
	if len(z.sets[origin][dns.TypeSOA]) != 1 {
		return nil, fmt.Errorf("zone %s has no SOA, or several", origin)
	}
	z.soa = z.sets[origin][dns.TypeSOA][0].(*dns.SOA)
	return z, nil
}

// add enters a record, and the names between it and the origin, which exist too (RFC 8020 2).
func (z *zone) add(rr dns.RR) {
	h := rr.Header()
	name := dns.CanonicalName(h.Name)
	for n := name; ; {
		if z.sets[n] == nil {
			z.sets[n] = map[uint16][]dns.RR{}
		}
		if n == z.origin {
			break
		}
		n = parent(n)
	}
	z.sets[name][h.Rrtype] = append(z.sets[name][h.Rrtype], rr)
}

// parent is the name without its first label.
func parent(name string) string {
	i, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[i:]
}

// has reports whether name is in the zone, or in one below it.
func (z *zone) has(name string) bool { return dns.IsSubDomain(z.origin, name) }

// cut returns the NS records of the highest delegation that name is at or below, nil if there
// is none.
func (z *zone) cut(name string) (ns []dns.RR) {
	for n := name; n != z.origin; n = parent(n) {
		if set := z.sets[n][dns.TypeNS]; set != nil {
			ns = set
		}
	}
	return ns
}

// answer fills in m, a reply without records yet, to the question (RFC 1034 4.3.2).
func (z *zone) answer(m *dns.Msg, name string, qtype uint16) {
	if ns := z.cut(name); ns != nil { // step 3b
		m.Ns = ns
		m.Extra = z.glue(ns)
		return
	}
	m.Authoritative = true
	sets, exists := z.sets[name]
	switch {
	case len(sets[qtype]) > 0: // step 3a
		m.Answer = sets[qtype]
	case len(sets[dns.TypeCNAME]) > 0:
		z.follow(m, sets[dns.TypeCNAME][0].(*dns.CNAME), qtype)
	case exists: // RFC 2308 2.2
		m.Ns = []dns.RR{z.negative()}
	default: // RFC 2308 2.1
		m.Ns = []dns.RR{z.negative()}
		m.Rcode = dns.RcodeNameError
	}
}

// follow answers with an alias, and with what it stands for, if that is in the zone and
// no alias too.
func (z *zone) follow(m *dns.Msg, alias *dns.CNAME, qtype uint16) {
	m.Answer = []dns.RR{alias}
	target := dns.CanonicalName(alias.Target)
	if z.has(target) && z.cut(target) == nil {
		m.Answer = append(m.Answer, z.sets[target][qtype]...)
	}
}

// glue returns the addresses of the name servers that the zone knows.
func (z *zone) glue(ns []dns.RR) (glue []dns.RR) {
	for _, rr := range ns {
		sets := z.sets[dns.CanonicalName(rr.(*dns.NS).Ns)]
		glue = append(append(glue, sets[dns.TypeA]...), sets[dns.TypeAAAA]...)
	}
	return glue
}

// negative is the SOA that says how long a negative answer holds (RFC 2308 3).
func (z *zone) negative() dns.RR {
	soa := dns.Copy(z.soa)
	soa.Header().Ttl = min(z.soa.Hdr.Ttl, z.soa.Minttl)
	return soa
}
