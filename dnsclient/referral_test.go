package dnsclient

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// A poisoner answers rightly, and adds records of zones that are not its own.
func poison(q, m *dns.Msg) *dns.Msg {
	m.Answer = append(m.Answer, rr("www.google.com. 86400 A 203.0.113.66"))
	m.Ns = append(m.Ns, rr("google.com. 86400 NS ns.evil.com."), rr("com. 86400 NS ns.evil.com."), rr(". 86400 NS ns.evil.com."))
	m.Extra = append(m.Extra, rr("ns.google.com. 86400 A 203.0.113.66"), rr("a.root. 86400 A 203.0.113.66"), rr("ns.com. 86400 A 203.0.113.66"))
	return m
}

// Poisoned records are neither believed nor kept, and that is said and counted.
func TestPoisonIsDropped(t *testing.T) { synctest.Test(t, testPoisonIsDropped) }

func testPoisonIsDropped(t *testing.T) {
	n := small(t)
	n.zone(tldAddr, "com.", `
		google NS ns.google
		ns.google A 192.0.2.3
		evil NS ns.evil
		ns.evil A 192.0.2.4`)
	n.zone(zone2, "evil.com.", `
		www A 192.0.2.81`).change = poison
	var dropped []string
	ctx := WithTrace(t.Context(), &Trace{Dropped: func(e DropEvent) {
		dropped = append(dropped, fmt.Sprintf("%v %s: %s", e.Server, texts([]dns.RR{e.Record}), e.Reason))
	}})
	r := newIterative(t, n)
	wantAnswerTo(ctx, t, r, "www.evil.com.", dns.TypeA, "www.evil.com. 3600 IN A 192.0.2.81")
	want := []string{
		"192.0.2.4:53 www.google.com. 86400 IN A 203.0.113.66: a record that is not in the server's zone",
		"192.0.2.4:53 google.com. 86400 IN NS ns.evil.com.: a record that is not in the server's zone",
		"192.0.2.4:53 com. 86400 IN NS ns.evil.com.: a referral to the zone itself or further up",
		"192.0.2.4:53 . 86400 IN NS ns.evil.com.: a referral to the zone itself or further up",
		"192.0.2.4:53 ns.google.com. 86400 IN A 203.0.113.66: a record that is not in the server's zone",
		"192.0.2.4:53 a.root. 86400 IN A 203.0.113.66: a record that is not in the server's zone",
		"192.0.2.4:53 ns.com. 86400 IN A 203.0.113.66: a record that is not in the server's zone",
	}
	if !slices.Equal(dropped, want) {
		t.Errorf("dropped\n%s\nwant\n%s", strings.Join(dropped, "\n"), strings.Join(want, "\n"))
	}
	if s := r.Stats(); s.DropBailiwick != 5 || s.DropUpward != 2 {
		t.Errorf("%+v, want 5 DropBailiwick and 2 DropUpward", s)
	}
	wantNothingOf(t, r, "203.0.113.66")
	n.take()
	wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	n.wantQueries("192.0.2.2 google.com. A", "192.0.2.3 www.google.com. A")
}

// wantNothingOf checks that no record in the cache has the text.
func wantNothingOf(t *testing.T, r *Iterative, text string) {
	t.Helper()
	for _, e := range r.cache.Snapshot() {
		if strings.Contains(texts(e.Records), text) {
			t.Errorf("the cache has %s", texts(e.Records))
		}
	}
}

// Glue is used to reach a server, and never given as an answer: "should not be
// cached in such a way that they would ever be returned as answers to a received
// query", https://www.rfc-editor.org/rfc/rfc2181#section-5.4.1
func TestGlueIsNoAnswer(t *testing.T) { synctest.Test(t, testGlueIsNoAnswer) }

func testGlueIsNoAnswer(t *testing.T) {
	n := small(t)
	n.zone(zoneAddr, "google.com.", `
		ns A 192.0.2.4
		www 300 A 192.0.2.80`)
	n.zone(zone2, "google.com.", `
		other A 192.0.2.82`)
	r := newIterative(t, n)
	wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	n.take()
	wantAnswer(t, r, "ns.google.com.", dns.TypeA, "ns.google.com. 3600 IN A 192.0.2.4")
	n.wantQueries("192.0.2.3 ns.google.com. A")
	// From now on the server's own word on its address counts.
	wantAnswer(t, r, "other.google.com.", dns.TypeA, "other.google.com. 3600 IN A 192.0.2.82")
	n.wantQueries("192.0.2.4 other.google.com. A")
}

// Addresses on which no server can be reached, or only this host's own.
func TestGlueOfNoHost(t *testing.T) { synctest.Test(t, testGlueOfNoHost) }

func testGlueOfNoHost(t *testing.T) {
	n := small(t)
	n.zone(tldAddr, "com.", `
		google NS ns.google
		ns.google A 127.0.0.1
		ns.google A 0.0.0.0
		ns.google A 224.0.0.251
		ns.google A 255.255.255.255
		ns.google A 169.254.1.1
		ns.google A 192.0.2.3`)
	r := newIterative(t, n)
	wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 www.google.com. A")
	if s := r.Stats(); s.DropAddress != 5 {
		t.Errorf("%d addresses dropped, want 5", s.DropAddress)
	}
}

// The zone's own NS records replace those of the referral, which do not come back
// while those are fresh (RFC 2181 5.4.1).
func TestZonesOwnServers(t *testing.T) { synctest.Test(t, testZonesOwnServers) }

func testZonesOwnServers(t *testing.T) {
	n := small(t)
	n.zone(zoneAddr, "google.com.", `
		@ NS ns2
		ns2 A 192.0.2.4
		www 300 A 192.0.2.80`)
	n.zone(zone2, "google.com.", `
		@ NS ns2
		ns2 A 192.0.2.4
		www 300 A 192.0.2.80
		other A 192.0.2.82`)
	r := newIterative(t, n)
	wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 www.google.com. A")
	wantAnswer(t, r, "other.google.com.", dns.TypeA, "other.google.com. 3600 IN A 192.0.2.82")
	n.wantQueries("192.0.2.4 other.google.com. A")
	e, _ := r.cache.peek("google.com.", dns.TypeNS)
	if e.Rank != RankAuthority || texts(e.Records) != "google.com. 3600 IN NS ns2.google.com." {
		t.Errorf("the zone's servers are %s, of rank %v", texts(e.Records), e.Rank)
	}
	referral := &cut{zone: "google.com.", ns: []dns.RR{rr("google.com. NS ns.google.com.")}}
	r.task(t.Context()).storeCut(referral, RankReferral, server1)
	if e, _ := r.cache.peek("google.com.", dns.TypeNS); e.Rank != RankAuthority {
		t.Errorf("a referral replaced them by %s", texts(e.Records))
	}
}

// A zone's word on its own servers does not outlast that of its parent, however often
// it is refreshed: else a zone that the parent has removed would live on.
func TestGhostDomain(t *testing.T) { synctest.Test(t, testGhostDomain) }

func testGhostDomain(t *testing.T) {
	n := small(t)
	n.zone(zoneAddr, "google.com.", `
		$TTL 86400
		@ NS ns
		ns A 192.0.2.3
		* 1 A 192.0.2.80`)
	n.host(zoneAddr).change = func(q, m *dns.Msg) *dns.Msg { // a wildcard
		name := q.Question[0].Name
		if q.Question[0].Qtype == dns.TypeA && name != "google.com." {
			m.Rcode, m.Answer = 0, []dns.RR{rr(name + " 1 A 192.0.2.80")}
			m.Ns = []dns.RR{rr("google.com. 86400 NS ns.google.com.")}
			m.Extra = append(m.Extra, rr("ns.google.com. 86400 A 192.0.2.3"))
		}
		return m
	}
	r := newIterative(t, n)
	wantAnswer(t, r, "a.google.com.", dns.TypeA, "a.google.com. 1 IN A 192.0.2.80")
	n.zone(tldAddr, "com.", `@ SOA ns host 1 1800 900 604800 86400`)
	for i := range 11 {
		time.Sleep(5 * time.Minute)
		name := fmt.Sprintf("n%d.google.com.", i)
		wantAnswer(t, r, name, dns.TypeA, name+" 1 IN A 192.0.2.80")
		wantAnswer(t, r, "google.com.", dns.TypeNS, fmt.Sprintf("google.com. %d IN NS ns.google.com.", 3600-300*(i+1)))
	}
	time.Sleep(5 * time.Minute)
	wantAnswer(t, r, "late.google.com.", dns.TypeA, "NXDOMAIN com. 3600 IN SOA ns.com. host.com. 1 1800 900 604800 86400")
}

// smallAndTest is the small Internet with a zone test. of these records.
func smallAndTest(t *testing.T, records string) *internet {
	t.Helper()
	n := small(t)
	n.zone(rootAddr, ".", `
		com. NS ns.com.
		ns.com. A 192.0.2.2
		test. NS ns.test.
		ns.test. A 192.0.2.4`)
	n.zone(zone2, "test.", records)
	return n
}

// An alias from one zone to another is followed there, and each is kept by itself.
func TestAliasAcrossZones(t *testing.T) { synctest.Test(t, testAliasAcrossZones) }

func testAliasAcrossZones(t *testing.T) {
	n := smallAndTest(t, "www CNAME alias.google.com.")
	r := newIterative(t, n)
	const want = "www.test. 3600 IN CNAME alias.google.com.; alias.google.com. 3600 IN CNAME www.google.com.; www.google.com. 300 IN A 192.0.2.80"
	wantAnswer(t, r, "www.test.", dns.TypeA, want)
	n.wantQueries("192.0.2.1 test. A", "192.0.2.4 www.test. A",
		"192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 alias.google.com. A", "192.0.2.3 www.google.com. A")
	wantAnswer(t, r, "www.test.", dns.TypeA, want)
	wantAnswer(t, r, "alias.google.com.", dns.TypeCNAME, "alias.google.com. 3600 IN CNAME www.google.com.")
	n.wantQueries()
	wantAnswer(t, r, "www.test.", dns.TypeAAAA,
		"www.test. 3600 IN CNAME alias.google.com.; alias.google.com. 3600 IN CNAME www.google.com.")
}

// Aliases that lead in a circle, in one zone or through several, or on and on.
func TestAliasLoops(t *testing.T) { synctest.Test(t, testAliasLoops) }

func testAliasLoops(t *testing.T) {
	n := smallAndTest(t, "far CNAME far.google.com.")
	var b strings.Builder
	for i := range 30 {
		fmt.Fprintf(&b, "long%d 0 CNAME long%d\n", i, i+1)
	}
	n.zone(zoneAddr, "google.com.", `
		self CNAME self
		a CNAME b
		b CNAME a
		zero 0 CNAME one
		one 0 CNAME zero
		far CNAME far.test.
		`+b.String())
	r := newIterative(t, n)
	for name, want := range map[string]string{
		"self.google.com.":  errAliasLoop.Error(),
		"a.google.com.":     errAliasLoop.Error(),
		"zero.google.com.":  errAliasLoop.Error(),
		"far.google.com.":   errAliasLoop.Error(),
		"long0.google.com.": errTooManyAliases.Error(),
	} {
		n.take()
		_, err := r.Resolve(t.Context(), question(name, dns.TypeA))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
		if asked := len(n.take()); asked > maxAliases+5 {
			t.Errorf("%s: %d queries", name, asked)
		}
		if _, err := r.Resolve(context.Background(), question(name, dns.TypeA)); err == nil {
			t.Errorf("%s was found then", name)
		}
		n.wantQueries() // the failure is known
	}
}
