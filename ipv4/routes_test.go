package ipv4

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"syscall"
	"testing"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func (h *host) addRoute(e Entry) {
	h.Helper()
	if err := h.AddRoute(e); err != nil {
		h.Fatal(err)
	}
}

func TestRouteSelection(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	if err := h.ia.AddAddress(prefix("192.0.2.200/28")); err != nil {
		t.Fatal(err)
	}
	h.addRoute(Entry{Dst: prefix("0.0.0.0/0"), Gateway: peerA})
	h.addRoute(Entry{Dst: prefix("203.0.113.0/24"), Gateway: peerB})
	h.addRoute(Entry{Dst: prefix("203.0.113.128/25"), Interface: h.ia, Src: hostB})
	h.addRoute(Entry{Dst: prefix("203.0.113.5/32"), Gateway: netip.MustParseAddr("192.0.2.201")})
	h.addRoute(Entry{Dst: prefix("10.0.0.0/8"), Gateway: peerA, Metric: 10})
	h.addRoute(Entry{Dst: prefix("10.0.0.0/8"), Gateway: peerB, Metric: 5})
	tests := map[string]struct {
		remote string
		iface  *Interface
		local  string
	}{
		"on the first link":               {"192.0.2.9", h.ia, "192.0.2.1"},
		"on the second link":              {"198.51.100.9", h.ib, "198.51.100.1"},
		"on the smaller subnet":           {"192.0.2.205", h.ia, "192.0.2.200"},
		"default":                         {"8.8.8.8", h.ia, "192.0.2.1"},
		"by gateway":                      {"203.0.113.1", h.ib, "198.51.100.1"},
		"longest prefix, preferred":       {"203.0.113.200", h.ia, "198.51.100.1"},
		"host route, on the gateway's":    {"203.0.113.5", h.ia, "192.0.2.200"},
		"lowest metric":                   {"10.1.2.3", h.ib, "198.51.100.1"},
		"to itself":                       {"198.51.100.1", h.ilo, "198.51.100.1"},
		"to loopback":                     {"127.0.0.1", h.ilo, "127.0.0.1"},
		"to elsewhere in the loopback /8": {"127.1.2.3", h.ilo, "127.0.0.1"},
	}
	for name, tt := range tests {
		r, err := h.Route(netip.Addr{}, netip.MustParseAddr(tt.remote))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := r.(*route).hop().iface; got != tt.iface || r.Local() != netip.MustParseAddr(tt.local) || r.Remote().String() != tt.remote {
			t.Errorf("%s: through %s from %v, want %s from %s", name, got.Name(), r.Local(), tt.iface.Name(), tt.local)
		}
	}
}

func TestRouteErrors(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	addr := netip.MustParseAddr
	tests := map[string]struct {
		local, remote netip.Addr
		want          error
	}{
		"no route":               {netip.Addr{}, distant, syscall.ENETUNREACH},
		"limited broadcast":      {netip.Addr{}, addr("255.255.255.255"), syscall.EACCES},
		"subnet broadcast":       {hostA, addr("192.0.2.255"), syscall.EACCES},
		"multicast":              {netip.Addr{}, addr("224.0.0.1"), syscall.ENETUNREACH},
		"reserved":               {netip.Addr{}, addr("240.0.0.1"), syscall.ENETUNREACH},
		"unspecified":            {netip.Addr{}, addr("0.0.0.0"), syscall.ENETUNREACH},
		"not this host's":        {peerB, peerA, syscall.EADDRNOTAVAIL},
		"broadcast as source":    {addr("192.0.2.255"), peerA, syscall.EADDRNOTAVAIL},
		"loopback to outside":    {lo, peerA, syscall.EINVAL},
		"IPv6":                   {netip.Addr{}, netip.IPv6Loopback(), syscall.EAFNOSUPPORT},
		"IPv6 source":            {netip.IPv6Loopback(), peerA, syscall.EAFNOSUPPORT},
		"nothing":                {netip.Addr{}, netip.Addr{}, syscall.EAFNOSUPPORT},
		"the other link's is ok": {hostB, peerA, nil},
		"IPv4-mapped":            {netip.Addr{}, netip.AddrFrom16(peerA.As16()), nil},
		"unspecified source":     {addr("0.0.0.0"), peerA, nil},
	}
	for name, tt := range tests {
		_, err := h.Route(tt.local, tt.remote)
		wantErr(t, name, err, tt.want)
	}
	for _, a := range []netip.Addr{hostA, hostB, lo, addr("127.200.0.1")} {
		if !h.IsLocal(a) {
			t.Errorf("%v is not local", a)
		}
	}
	for _, a := range []netip.Addr{peerA, {}, netip.IPv6Loopback(), addr("192.0.2.255"), addr("0.0.0.0")} {
		if h.IsLocal(a) {
			t.Errorf("%v is local", a)
		}
	}
}

func TestNoAddressToSendFrom(t *testing.T) {
	t.Parallel()
	l, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	i, err := l.AddInterface(&fakeDevice{name: "x", mtu: 1500})
	wantErr(t, "add", err, nil)
	wantErr(t, "route", l.AddRoute(Entry{Dst: prefix("0.0.0.0/0"), Interface: i}), nil)
	_, err = l.Route(netip.Addr{}, distant)
	wantErr(t, "no address", err, syscall.EADDRNOTAVAIL)
	_, err = l.Route(netip.Addr{}, lo)
	wantErr(t, "no loopback", err, syscall.ENETUNREACH)
	wantErr(t, "address", i.AddAddress(prefix("192.0.2.1/32")), nil)
	r, err := l.Route(netip.Addr{}, distant)
	if err != nil || r.Local() != hostA {
		t.Errorf("%v, %v", r, err)
	}
	_, err = l.Route(netip.Addr{}, hostA)
	wantErr(t, "to itself without loopback", err, syscall.ENETUNREACH)
}

// An interface without an address sends from another's, but not from loopback's.
func TestUnnumberedInterface(t *testing.T) {
	t.Parallel()
	l, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := &host{TB: t, Layer: l}
	h.addInterface(&fakeDevice{name: "lo", mtu: 65535}, "127.0.0.1/8")
	h.addInterface(&fakeDevice{name: "a", mtu: 1500}, "192.0.2.1/24")
	i, err := l.AddInterface(&fakeDevice{name: "unnumbered", mtu: 1500})
	if err != nil {
		t.Fatal(err)
	}
	h.addRoute(Entry{Dst: prefix("0.0.0.0/0"), Interface: i})
	if r := h.route(distant); r.Local() != hostA {
		t.Errorf("sends from %v", r.Local())
	}
}

func TestAddRouteRefuses(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	gone := h.addInterface(&fakeDevice{name: "gone", mtu: 1500}, "203.0.113.1/24")
	h.RemoveInterface(gone)
	dst := prefix("10.0.0.0/8")
	h.addRoute(Entry{Dst: prefix("172.16.0.0/12"), Gateway: peerA, Metric: 1})
	tests := map[string]struct {
		e    Entry
		want error
	}{
		"no destination":       {Entry{Gateway: peerA}, syscall.EINVAL},
		"IPv6 destination":     {Entry{Dst: prefix("::/0"), Gateway: peerA}, syscall.EINVAL},
		"bits beyond":          {Entry{Dst: prefix("10.0.0.1/8"), Gateway: peerA}, syscall.EINVAL},
		"no way":               {Entry{Dst: dst}, syscall.EINVAL},
		"negative metric":      {Entry{Dst: dst, Gateway: peerA, Metric: -1}, syscall.EINVAL},
		"IPv6 gateway":         {Entry{Dst: dst, Gateway: netip.IPv6Loopback()}, syscall.EINVAL},
		"gateway is multicast": {Entry{Dst: dst, Gateway: netip.MustParseAddr("224.0.0.1")}, syscall.EINVAL},
		"gateway is the host":  {Entry{Dst: dst, Gateway: hostA}, syscall.EINVAL},
		"gateway is all":       {Entry{Dst: dst, Gateway: netip.MustParseAddr("192.0.2.255"), Interface: h.ia}, syscall.EINVAL},
		"gateway elsewhere":    {Entry{Dst: dst, Gateway: distant}, syscall.ENETUNREACH},
		"gateway by gateway":   {Entry{Dst: dst, Gateway: netip.MustParseAddr("172.16.0.1")}, syscall.ENETUNREACH},
		"removed interface":    {Entry{Dst: dst, Interface: gone}, syscall.ENODEV},
		"foreign source":       {Entry{Dst: dst, Gateway: peerA, Src: peerA}, syscall.EADDRNOTAVAIL},
		"IPv6 source":          {Entry{Dst: dst, Gateway: peerA, Src: netip.IPv6Loopback()}, syscall.EINVAL},
		"there already":        {Entry{Dst: prefix("172.16.0.0/12"), Gateway: peerB, Metric: 1}, syscall.EEXIST},
		"the subnet's":         {Entry{Dst: prefix("192.0.2.0/24"), Gateway: peerB}, syscall.EEXIST},
	}
	before := len(h.Routes())
	for name, tt := range tests {
		wantErr(t, name, h.AddRoute(tt.e), tt.want)
	}
	if len(h.Routes()) != before {
		t.Error("a refused route was added")
	}
}

func TestReplaceRoute(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	dst := prefix("10.0.0.0/8")
	others := len(h.Routes())
	gateways := func() (found []netip.Addr) {
		for _, e := range h.Routes() {
			if e.Dst == dst {
				found = append(found, e.Gateway)
			}
		}
		return found
	}
	wantErr(t, "no route before", h.ReplaceRoute(Entry{Dst: dst, Gateway: peerA}), nil)
	wantErr(t, "other metric", h.ReplaceRoute(Entry{Dst: dst, Gateway: peerA, Metric: 1}), nil)
	wantErr(t, "other gateway", h.ReplaceRoute(Entry{Dst: dst, Gateway: peerB}), nil)
	wantErr(t, "gateway on no subnet", h.ReplaceRoute(Entry{Dst: dst, Gateway: distant}), syscall.ENETUNREACH)
	wantErr(t, "no gateway", h.ReplaceRoute(Entry{Dst: dst}), syscall.EINVAL)
	if got := gateways(); !slices.Equal(got, []netip.Addr{peerB, peerA}) {
		t.Errorf("gateways are %v, want %v, then %v by metric 1", got, peerB, peerA)
	}
	if n := len(h.Routes()); n != others+2 {
		t.Errorf("%d routes, want %d", n, others+2)
	}
}

func TestDeleteRoute(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	dst := prefix("10.0.0.0/8")
	h.addRoute(Entry{Dst: dst, Gateway: peerA, Metric: 1})
	h.addRoute(Entry{Dst: dst, Gateway: peerB, Metric: 2})
	before := h.Routes()
	wantErr(t, "other gateway", h.DeleteRoute(Entry{Dst: dst, Gateway: distant}), syscall.ESRCH)
	wantErr(t, "other destination", h.DeleteRoute(Entry{Dst: prefix("10.0.0.0/9")}), syscall.ESRCH)
	wantErr(t, "no destination", h.DeleteRoute(Entry{}), syscall.ESRCH)
	wantErr(t, "by gateway", h.DeleteRoute(Entry{Dst: dst, Gateway: peerB}), nil)
	wantErr(t, "any", h.DeleteRoute(Entry{Dst: dst}), nil)
	wantErr(t, "none left", h.DeleteRoute(Entry{Dst: dst}), syscall.ESRCH)
	if after := h.Routes(); len(after) != len(before)-2 {
		t.Errorf("%v", after)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	tests := map[string]error{
		"192.0.2.2/24":       nil,
		"192.0.2.1/24":       syscall.EEXIST,
		"198.51.100.1/32":    syscall.EEXIST, // the other interface's
		"10.0.0.0/24":        syscall.EINVAL, // the subnet
		"10.0.0.255/24":      syscall.EINVAL, // its broadcast address
		"10.0.1.0/31":        nil,            // RFC 3021
		"10.0.1.1/31":        nil,
		"10.0.2.255/32":      nil,
		"224.0.0.1/4":        syscall.EINVAL,
		"0.0.0.0/0":          syscall.EINVAL,
		"240.0.0.1/8":        syscall.EINVAL,
		"255.255.255.255/32": syscall.EINVAL,
		"::1/128":            syscall.EINVAL,
	}
	for p, want := range tests {
		wantErr(t, p, h.ia.AddAddress(prefix(p)), want)
	}
	wantErr(t, "none", h.ia.AddAddress(netip.Prefix{}), syscall.EINVAL)
	if got := h.ia.Addresses(); len(got) != 5 || got[0] != prefix("192.0.2.1/24") {
		t.Errorf("addresses %v", got)
	}
}

// With an address go its routes, its subnet's broadcast address, and the sources
// of routes in use.
func TestRemoveAddress(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	h.addRoute(Entry{Dst: prefix("10.0.0.0/8"), Gateway: peerB, Src: hostA})
	r := h.route(peerA)
	wantErr(t, "remove", h.ia.RemoveAddress(prefix("192.0.2.1/24")), nil)
	wantErr(t, "again", h.ia.RemoveAddress(prefix("192.0.2.1/24")), syscall.EADDRNOTAVAIL)
	wantErr(t, "send", r.Send(udpOut(1)), syscall.ENETUNREACH)
	for _, a := range []string{"192.0.2.9", "192.0.2.255", "10.0.0.1"} {
		_, err := h.Route(netip.Addr{}, netip.MustParseAddr(a))
		wantErr(t, a, err, syscall.ENETUNREACH)
	}
	h.addRoute(Entry{Dst: prefix("192.0.2.0/24"), Interface: h.ib})
	wantErr(t, "send from what is gone", r.Send(udpOut(1)), syscall.EADDRNOTAVAIL)
	wantErr(t, "delete", h.DeleteRoute(Entry{Dst: prefix("192.0.2.0/24")}), nil)
	wantErr(t, "put back", h.ia.AddAddress(prefix("192.0.2.1/24")), nil)
	wantErr(t, "send", r.Send(udpOut(1)), nil) // the route follows
	h.one(h.a)
}

func TestInterfaces(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	_, err := h.AddInterface(h.a)
	wantErr(t, "twice", err, syscall.EEXIST)
	_, err = h.AddInterface(&fakeDevice{name: "tiny", mtu: 67})
	wantErr(t, "MTU", err, syscall.EINVAL)
	r := h.route(peerA)
	h.RemoveInterface(h.ia)
	h.RemoveInterface(h.ia)
	wantErr(t, "send", r.Send(udpOut(1)), syscall.ENETUNREACH)
	if s := h.Stats(); s.OutRequests != 1 || s.OutNoRoutes != 1 {
		t.Errorf("%+v", s)
	}
	if r.MTU() != 576 || r.Features() != 0 {
		t.Error("a route to nowhere has an MTU and features")
	}
	r.LowerMTU(100)
	wantErr(t, "address of none", h.ia.AddAddress(prefix("192.0.2.1/24")), syscall.ENODEV)
	if _, err = h.AddInterface(h.a); err != nil {
		t.Error(err)
	}
	h.Close()
	h.RemoveInterface(h.ib)
	_, err = h.AddInterface(&fakeDevice{name: "late", mtu: 1500})
	wantErr(t, "after Close", err, syscall.ENETDOWN)
	_, err = h.Route(netip.Addr{}, peerB)
	wantErr(t, "route after Close", err, syscall.ENETUNREACH)
	if h.IsLocal(hostB) || len(h.Routes()) != 0 {
		t.Error("something is left after Close")
	}
}

// The trie finds what a search through all prefixes finds, whatever is inserted
// and removed.
func TestTrieAgreesWithLinearSearch(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 2))
	var trie *node
	var all []Entry
	for step := range 3000 {
		if len(all) > 0 && r.IntN(3) == 0 {
			i := r.IntN(len(all))
			trie = trie.remove(bits4(all[i].Dst.Addr()), all[i].Dst.Bits(), 0, all[i])
			all = append(all[:i], all[i+1:]...)
		} else {
			p := netip.PrefixFrom(addr4(r.Uint32()&0xc0c0ffff), r.IntN(33)).Masked()
			e := Entry{Dst: p, Metric: step}
			trie = trie.insert(bits4(p.Addr()), p.Bits(), 0, e)
			all = append(all, e)
		}
		a := addr4(r.Uint32() & 0xc0c0ffff)
		var want *Entry
		for i, e := range all {
			if e.Dst.Contains(a) && (want == nil || e.Dst.Bits() > want.Dst.Bits() ||
				e.Dst.Bits() == want.Dst.Bits() && e.Metric < want.Metric) {
				want = &all[i]
			}
		}
		got := trie.lookup(bits4(a))
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Fatalf("lookup of %v: %v, want %v", a, got, want)
		}
	}
	for _, e := range all {
		trie = trie.remove(bits4(e.Dst.Addr()), e.Dst.Bits(), 0, e)
	}
	if trie != nil {
		t.Error("an empty trie has nodes")
	}
}

func BenchmarkLookup(b *testing.B) {
	var trie *node
	r := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		p := netip.PrefixFrom(addr4(r.Uint32()), 8+r.IntN(17)).Masked()
		trie = trie.insert(bits4(p.Addr()), p.Bits(), 0, Entry{Dst: p})
	}
	for a := uint32(1); b.Loop(); a *= 2654435761 {
		trie.lookup(a)
	}
}
