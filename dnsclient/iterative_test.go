package dnsclient

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func TestIterativeFollowsReferrals(t *testing.T) { synctest.Test(t, testIterativeFollowsReferrals) }

func testIterativeFollowsReferrals(t *testing.T) {
	n := small(t)
	r := newIterative(t, n)
	a := wantAnswer(t, r, "www.google.com", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 www.google.com. A")
	if a.Cached {
		t.Error("the first answer is from the cache")
	}
	a = wantAnswer(t, r, "WWW.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	n.wantQueries()
	if !a.Cached {
		t.Error("the second answer is not from the cache")
	}
	wantAnswer(t, r, "ns.google.com", dns.TypeA, "ns.google.com. 3600 IN A 192.0.2.3")
	n.wantQueries("192.0.2.3 ns.google.com. A")
}

// What does not exist, and types that a name does not have, are remembered for as
// long as the zone says: https://www.rfc-editor.org/rfc/rfc2308#section-5.
func TestIterativeNegative(t *testing.T) { synctest.Test(t, testIterativeNegative) }

func testIterativeNegative(t *testing.T) {
	n := small(t)
	r := newIterative(t, n)
	const soa = "google.com. 60 IN SOA ns.google.com. host.google.com. 1 900 900 1800 60"
	wantAnswer(t, r, "no.google.com.", dns.TypeA, "NXDOMAIN "+soa)
	wantAnswer(t, r, "www.google.com.", dns.TypeMX, "NOERROR "+soa)
	n.take()
	time.Sleep(20 * time.Second)
	left := strings.Replace(soa, " 60 ", " 40 ", 1)
	wantAnswer(t, r, "no.google.com.", dns.TypeA, "NXDOMAIN "+left)
	wantAnswer(t, r, "no.google.com.", dns.TypeTXT, "NXDOMAIN "+left)
	wantAnswer(t, r, "www.google.com.", dns.TypeMX, "NOERROR "+left)
	// "all names and resource record sets (RRsets) at or below that node SHOULD be
	// considered unreachable": https://www.rfc-editor.org/rfc/rfc8020#section-2
	wantAnswer(t, r, "below.no.google.com.", dns.TypeA, "NXDOMAIN "+left)
	n.wantQueries()
	time.Sleep(40 * time.Second)
	wantAnswer(t, r, "no.google.com.", dns.TypeA, "NXDOMAIN "+soa)
	n.wantQueries("192.0.2.3 no.google.com. A")
}

// "Negative responses without SOA records SHOULD NOT be cached", and of one that is
// of another zone nothing is believed.
func TestIterativeNegativeWithoutSOA(t *testing.T) { synctest.Test(t, testIterativeNegativeWithoutSOA) }

func testIterativeNegativeWithoutSOA(t *testing.T) {
	for _, soas := range [][]dns.RR{nil, {rr(". SOA evil. evil. 1 1 1 1 86400")}, {rr("com. SOA evil. evil. 1 1 1 1 86400")}} {
		n := small(t)
		n.host(zoneAddr).change = func(_, m *dns.Msg) *dns.Msg {
			if len(m.Ns) > 0 {
				m.Ns = soas
			}
			return m
		}
		r := newIterative(t, n)
		for range 2 {
			wantAnswer(t, r, "no.google.com.", dns.TypeA, "NXDOMAIN ")
			if asked := n.take(); asked[len(asked)-1] != "192.0.2.3 no.google.com. A" {
				t.Errorf("asked %s", asked)
			}
		}
	}
}

// An alias to what does not exist: the name at its end is denied, not the alias's
// (RFC 6604 3), be it denied in the same message or not.
func TestIterativeAliasToNothing(t *testing.T) { synctest.Test(t, testIterativeAliasToNothing) }

func testIterativeAliasToNothing(t *testing.T) {
	n := small(t)
	n.zone(zoneAddr, "google.com.", `
		@ SOA ns host 1 900 900 1800 60
		gone CNAME no`)
	for _, together := range []bool{false, true} {
		n.host(zoneAddr).change = func(_, m *dns.Msg) *dns.Msg {
			if together && len(m.Answer) > 0 {
				m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{rr("google.com. SOA ns.google.com. host.google.com. 1 900 900 1800 60")}
			}
			return m
		}
		r := newIterative(t, n)
		for range 2 {
			a := wantAnswer(t, r, "gone.google.com.", dns.TypeA, "gone.google.com. 3600 IN CNAME no.google.com.")
			if a.Rcode != dns.RcodeNameError || len(a.Authority) != 1 {
				t.Errorf("%+v", a)
			}
		}
		wantAnswer(t, r, "gone.google.com.", dns.TypeCNAME, "gone.google.com. 3600 IN CNAME no.google.com.")
		want := 4
		if together {
			want = 3
		}
		if got := len(n.take()); got != want {
			t.Errorf("%d queries, want %d", got, want)
		}
	}
}

// TTLs are capped (RFC 8767 4), those of a set made one (RFC 2181 5.2), and 0 is for
// this answer alone.
func TestIterativeTTL(t *testing.T) { synctest.Test(t, testIterativeTTL) }

func testIterativeTTL(t *testing.T) {
	n := small(t)
	n.zone(zoneAddr, "google.com.", `
		long 999999 A 192.0.2.80
		mixed 300 A 192.0.2.81
		mixed 100 A 192.0.2.82
		zero 0 A 192.0.2.83`)
	r := newIterative(t, n)
	wantAnswer(t, r, "long.google.com.", dns.TypeA, "long.google.com. 86400 IN A 192.0.2.80")
	wantAnswer(t, r, "mixed.google.com.", dns.TypeA, "mixed.google.com. 100 IN A 192.0.2.81; mixed.google.com. 100 IN A 192.0.2.82")
	n.take()
	for range 2 {
		wantAnswer(t, r, "zero.google.com.", dns.TypeA, "zero.google.com. 0 IN A 192.0.2.83")
		n.wantQueries("192.0.2.3 zero.google.com. A")
	}
}

// DS records are those of the parent, which is asked even where the zone's own
// servers are known.
func TestIterativeDS(t *testing.T) { synctest.Test(t, testIterativeDS) }

func testIterativeDS(t *testing.T) {
	n := small(t)
	n.zone(tldAddr, "com.", `
		@ SOA ns host 1 1800 900 604800 86400
		google NS ns.google
		google DS 1 8 2 00
		ns.google A 192.0.2.3`)
	r := newIterative(t, n)
	wantAnswer(t, r, "google.com.", dns.TypeNS, "google.com. 3600 IN NS ns.google.com.")
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 google.com. NS")
	wantAnswer(t, r, "google.com.", dns.TypeDS, "google.com. 3600 IN DS 1 8 2 00")
	n.wantQueries("192.0.2.2 google.com. DS")
	wantAnswer(t, r, "www.google.com.", dns.TypeDS, "NOERROR google.com. 60 IN SOA ns.google.com. host.google.com. 1 900 900 1800 60")
	n.wantQueries("192.0.2.3 www.google.com. DS")
}

// Who asks the same at the same time waits for the same answer, each for as long as
// they like; when nobody waits any more, the work ends.
func TestIterativeMerges(t *testing.T) { synctest.Test(t, testIterativeMerges) }

func testIterativeMerges(t *testing.T) {
	n := small(t)
	n.host(zoneAddr).delay = 300 * time.Millisecond
	r := newIterative(t, n)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
		})
	}
	wg.Go(func() {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := r.Resolve(ctx, question("www.google.com.", dns.TypeA))
		if e := (*net.DNSError)(nil); !errors.As(err, &e) || !e.IsTimeout || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
	wg.Wait()
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 www.google.com. A")
	if s := r.Stats(); s.Merged != 10 {
		t.Errorf("%d merged, want 10", s.Merged)
	}

	n.host(zoneAddr).change = silence
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := r.Resolve(ctx, question("ftp.google.com.", dns.TypeA)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	synctest.Wait()
	n.wantQueries("192.0.2.3 ftp.google.com. A")
	if s := r.Stats(); s.Unanswered != 0 {
		t.Error("the server is blamed for who did not wait")
	}
	n.host(zoneAddr).change = nil
	wantAnswer(t, r, "ftp.google.com.", dns.TypeA, "NXDOMAIN google.com. 60 IN SOA ns.google.com. host.google.com. 1 900 900 1800 60")
}

// The questions for a name's two types of address are one on their common way.
func TestIterativeMergesQueries(t *testing.T) { synctest.Test(t, testIterativeMergesQueries) }

func testIterativeMergesQueries(t *testing.T) {
	n := small(t)
	for _, addr := range []string{rootAddr, tldAddr, zoneAddr} {
		n.host(addr).delay = 10 * time.Millisecond
	}
	r := newIterative(t, n)
	var wg sync.WaitGroup
	wg.Go(func() {
		wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	})
	wg.Go(func() {
		wantAnswer(t, r, "www.google.com.", dns.TypeAAAA, "NOERROR google.com. 60 IN SOA ns.google.com. host.google.com. 1 900 900 1800 60")
	})
	wg.Wait()
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 www.google.com. A", "192.0.2.3 www.google.com. AAAA")
	if s := r.Stats(); s.Queries != 4 || s.MergedQueries != 3 {
		t.Errorf("%+v", s)
	}
	// Who leaves does not take the other's answer along.
	time.Sleep(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	wg.Go(func() {
		if _, err := r.Resolve(ctx, question("www.google.com.", dns.TypeA)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
	synctest.Wait()
	wantAnswer(t, r, "www.google.com.", dns.TypeAAAA, "NOERROR google.com. 60 IN SOA ns.google.com. host.google.com. 1 900 900 1800 60")
	wg.Wait()
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 www.google.com. A", "192.0.2.3 www.google.com. AAAA")
}

// A question has its time, however many servers do not answer.
func TestIterativeTimeout(t *testing.T) { synctest.Test(t, testIterativeTimeout) }

func testIterativeTimeout(t *testing.T) {
	n := small(t)
	for _, addr := range []string{zoneAddr, tldAddr} {
		n.host(addr).change = silence
	}
	r := newIterative(t, n, func(cfg *IterativeConfig) { cfg.Timeout = time.Second })
	start := time.Now()
	_, err := r.Resolve(t.Context(), question("www.google.com.", dns.TypeA))
	if e := (*net.DNSError)(nil); !errors.As(err, &e) || !e.IsTimeout || e.IsNotFound {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took != time.Second {
		t.Errorf("took %v", took)
	}
	n.take()
	if _, err := r.Resolve(t.Context(), question("www.google.com.", dns.TypeA)); err == nil {
		t.Error("found")
	}
	n.wantQueries() // the failure is remembered
}

// What is no longer fresh serves while the servers are gone (RFC 8767).
func TestIterativeStale(t *testing.T) { synctest.Test(t, testIterativeStale) }

func testIterativeStale(t *testing.T) {
	n := small(t)
	r := newIterative(t, n)
	wantAnswer(t, r, "alias.google.com.", dns.TypeA, "alias.google.com. 3600 IN CNAME www.google.com.; www.google.com. 300 IN A 192.0.2.80")
	n.host(zoneAddr).change = silence
	time.Sleep(10 * time.Minute)
	start := time.Now()
	a := wantAnswer(t, r, "alias.google.com.", dns.TypeA, "alias.google.com. 2999 IN CNAME www.google.com.; www.google.com. 30 IN A 192.0.2.80")
	if took := time.Since(start); !a.Stale || took != staleAfter {
		t.Errorf("stale %v, after %v", a.Stale, took)
	}
	time.Sleep(time.Minute)
	n.host(zoneAddr).change = nil
	a = wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	if a.Stale {
		t.Error("stale, though the server is back")
	}
}

// Once primed, the resolver asks the servers that the root names (RFC 9609).
func TestIterativePrime(t *testing.T) { synctest.Test(t, testIterativePrime) }

func testIterativePrime(t *testing.T) {
	n := small(t)
	n.zone(rootAddr, ".", `
		. NS b.root.
		b.root. A 192.0.2.9`)
	n.zone("192.0.2.9", ".", `
		. SOA a.root. host. 1 1800 900 604800 86400
		example. TXT found`)
	r := newIterative(t, n)
	if err := r.Prime(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.wantQueries("192.0.2.1 . NS")
	wantAnswer(t, r, "example.", dns.TypeTXT, `example. 3600 IN TXT "found"`)
	n.wantQueries("192.0.2.9 example. A", "192.0.2.9 example. TXT")
	time.Sleep(time.Hour)
	wantAnswer(t, r, "test.", dns.TypeTXT, `NXDOMAIN `)
	n.wantQueries("192.0.2.1 test. A", "192.0.2.1 test. TXT")
	n.host(rootAddr).change = silence
	if err := r.Prime(t.Context()); err == nil {
		t.Error("primed by nobody")
	}
}

// Messages that are no answers, or malformed ones, are as good as none.
func TestIterativeMalformed(t *testing.T) { synctest.Test(t, testIterativeMalformed) }

func testIterativeMalformed(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"cut":         func(b []byte) []byte { return b[:len(b)-1] },
		"a header":    func(b []byte) []byte { return b[:12] },
		"a byte":      func(b []byte) []byte { return b[:1] },
		"another id":  func(b []byte) []byte { b[0]++; return b },
		"the query":   func(b []byte) []byte { b[2] &^= 1 << 7; return b },
		"more counts": func(b []byte) []byte { b[7]++; return b },
	} {
		n := small(t)
		h := n.host(zoneAddr)
		n.serve("udp", zoneAddr+":53", func(c *fakeConn) {
			for q := c.query(); q != nil; q = c.query() {
				c.send(change(packed(n.answer(zoneAddr, h, q))))
			}
		})
		r := newIterative(t, n)
		_, err := r.Resolve(t.Context(), question("www.google.com.", dns.TypeA))
		if err == nil || !strings.Contains(err.Error(), "no answer over udp") {
			t.Errorf("%s: %v", name, err)
		}
		wantNothingOf(t, r, "192.0.2.80")
	}
}

func TestIterativeConfig(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]IterativeConfig{
		"dnsclient: IterativeConfig.Timeout 1ms: want 100ms to 1m0s":                     {Timeout: time.Millisecond},
		"dnsclient: IterativeConfig.MaxQueries -1: want 1 to 1000":                       {MaxQueries: -1},
		"dnsclient: IterativeConfig.Minimise 3: want 0 to 2":                             {Minimise: 3},
		`dnsclient: IterativeConfig.Roots: "" at invalid IP: want a name and an address`: {Roots: []RootServer{{}}},
	} {
		if _, err := NewIterative(cfg); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	r, err := NewIterative(IterativeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if roots := r.addresses(r.roots); len(roots) != 13 || roots[0] != (candidate{"a.root-servers.net.", netip.MustParseAddr("198.41.0.4")}) {
		t.Errorf("the roots are %v", roots)
	}
	r.ipv6 = true
	if roots := r.addresses(r.roots); len(roots) != 26 {
		t.Errorf("with IPv6 the roots are %v", roots)
	}
}

// Questions for which there is no server to ask.
func TestIterativeNotAsked(t *testing.T) { synctest.Test(t, testIterativeNotAsked) }

func testIterativeNotAsked(t *testing.T) {
	n := small(t)
	r := newIterative(t, n)
	for _, q := range []dns.Question{
		{Name: "www.google.com.", Qtype: dns.TypeANY, Qclass: dns.ClassINET},
		{Name: "www.google.com.", Qtype: dns.TypeAXFR, Qclass: dns.ClassINET},
		{Name: "version.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS},
		{Name: strings.Repeat("a", 64) + ".", Qtype: dns.TypeA, Qclass: dns.ClassINET},
	} {
		if a, err := r.Resolve(t.Context(), q); err == nil {
			t.Errorf("%v: %v", q, a)
		}
	}
	wantAnswer(t, r, "localhost", dns.TypeA, "localhost. 0 IN A 127.0.0.1")
	n.wantQueries()
}

// A server at an IPv6 address is asked if there is IPv6.
func TestIterativeIPv6(t *testing.T) { synctest.Test(t, testIterativeIPv6) }

func testIterativeIPv6(t *testing.T) {
	n := small(t)
	n.zone(tldAddr, "com.", `
		google NS ns.google
		ns.google AAAA 2001:db8::3
		other NS ns.six.com.
		six NS ns.google`)
	n.host(tldAddr).change = func(_, m *dns.Msg) *dns.Msg {
		m.Extra = append(m.Extra, rr("ns.google.com. AAAA 2001:db8::3"), rr("ns.google.com. AAAA ::ffff:192.0.2.66"))
		return m
	}
	n.zone("[2001:db8::3]", "google.com.", `
		www A 192.0.2.80`)
	n.zone("[2001:db8::3]", "six.com.", `
		ns AAAA 2001:db8::3`)
	n.zone("[2001:db8::3]", "other.com.", `
		www A 192.0.2.81`)
	r := newIterative(t, n, func(cfg *IterativeConfig) { cfg.IPv6 = true })
	wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 3600 IN A 192.0.2.80")
	wantAnswer(t, r, "www.other.com.", dns.TypeA, "www.other.com. 3600 IN A 192.0.2.81")
	if a, err := newIterative(t, n).Resolve(t.Context(), question("www.google.com.", dns.TypeA)); err == nil {
		t.Errorf("found without IPv6: %v", a)
	}
}
