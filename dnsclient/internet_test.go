package dnsclient

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// internet is authoritative servers, each with zones in the form of zone files, on a
// fakeNet. All that they are asked is noted.
type internet struct {
	fakeNet
	t *testing.T

	mu      sync.Mutex
	hosts   map[string]*nameHost
	queries []string // "192.0.2.1 www.example. A"
}

// nameHost is an authoritative server.
type nameHost struct {
	zones []zoneFile
	delay time.Duration
	// change alters each answer, or makes it nil: then there is none.
	change func(q, answer *dns.Msg) *dns.Msg
}

// zoneFile is a zone's records, by name.
type zoneFile struct {
	origin  string
	records map[string][]dns.RR
}

func newInternet(t *testing.T) *internet {
	t.Helper()
	return &internet{t: t, hosts: map[string]*nameHost{}}
}

// host returns the server at an address.
func (n *internet) host(addr string) *nameHost {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[addr]
	if h == nil {
		h = &nameHost{}
		n.hosts[addr] = h
		server := always(func(q *dns.Msg) *dns.Msg { return n.answer(addr, h, q) })
		n.serve("udp", addr+":53", server)
		n.serve("tcp", addr+":53", server)
	}
	return h
}

// zone makes the server at an address one of the zone's. TTLs are an hour, unless
// the text has others.
func (n *internet) zone(addr, origin, text string) *nameHost {
	n.t.Helper()
	z := zoneFile{origin, map[string][]dns.RR{}}
	p := dns.NewZoneParser(strings.NewReader("$TTL 3600\n"+strings.ReplaceAll(text, "\n\t\t", "\n")), origin, "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		name := dns.CanonicalName(rr.Header().Name)
		z.records[name] = append(z.records[name], rr)
	}
	if err := p.Err(); err != nil {
		n.t.Fatal(err)
	}
	h := n.host(addr)
	n.mu.Lock()
	defer n.mu.Unlock()
	h.zones = append(slices.DeleteFunc(h.zones, func(old zoneFile) bool { return old.origin == origin }), z)
	return h
}

func (n *internet) answer(addr string, h *nameHost, q *dns.Msg) *dns.Msg {
	n.mu.Lock()
	n.queries = append(n.queries, fmt.Sprintf("%s %s %s", addr, q.Question[0].Name, dns.TypeToString[q.Question[0].Qtype]))
	m, delay, change := h.answer(q), h.delay, h.change
	n.mu.Unlock()
	time.Sleep(delay)
	if change != nil {
		return change(q, m)
	}
	return m
}

// wantQueries checks what was asked since the last time.
func (n *internet) wantQueries(want ...string) {
	n.t.Helper()
	if got := n.take(); !slices.Equal(got, want) {
		n.t.Errorf("asked\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// take returns what was asked since the last time.
func (n *internet) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	queries := n.queries
	n.queries = nil
	return queries
}

// answer is RFC 1034 4.3.2.
func (h *nameHost) answer(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	if q.IsEdns0() != nil {
		m.SetEdns0(1232, false)
	}
	name, qtype := dns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype
	z := h.closest(name, qtype)
	if z == nil {
		m.Rcode = dns.RcodeRefused
		return m
	}
	for cut := name; below(z.origin, cut); cut = parent(cut) { // the topmost would do as well here
		if ns := z.get(cut, dns.TypeNS); len(ns) > 0 && !(qtype == dns.TypeDS && cut == name) {
			m.Ns, m.Extra = ns, append(m.Extra, h.glue(ns)...)
			return m
		}
	}
	m.Authoritative = true
	if cname := z.get(name, dns.TypeCNAME); len(cname) > 0 && qtype != dns.TypeCNAME {
		m.Answer = cname
		return m
	}
	if m.Answer = z.get(name, qtype); len(m.Answer) > 0 {
		m.Ns = z.get(z.origin, dns.TypeNS)
		m.Extra = append(m.Extra, h.glue(m.Ns)...)
		return m
	}
	m.Ns = z.get(z.origin, dns.TypeSOA)
	if !z.exists(name) {
		m.Rcode = dns.RcodeNameError
	}
	return m
}

// closest returns the zone that the name is in, the parent's for its DS.
func (h *nameHost) closest(name string, qtype uint16) *zoneFile {
	var best *zoneFile
	for i, z := range h.zones {
		if !inZone(z.origin, name) || qtype == dns.TypeDS && z.origin == name {
			continue
		}
		if best == nil || below(best.origin, z.origin) {
			best = &h.zones[i]
		}
	}
	return best
}

func (h *nameHost) glue(ns []dns.RR) []dns.RR {
	var glue []dns.RR
	for _, rr := range ns {
		for _, z := range h.zones {
			glue = append(glue, z.get(dns.CanonicalName(rr.(*dns.NS).Ns), dns.TypeA)...)
		}
	}
	return glue
}

func (z *zoneFile) get(name string, qtype uint16) []dns.RR {
	var list []dns.RR
	for _, rr := range z.records[name] {
		if rr.Header().Rrtype == qtype {
			list = append(list, rr)
		}
	}
	return list
}

// exists reports whether there is anything at the name or below it (RFC 8020 3.1).
func (z *zoneFile) exists(name string) bool {
	for owner := range z.records {
		if inZone(name, owner) {
			return true
		}
	}
	return false
}

// Addresses of servers.
const (
	rootAddr = "192.0.2.1"
	tldAddr  = "192.0.2.2"
	zoneAddr = "192.0.2.3"
	zone2    = "192.0.2.4"
)

// small is an Internet with the root, com. and google.com., each with one server.
func small(t *testing.T) *internet {
	n := newInternet(t)
	n.zone(rootAddr, ".", `
		. SOA a.root. host. 1 1800 900 604800 86400
		. NS a.root.
		a.root. A 192.0.2.1
		com. NS ns.com.
		ns.com. A 192.0.2.2`)
	n.zone(tldAddr, "com.", `
		@ SOA ns host 1 1800 900 604800 86400
		@ NS ns
		ns A 192.0.2.2
		google NS ns.google
		ns.google A 192.0.2.3`)
	n.zone(zoneAddr, "google.com.", `
		@ SOA ns host 1 900 900 1800 60
		@ NS ns
		ns A 192.0.2.3
		www 300 A 192.0.2.80
		alias CNAME www`)
	return n
}

// newIterative returns a resolver on that Internet, which has its root server.
func newIterative(t *testing.T, n *internet, set ...func(*IterativeConfig)) *Iterative {
	t.Helper()
	client, err := NewClient(ClientConfig{Dialer: n})
	if err != nil {
		t.Fatal(err)
	}
	cfg := IterativeConfig{
		Client: client, Roots: []RootServer{{"a.root.", netip.MustParseAddr(rootAddr)}},
	}
	for _, f := range set {
		f(&cfg)
	}
	r, err := NewIterative(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantAnswer checks the answer to a question for a name's type.
func wantAnswer(t *testing.T, r Resolver, name string, qtype uint16, want string) *Answer {
	t.Helper()
	return wantAnswerTo(t.Context(), t, r, name, qtype, want)
}

func wantAnswerTo(ctx context.Context, t *testing.T, r Resolver, name string, qtype uint16, want string) *Answer {
	t.Helper()
	a, err := r.Resolve(ctx, question(name, qtype))
	if err != nil {
		t.Fatalf("%s %s: %v", name, dns.TypeToString[qtype], err)
	}
	got := texts(a.Records)
	if got == "" {
		got = dns.RcodeToString[a.Rcode] + " " + texts(a.Authority)
	}
	if got != want {
		t.Errorf("%s %s is\n\t%s\nwant\n\t%s", name, dns.TypeToString[qtype], got, want)
	}
	return a
}
