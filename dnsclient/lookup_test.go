package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// zone is a Resolver that has records, and notes what it is asked. A name that has
// none does not exist; one below "broken.example." can't be resolved.
type zone struct {
	records []string

	mu    sync.Mutex
	asked []string
}

func (z *zone) Resolve(_ context.Context, q dns.Question) (*Answer, error) {
	q, err := checkQuestion(q)
	if err != nil {
		return nil, err
	}
	z.mu.Lock()
	z.asked = append(z.asked, q.Name+" "+dns.TypeToString[q.Qtype])
	z.mu.Unlock()
	if dns.IsSubDomain("broken.example.", q.Name) {
		return nil, misbehaving(q, server1, errLame)
	}
	m := &dns.Msg{}
	exists := false
	for _, s := range z.records {
		r := rr(s)
		exists = exists || strings.EqualFold(r.Header().Name, q.Name)
		if r.Header().Rrtype == q.Qtype || r.Header().Rrtype == dns.TypeCNAME {
			m.Answer = append(m.Answer, r)
		}
	}
	said, err := read(m, q, func(dns.RR) {})
	a := &Answer{}
	a.add(&said)
	if !exists {
		a.Rcode = dns.RcodeNameError
	}
	return a, err
}

// questions returns what was asked since the last call, in order of the alphabet.
func (z *zone) questions() string {
	z.mu.Lock()
	defer z.mu.Unlock()
	asked := slices.Sorted(slices.Values(z.asked))
	z.asked = nil
	return strings.Join(asked, ", ")
}

var exampleZone = []string{
	"www.example. 60 IN CNAME Web.example.",
	"Web.example. 60 IN A 192.0.2.80",
	"Web.example. 60 IN AAAA 2001:db8::80",
	"four.example. 60 IN A 192.0.2.4",
	"mail.corp.example. 60 IN A 192.0.2.25",
	"text.example. 60 IN TXT \"one\" \" text\"",
	"text.example. 60 IN TXT another",
	"example. 60 IN NS ns1.example.",
	"example. 60 IN MX 20 b.example.",
	"example. 60 IN MX 10 a.example.",
	"_http._tcp.example. 60 IN SRV 2 1 80 last.example.",
	"_http._tcp.example. 60 IN SRV 1 1 8080 first.example.",
	"80.2.0.192.in-addr.arpa. 60 IN PTR www.example.",
	"66.2.0.192.in-addr.arpa. 60 IN PTR good.example.",
	"66.2.0.192.in-addr.arpa. 60 IN PTR bad\\032\\060name.example.",
	"badmx.example. 60 IN MX 10 a\\047b.example.",
}

func newLookup(t *testing.T, z *zone, conf ResolvConf) *Lookup {
	t.Helper()
	hosts, err := ParseHosts(strings.NewReader("192.0.2.7 Seven.example seven # the seventh\nfe80::1%eth0 link\n192.0.2.8 seven\nnonsense\n"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLookup(LookupConfig{
		Resolver: z, Hosts: func() *Hosts { return hosts }, ResolvConf: func() *ResolvConf { return &conf },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLookupAddresses(t *testing.T) {
	t.Parallel()
	z := &zone{records: exampleZone}
	l := newLookup(t, z, ResolvConf{})
	for _, tt := range []struct{ network, host, want, asked string }{
		{"ip", "www.example", "[192.0.2.80 2001:db8::80]", "www.example. A, www.example. AAAA"},
		{"ip4", "www.example.", "[192.0.2.80]", "www.example. A"},
		{"ip6", "WWW.example", "[2001:db8::80]", "www.example. AAAA"},
		{"ip", "four.example", "[192.0.2.4]", "four.example. A, four.example. AAAA"},
		{"ip", "SEVEN", "[192.0.2.7 192.0.2.8]", ""},
		{"ip", "link", "[fe80::1%eth0]", ""},
		{"ip", "192.0.2.1", "[192.0.2.1]", ""},
		{"ip4", "::ffff:192.0.2.1", "[192.0.2.1]", ""},
		{"ip", "fe80::1%lo", "[fe80::1%lo]", ""},
	} {
		got, err := l.LookupNetIP(t.Context(), tt.network, tt.host)
		if err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%s %s: %v, %v; want %s", tt.network, tt.host, got, err, tt.want)
		}
		if asked := z.questions(); asked != tt.asked {
			t.Errorf("%s %s: asked %q, want %q", tt.network, tt.host, asked, tt.asked)
		}
	}
	if got, err := l.LookupHost(t.Context(), "www.example"); err != nil || fmt.Sprint(got) != "[192.0.2.80 2001:db8::80]" {
		t.Errorf("LookupHost: %v, %v", got, err)
	}
	if got, err := l.LookupIPAddr(t.Context(), "link"); err != nil || len(got) != 1 || got[0].String() != "fe80::1%eth0" {
		t.Errorf("LookupIPAddr: %v, %v", got, err)
	}
	for host, want := range map[string]string{"www.example": "Web.example.", "seven": "seven.example."} {
		if got, err := l.LookupCNAME(t.Context(), host); err != nil || got != want {
			t.Errorf("LookupCNAME(%q): %q, %v; want %q", host, got, err, want)
		}
	}
}

// Errors have the name as it was given, and say whether it does not exist or could
// not be looked up.
func TestLookupErrors(t *testing.T) {
	t.Parallel()
	l := newLookup(t, &zone{records: exampleZone}, ResolvConf{Search: []string{"corp.example."}})
	for _, tt := range []struct {
		network, host string
		notFound      bool
	}{
		{"ip", "nosuch.example", true},
		{"ip", "text.example", true}, // there, without an address
		{"ip6", "four.example", true},
		{"ip6", "192.0.2.1", true},
		{"ip", "", true},
		{"ip", strings.Repeat("long", 20) + ".example", true},
		{"ip", "www.broken.example", false},
		{"ip5", "www.example", false},
	} {
		_, err := l.LookupNetIP(t.Context(), tt.network, tt.host)
		var e *net.DNSError
		if !errors.As(err, &e) || e.Name != tt.host || e.IsNotFound != tt.notFound {
			t.Errorf("%s %q: %#v, want a DNSError of that name, not found %v", tt.network, tt.host, err, tt.notFound)
		}
	}
}

// resolv.conf(5): with as many dots as ndots or more a name is first tried as it is,
// with fewer it is first completed.
func TestLookupSearches(t *testing.T) {
	t.Parallel()
	search := ResolvConf{Search: []string{"corp.example.", "example."}}
	for _, tt := range []struct {
		name  string
		edit  func(*ResolvConf)
		asked string
	}{
		{"mail", nil, "mail.corp.example. A"},
		{"four", nil, "four.corp.example. A, four.example. A"},
		{"none", nil, "none. A, none.corp.example. A, none.example. A"},
		{"none", func(c *ResolvConf) { c.NoTLDQuery = true }, "none.corp.example. A, none.example. A"},
		{"four.example", nil, "four.example. A"},
		{"mail.corp", nil, "mail.corp. A, mail.corp.corp.example. A, mail.corp.example. A"},
		{"four.example", func(c *ResolvConf) { c.Ndots = 2 }, "four.example. A, four.example.corp.example. A, four.example.example. A"},
		{"four", func(c *ResolvConf) { c.Ndots = -1 }, "four. A, four.corp.example. A, four.example. A"},
		{"none.", nil, "none. A"},
		{"localhost", nil, "localhost. A"},
		{"a.localhost", nil, "a.localhost. A"},
	} {
		conf, z := search, &zone{records: exampleZone}
		if tt.edit != nil {
			tt.edit(&conf)
		}
		_, _ = newLookup(t, z, conf).LookupNetIP(t.Context(), "ip4", tt.name)
		if asked := z.questions(); asked != tt.asked {
			t.Errorf("%s: asked %q, want %q", tt.name, asked, tt.asked)
		}
	}
}

func TestLookupRecords(t *testing.T) {
	t.Parallel()
	ctx, l := t.Context(), newLookup(t, &zone{records: exampleZone}, ResolvConf{})
	if got, err := l.LookupTXT(ctx, "text.example"); err != nil || fmt.Sprintf("%q", got) != `["one text" "another"]` {
		t.Errorf("LookupTXT: %q, %v", got, err)
	}
	if got, err := l.LookupNS(ctx, "example"); err != nil || len(got) != 1 || got[0].Host != "ns1.example." {
		t.Errorf("LookupNS: %v, %v", got, err)
	}
	if got, err := l.LookupMX(ctx, "example"); err != nil || len(got) != 2 || *got[0] != (net.MX{Host: "a.example.", Pref: 10}) {
		t.Errorf("LookupMX: %v, %v", got, err)
	}
	name, srv, err := l.LookupSRV(ctx, "http", "tcp", "example")
	if err != nil || name != "_http._tcp.example." || len(srv) != 2 || srv[0].Target != "first.example." {
		t.Errorf("LookupSRV: %q, %v, %v", name, srv, err)
	}
	for addr, want := range map[string]string{"192.0.2.80": "[www.example.]", "192.0.2.7": "[Seven.example. seven.]"} {
		if got, err := l.LookupAddr(ctx, addr); err != nil || fmt.Sprint(got) != want {
			t.Errorf("LookupAddr(%s): %v, %v; want %s", addr, got, err, want)
		}
	}
	// Names that no host can have are kept from programs that don't expect them.
	if got, err := l.LookupAddr(ctx, "192.0.2.66"); err == nil || fmt.Sprint(got) != "[good.example.]" {
		t.Errorf("LookupAddr: %v, %v; want the good name, and an error", got, err)
	}
	if got, err := l.LookupMX(ctx, "badmx.example"); err == nil || len(got) != 0 {
		t.Errorf("LookupMX: %v, %v; want none, and an error", got, err)
	}
	for _, addr := range []string{"", "www.example", "1.2.3"} {
		if _, err := l.LookupAddr(ctx, addr); err == nil {
			t.Errorf("LookupAddr(%q): no error", addr)
		}
	}
	var e *net.DNSError
	if _, err := l.LookupAddr(ctx, "192.0.2.99"); !errors.As(err, &e) || e.Name != "192.0.2.99" || !e.IsNotFound {
		t.Errorf("LookupAddr of no name: %#v", err)
	}
}

// "the server with a higher weight should have a proportionately higher probability
// of being selected", and one of 0 a small one: https://www.rfc-editor.org/rfc/rfc2782
func TestSRVOrder(t *testing.T) {
	t.Parallel()
	first := map[string]int{}
	const rounds = 10000
	for range rounds {
		list := []*net.SRV{
			{Target: "other", Priority: 2, Weight: 65535},
			{Target: "zero", Priority: 1},
			{Target: "one", Priority: 1, Weight: 1000},
			{Target: "three", Priority: 1, Weight: 3000},
		}
		orderSRV(list)
		first[list[0].Target]++
		if list[3].Target != "other" {
			t.Fatalf("the one of lower priority is not the last: %v", list)
		}
	}
	if share := float64(first["three"]) / rounds; math.Abs(share-0.75) > 0.03 || first["zero"] > rounds/100 {
		t.Errorf("first were %v; want three in 3 of 4, zero hardly ever", first)
	}
}

func TestParseResolvConf(t *testing.T) {
	t.Parallel()
	c, err := ParseResolvConf(strings.NewReader(`
# nameserver 192.0.2.99
; a comment
nameserver 192.0.2.1
nameserver fe80::1%eth0
nameserver ns.example
nameserver
nameserver 2001:db8::1
nameserver 192.0.2.4
domain one.example
search Corp.example example. example corp.example .
options ndots:20 timeout:99999999999999999999 attempts:0 rotate use-vc no-tld-query unknown:1
sortlist 130.155.160.0
`))
	want := &ResolvConf{
		Servers: []netip.AddrPort{
			netip.MustParseAddrPort("192.0.2.1:53"), netip.MustParseAddrPort("[fe80::1%eth0]:53"),
			netip.MustParseAddrPort("[2001:db8::1]:53"),
		},
		Search: []string{"corp.example.", "example."},
		Ndots:  15, Timeout: 30 * time.Second, Attempts: 1, Rotate: true, UseTCP: true, NoTLDQuery: true,
	}
	if err != nil || fmt.Sprint(c) != fmt.Sprint(want) {
		t.Errorf("%v, %v; want %v", c, err, want)
	}
	c, _ = ParseResolvConf(strings.NewReader("search a.example\ndomain b.example\noptions ndots:0 timeout:x\n"))
	if fmt.Sprint(c.Search) != "[b.example.]" || c.Ndots != -1 || c.Timeout != time.Second {
		t.Errorf("%+v", c)
	}
	if c := ReadResolvConf("/nonexistent")(); len(c.Servers) != 0 {
		t.Errorf("a file that is not there says %+v", c)
	}
}

// A file is read again when it has changed, not before some seconds have passed.
func TestFilesAreReadAgain(t *testing.T) { synctest.Test(t, testFilesAreReadAgain) }

func testFilesAreReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	hosts := ReadHosts(path)
	for i, want := range []string{"", "192.0.2.1", "192.0.2.1 192.0.2.22"} {
		var lines string
		for _, addr := range strings.Fields(want) {
			lines += addr + " name\n"
		}
		if i > 0 {
			if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(checkFile)
		}
		addrs, _ := hosts().lookup("name")
		if got := strings.Trim(fmt.Sprint(addrs), "[]"); got != want {
			t.Errorf("the file says %q, want %q", got, want)
		}
	}
}

func TestWithHosts(t *testing.T) {
	t.Parallel()
	h := &Hosts{}
	h.Add(netip.MustParseAddr("198.18.0.2"), "tinystack.test", "Stack.test")
	z := &zone{records: exampleZone}
	r := WithHosts(func() *Hosts { return h }, z)
	for _, tt := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		{"TinyStack.test", dns.TypeA, "tinystack.test. 0 IN A 198.18.0.2"},
		{"tinystack.test.", dns.TypeAAAA, ""},
		{"2.0.18.198.in-addr.arpa.", dns.TypePTR, "2.0.18.198.in-addr.arpa. 0 IN PTR tinystack.test.; 2.0.18.198.in-addr.arpa. 0 IN PTR Stack.test."},
		{"2.0.18.198.in-addr.arpa.", dns.TypeA, ""},
		{"four.example.", dns.TypeA, "four.example. 60 IN A 192.0.2.4"},
	} {
		a, err := r.Resolve(t.Context(), question(tt.name, tt.qtype))
		if err != nil || a.Rcode != dns.RcodeSuccess || texts(a.Records) != tt.want {
			t.Errorf("%s: %+v, %v; want %q", tt.name, a, err, tt.want)
		}
	}
	if asked := z.questions(); asked != "four.example. A" {
		t.Errorf("the next was asked %s", asked)
	}
}
