package dnsclient

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// LookupAddr returns the names of an address, those in the hosts file first.
func (l *Lookup) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, &net.DNSError{Err: "unrecognized address", Name: addr}
	}
	reverse := ReverseName(a)
	if names := l.hosts().names[reverse]; len(names) > 0 {
		return slices.Clone(names), nil
	}
	found, err := records[*dns.PTR](ctx, l, addr, []string{reverse}, dns.TypePTR)
	var names []string
	for _, rr := range found {
		names = append(names, rr.Ptr)
	}
	return hostNames(addr, names, err)
}

// LookupTXT returns a name's texts.
func (l *Lookup) LookupTXT(ctx context.Context, name string) ([]string, error) {
	found, err := records[*dns.TXT](ctx, l, name, l.conf().Names(name), dns.TypeTXT)
	var list []string
	for _, rr := range found {
		list = append(list, strings.Join(rr.Txt, ""))
	}
	return list, err
}

// LookupNS returns a domain's name servers.
func (l *Lookup) LookupNS(ctx context.Context, name string) ([]*net.NS, error) {
	found, err := records[*dns.NS](ctx, l, name, l.conf().Names(name), dns.TypeNS)
	var list []*net.NS
	for _, rr := range found {
		list = append(list, &net.NS{Host: rr.Ns})
	}
	return keep(name, list, func(n *net.NS) string { return n.Host }, err)
}

// LookupMX returns a domain's mail servers, the preferred ones first; among equals
// the order is random.
func (l *Lookup) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	found, err := records[*dns.MX](ctx, l, name, l.conf().Names(name), dns.TypeMX)
	var list []*net.MX
	for _, rr := range found {
		list = append(list, &net.MX{Host: rr.Mx, Pref: rr.Preference})
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b *net.MX) int { return cmp.Compare(a.Pref, b.Pref) })
	return keep(name, list, func(m *net.MX) string { return m.Host }, err)
}

// LookupSRV returns where a service of a domain is, in the order that RFC 2782 has
// them tried, and the name that was looked up: _service._proto.name, or name alone
// if service and proto are empty.
func (l *Lookup) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	full := name
	if service != "" || proto != "" {
		full = "_" + service + "._" + proto + "." + name
	}
	found, err := records[*dns.SRV](ctx, l, full, l.conf().Names(full), dns.TypeSRV)
	var list []*net.SRV
	for _, rr := range found {
		list = append(list, &net.SRV{Target: rr.Target, Port: rr.Port, Priority: rr.Priority, Weight: rr.Weight})
	}
	orderSRV(list)
	list, err = keep(full, list, func(s *net.SRV) string { return s.Target }, err)
	if len(found) == 0 {
		return "", nil, err
	}
	return found[0].Hdr.Name, list, err
}

// records asks for the records of one type under the first of the names that has
// some. Errors are about name.
func records[T dns.RR](ctx context.Context, l *Lookup, name string, names []string, qtype uint16) (list []T, err error) {
	err = tryAll(name, names, func(full string) error {
		a, err := l.one(ctx, full, qtype)
		if err != nil {
			return err
		}
		for _, rr := range a.Records {
			if r, ok := rr.(T); ok {
				list = append(list, r)
			}
		}
		return nil
	})
	return list, err
}

// orderSRV orders by priority, and those of one priority at random, by their weight
// (RFC 2782).
func orderSRV(list []*net.SRV) {
	slices.SortStableFunc(list, func(a, b *net.SRV) int { return cmp.Compare(a.Priority, b.Priority) })
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Priority == list[0].Priority {
			n++
		}
		orderByWeight(list[:n])
		list = list[n:]
	}
}

// orderByWeight puts first whom chance picks, which is as likely as its weight says.
// One of weight 0 has a small chance too: it comes before the others when counting.
func orderByWeight(list []*net.SRV) {
	slices.SortStableFunc(list, func(a, b *net.SRV) int { return cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)) })
	for ; len(list) > 1; list = list[1:] {
		sum := 0
		for _, s := range list {
			sum += int(s.Weight)
		}
		pick, n := rand.IntN(sum+1), 0
		for i, s := range list {
			if n += int(s.Weight); n >= pick {
				copy(list[1:i+1], list[:i])
				list[0] = s
				break
			}
		}
	}
}

// keep removes what has a name that is no host's: programs would not expect it, and
// who runs a name server may write anything in there. That some was removed is the
// error.
func keep[T any](name string, list []T, hostOf func(T) string, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	n := len(list)
	list = slices.DeleteFunc(list, func(v T) bool { return !isHostName(hostOf(v)) })
	if len(list) < n {
		return list, &net.DNSError{Err: "the answer has records with names that no host can have", Name: name}
	}
	return list, nil
}

func hostNames(name string, names []string, err error) ([]string, error) {
	return keep(name, names, func(s string) string { return s }, err)
}

// isHostName reports whether a name has letters, digits, dots, hyphens and
// underscores only.
func isHostName(name string) bool {
	return name != "" && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}
