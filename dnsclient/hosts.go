package dnsclient

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxPerHost is how many names an address has at most, and how many addresses a name.
const maxPerHost = 64

// Hosts are names and addresses that are known without asking, as in hosts(5). Once
// made it does not change, but for Add. The zero value is empty.
type Hosts struct {
	addrs map[string][]netip.Addr // by canonical name
	names map[string][]string     // as they are written, by the address's ReverseName
	owns  map[string]string       // the host's own name, by each of its names
}

// ParseHosts reads lines of an address and the names that it has, of which the first
// is the host's own. It passes over what it does not understand; the error is the
// reader's.
func ParseHosts(r io.Reader) (*Hosts, error) {
	h := &Hosts{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if addr, err := netip.ParseAddr(fields[0]); err == nil {
			h.Add(addr, fields[1:]...)
		}
	}
	return h, lines.Err()
}

// Add adds an address with its names, the first of which is the host's own. An
// address has no more than 64 names, a name no more than 64 addresses. It is not to
// be called while others use h.
func (h *Hosts) Add(addr netip.Addr, names ...string) {
	if h.addrs == nil {
		h.addrs, h.names, h.owns = map[string][]netip.Addr{}, map[string][]string{}, map[string]string{}
	}
	own, reverse := "", ReverseName(addr)
	for _, name := range names {
		key, err := CanonicalName(name)
		if err != nil {
			continue
		}
		own = cmp.Or(own, key)
		h.owns[key] = cmp.Or(h.owns[key], own)
		h.addrs[key] = appendNew(h.addrs[key], addr)
		h.names[reverse] = appendNew(h.names[reverse], dns.Fqdn(name))
	}
}

// appendNew appends v to list, if it is not in there and there is room.
func appendNew[T comparable](list []T, v T) []T {
	if len(list) == maxPerHost || slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// lookup returns a host's addresses and its own name; none if it is not there.
func (h *Hosts) lookup(name string) (addrs []netip.Addr, own string) {
	key, err := CanonicalName(name)
	if err != nil {
		return nil, ""
	}
	return slices.Clone(h.addrs[key]), h.owns[key]
}

// WithHosts returns a resolver that answers from hosts, which is called for each
// question, what is about a name or an address there, and asks next for the rest.
func WithHosts(hosts func() *Hosts, next Resolver) Resolver { return &withHosts{hosts, next} }

type withHosts struct {
	hosts func() *Hosts
	next  Resolver
}

// Resolve answers a question; see [Resolver].
func (r *withHosts) Resolve(ctx context.Context, q dns.Question) (*Answer, error) {
	checked, err := checkQuestion(q)
	if err != nil {
		return nil, err
	}
	if a := r.hosts().answer(checked); a != nil {
		return a, nil
	}
	return r.next.Resolve(ctx, q)
}

// answer answers q if it is about a name or an address among the hosts.
func (h *Hosts) answer(q dns.Question) *Answer {
	if addrs, _ := h.lookup(q.Name); len(addrs) > 0 {
		for i := range addrs {
			addrs[i] = addrs[i].WithZone("").Unmap()
		}
		return addressAnswer(q, addrs...)
	}
	names := h.names[q.Name]
	if len(names) == 0 {
		return nil
	}
	a := &Answer{Cached: true}
	for _, name := range names {
		if q.Qtype == dns.TypePTR {
			hdr := dns.RR_Header{Name: q.Name, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: localTTL}
			a.Records = append(a.Records, &dns.PTR{Hdr: hdr, Ptr: name})
		}
	}
	return a
}
