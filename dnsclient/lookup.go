package dnsclient

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// LookupConfig is what can be set about looking names up. All but the Resolver may
// be left out.
type LookupConfig struct {
	// Resolver answers the questions.
	Resolver Resolver
	// Hosts are the names that are known without asking; it is called for each name.
	// See [ReadHosts].
	Hosts func() *Hosts
	// ResolvConf says how names are completed: its Search, Ndots and NoTLDQuery. It is
	// called for each name.
	ResolvConf func() *ResolvConf
}

// Lookup looks up names as people and programs write them, with the methods of
// *net.Resolver and their meaning: in the hosts file first, then by asking, completed
// by the search list. Errors are *net.DNSError about the name as it was given.
type Lookup struct {
	resolver Resolver
	hosts    func() *Hosts
	conf     func() *ResolvConf
}

// NewLookup returns a Lookup; an error says that there is no resolver.
func NewLookup(cfg LookupConfig) (*Lookup, error) {
	if cfg.Resolver == nil {
		return nil, errors.New("dnsclient: LookupConfig.Resolver is nil")
	}
	if cfg.Hosts == nil {
		cfg.Hosts = func() *Hosts { return &Hosts{} }
	}
	if cfg.ResolvConf == nil {
		cfg.ResolvConf = func() *ResolvConf { return &ResolvConf{} }
	}
	return &Lookup{cfg.Resolver, cfg.Hosts, cfg.ResolvConf}, nil
}

// LookupNetIP returns a host's addresses; network is "ip", "ip4" or "ip6". Of an
// address it is the address itself.
func (l *Lookup) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	addrs, _, err := l.addresses(ctx, network, host)
	return addrs, err
}

// LookupIPAddr returns a host's addresses.
func (l *Lookup) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	addrs, _, err := l.addresses(ctx, "ip", host)
	var list []net.IPAddr
	for _, a := range addrs {
		list = append(list, net.IPAddr{IP: a.WithZone("").AsSlice(), Zone: a.Zone()})
	}
	return list, err
}

// LookupHost returns a host's addresses as text.
func (l *Lookup) LookupHost(ctx context.Context, host string) ([]string, error) {
	addrs, _, err := l.addresses(ctx, "ip", host)
	var list []string
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return list, err
}

// LookupCNAME returns the name at the end of a host's aliases; the host must have
// an address.
func (l *Lookup) LookupCNAME(ctx context.Context, host string) (string, error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return "", notFound(host)
	}
	_, name, err := l.addresses(ctx, "ip", host)
	if err != nil {
		return "", err
	}
	return name, nil
}

// addresses returns a host's addresses, at least one, and its name.
func (l *Lookup) addresses(ctx context.Context, network, host string) ([]netip.Addr, string, error) {
	types, err := addressTypes(network)
	if err != nil {
		return nil, "", &net.DNSError{Err: err.Error(), Name: host}
	}
	if a, err := netip.ParseAddr(host); err == nil {
		found := ofNetwork(network, []netip.Addr{a.Unmap()})
		if len(found) == 0 {
			return nil, "", notFound(host)
		}
		return found, host, nil
	}
	if addrs, own := l.hosts().lookup(host); len(addrs) > 0 {
		if addrs = ofNetwork(network, addrs); len(addrs) > 0 {
			return addrs, own, nil
		}
	}
	var answers []*Answer
	err = tryAll(host, l.conf().Names(host), func(name string) error {
		var err error
		answers, err = l.all(ctx, name, types)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	addrs, name := addressesIn(answers)
	return addrs, name, nil
}

// addressTypes are the types of address records to ask for.
func addressTypes(network string) ([]uint16, error) {
	switch network {
	case "ip":
		return []uint16{dns.TypeA, dns.TypeAAAA}, nil
	case "ip4":
		return []uint16{dns.TypeA}, nil
	case "ip6":
		return []uint16{dns.TypeAAAA}, nil
	}
	return nil, net.UnknownNetworkError(network)
}

// ofNetwork returns the addresses that are of the network.
func ofNetwork(network string, addrs []netip.Addr) (list []netip.Addr) {
	for _, a := range addrs {
		if network == "ip" || a.Unmap().Is4() == (network == "ip4") {
			list = append(list, a)
		}
	}
	return list
}

// all asks for records of several types at once, and returns the answers that have
// some, at least one.
func (l *Lookup) all(ctx context.Context, name string, types []uint16) ([]*Answer, error) {
	answers, errs := make([]*Answer, len(types)), make([]error, len(types))
	var wg sync.WaitGroup
	for i, qtype := range types {
		wg.Go(func() { answers[i], errs[i] = l.one(ctx, name, qtype) })
	}
	wg.Wait()
	var list []*Answer
	for _, a := range answers {
		if a != nil {
			list = append(list, a)
		}
	}
	if len(list) > 0 {
		return list, nil
	}
	for _, err := range errs { // that there is none of one type says nothing if the other failed
		var e *net.DNSError
		if errors.As(err, &e) && !e.IsNotFound {
			return nil, err
		}
	}
	return nil, errs[0]
}

// one asks for records of one type; that there are none is an error.
func (l *Lookup) one(ctx context.Context, name string, qtype uint16) (*Answer, error) {
	a, err := l.resolver.Resolve(ctx, dns.Question{Name: name, Qtype: qtype, Qclass: dns.ClassINET})
	if err != nil {
		return nil, err
	}
	if n := len(a.Records); n == 0 || a.Records[n-1].Header().Rrtype != qtype {
		return nil, notFound(name)
	}
	return a, nil
}

// addressesIn returns the addresses in answers, and the name that has them.
func addressesIn(answers []*Answer) (addrs []netip.Addr, name string) {
	for _, a := range answers {
		for _, rr := range a.Records {
			var addr netip.Addr
			switch rr := rr.(type) {
			case *dns.A:
				addr, _ = netip.AddrFromSlice(rr.A.To4())
			case *dns.AAAA:
				addr, _ = netip.AddrFromSlice(rr.AAAA.To16())
			}
			if addr.IsValid() {
				addrs, name = append(addrs, addr), cmp.Or(name, rr.Header().Name)
			}
		}
	}
	return addrs, name
}

// tryAll calls ask with the names that a name may be short for, until one is found.
// The error is that of the name as it is, if that was asked for.
func tryAll(name string, names []string, ask func(name string) error) error {
	var failed error
	for _, full := range names {
		err := ask(full)
		if err == nil {
			return nil
		}
		if failed == nil || full == dns.Fqdn(name) {
			failed = err
		}
	}
	var e *net.DNSError
	if !errors.As(failed, &e) {
		return notFound(name)
	}
	about := *e
	about.Name = name
	return &about
}

// Names returns what a name may be short for, in the order that it is to be tried: the name
// itself, and completed by the search list (resolv.conf(5)). It is empty of the empty name.
func (c *ResolvConf) Names(name string) (list []string) {
	if strings.HasSuffix(name, ".") {
		return []string{name}
	}
	asItIs := []string{name + "."}
	switch {
	case name == "":
		return nil
	case isLocalhost(name): // no domain has another one (RFC 6761 6.3)
		return asItIs
	}
	if c.NoTLDQuery && !strings.Contains(name, ".") {
		asItIs = nil
	}
	for _, domain := range c.Search {
		list = append(list, name+"."+strings.TrimPrefix(domain, "."))
	}
	if strings.Count(name, ".") >= max(cmp.Or(c.Ndots, 1), 0) {
		return append(asItIs, list...)
	}
	return append(list, asItIs...)
}

func isLocalhost(name string) bool { return lastLabel(strings.ToLower(name)) == "localhost" }

func notFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}
