package dnsclient

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// wide is an Internet with com. and test., whose zones are to be added.
func wide(t *testing.T) *internet {
	t.Helper()
	n := newInternet(t)
	n.zone(rootAddr, ".", `
		. SOA a.root. host. 1 1800 900 604800 86400
		com. NS ns.com.
		ns.com. A 192.0.2.2
		test. NS ns.test.
		ns.test. A 192.0.2.4`)
	n.zone(zone2, "test.", `
		@ SOA ns host 1 1800 900 604800 86400
		ns A 192.0.2.4`)
	return n
}

// The address of a server in another zone is looked up there, and is then known.
func TestServerNameElsewhere(t *testing.T) { synctest.Test(t, testServerNameElsewhere) }

func testServerNameElsewhere(t *testing.T) {
	n := wide(t)
	n.zone(tldAddr, "com.", `
		google NS dns.example.test.`)
	n.zone(zone2, "test.", `
		dns.example A 192.0.2.3`)
	n.zone(zoneAddr, "google.com.", `
		www A 192.0.2.80
		ftp A 192.0.2.81`)
	var steps []string
	ctx := WithTrace(t.Context(), &Trace{Step: func(e StepEvent) {
		steps = append(steps, fmt.Sprintf("%d for %s: %s of %s at %s %v", e.Depth, e.For.Name, e.Question.Name, e.Zone, e.Name, e.Server))
	}})
	r := newIterative(t, n)
	wantAnswerTo(ctx, t, r, "www.google.com.", dns.TypeA, "www.google.com. 3600 IN A 192.0.2.80")
	want := `0 for www.google.com.: com. of . at a.root. 192.0.2.1:53
0 for www.google.com.: google.com. of com. at ns.com. 192.0.2.2:53
1 for dns.example.test.: test. of . at a.root. 192.0.2.1:53
1 for dns.example.test.: example.test. of test. at ns.test. 192.0.2.4:53
1 for dns.example.test.: dns.example.test. of test. at ns.test. 192.0.2.4:53
0 for www.google.com.: www.google.com. of google.com. at dns.example.test. 192.0.2.3:53`
	if got := strings.Join(steps, "\n"); got != want {
		t.Errorf("the steps were\n%s\nwant\n%s", got, want)
	}
	n.take()
	wantAnswer(t, r, "ftp.google.com.", dns.TypeA, "ftp.google.com. 3600 IN A 192.0.2.81")
	n.wantQueries("192.0.2.3 ftp.google.com. A")
	if s := r.Stats(); s.Lookups != 1 || s.Queries != 7 || s.Referrals != 3 || s.Questions != 2 {
		t.Errorf("%+v", s)
	}
}

// A referral to many servers without addresses, in the zone of a victim, makes us ask
// for few of them: https://www.nxnsattack.com/.
func TestManyServersWithoutAddress(t *testing.T) { synctest.Test(t, testManyServersWithoutAddress) }

func testManyServersWithoutAddress(t *testing.T) {
	n := wide(t)
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "evil NS n%d.x.test.\n", i)
	}
	n.zone(tldAddr, "com.", b.String())
	r := newIterative(t, n)
	_, err := r.Resolve(t.Context(), question("www.evil.com.", dns.TypeA))
	if err == nil || !strings.Contains(err.Error(), "no address is known of a server of the zone evil.com.") {
		t.Errorf("%v", err)
	}
	victim := 0
	for _, q := range n.take() {
		if strings.HasPrefix(q, zone2) {
			victim++
		}
	}
	if victim > 2*maxLookups { // x.test. is asked for once, too
		t.Errorf("%d queries to the victim", victim)
	}
	if s := r.Stats(); s.LimitLookups != 1 || s.DropExcess != 30 {
		t.Errorf("%+v", s)
	}
}

// Servers whose names depend on each other, and one that is within its own zone.
func TestServerNameCycles(t *testing.T) { synctest.Test(t, testServerNameCycles) }

func testServerNameCycles(t *testing.T) {
	n := wide(t)
	n.zone(tldAddr, "com.", `
		a NS ns.b
		b NS ns.c
		c NS ns.a
		self NS ns.self
		own NS ns.own.com.
		own NS dns.a.com.`)
	r := newIterative(t, n)
	for _, name := range []string{"www.a.com.", "www.b.com.", "www.self.com.", "www.own.com."} {
		if a, err := r.Resolve(t.Context(), question(name, dns.TypeA)); err == nil {
			t.Errorf("%s is %v", name, a)
		}
		if got := len(n.take()); got > 10 {
			t.Errorf("%s: %d queries", name, got)
		}
	}
	if s := r.Stats(); s.LimitCycle == 0 {
		t.Error("no cycle was counted")
	}
	// What failed for being in the way of itself may be found by another way.
	n.zone(tldAddr, "com.", `
		a NS ns.b
		b NS ns.c
		c NS ns.a
		c NS ns2.c
		ns2.c A 192.0.2.3`)
	n.zone(zoneAddr, "c.com.", `
		ns A 192.0.2.3`)
	n.zone(zoneAddr, "b.com.", `
		ns A 192.0.2.3
		www A 192.0.2.81`)
	time.Sleep(time.Hour)
	wantAnswer(t, r, "www.b.com.", dns.TypeA, "www.b.com. 3600 IN A 192.0.2.81")
}

// A chain of zones, each with its server in the next one, is followed so far.
func TestServerNameDepth(t *testing.T) { synctest.Test(t, testServerNameDepth) }

func testServerNameDepth(t *testing.T) {
	n := wide(t)
	chain := func(zones int) {
		var b strings.Builder
		for i := range zones - 1 {
			fmt.Fprintf(&b, "z%d NS ns.z%d\n", i, i+1)
		}
		fmt.Fprintf(&b, "z%d NS ns.test.\n", zones-1)
		n.zone(tldAddr, "com.", b.String())
		for i := range zones {
			n.zone(zone2, fmt.Sprintf("z%d.com.", i), `
		@ SOA ns host 1 1 1 1 1
		ns A 192.0.2.4
		www A 192.0.2.80`)
		}
	}
	chain(maxDepth)
	wantAnswer(t, newIterative(t, n), "www.z0.com.", dns.TypeA, "www.z0.com. 3600 IN A 192.0.2.80")
	chain(maxDepth + 1)
	r := newIterative(t, n)
	if a, err := r.Resolve(t.Context(), question("www.z0.com.", dns.TypeA)); err == nil {
		t.Errorf("found %v", a)
	}
	if s := r.Stats(); s.LimitDepth != 1 {
		t.Errorf("%+v, want LimitDepth once", s)
	}
	// The failure is that of this question alone: z3 is near enough.
	wantAnswer(t, r, "www.z3.com.", dns.TypeA, "www.z3.com. 3600 IN A 192.0.2.80")
}

// However it comes about, a question is no more than so many queries.
func TestQueriesAreBounded(t *testing.T) { synctest.Test(t, testQueriesAreBounded) }

func testQueriesAreBounded(t *testing.T) {
	n := wide(t)
	// Each zone has four servers, each in a zone of its own, which has four, ...
	n.host(tldAddr).change = func(q, _ *dns.Msg) *dns.Msg {
		m := reply(q)
		name := dns.CanonicalName(q.Question[0].Name)
		zone := lastLabels(name, min(2, dns.CountLabel(name)))
		for i := range 4 {
			m.Ns = append(m.Ns, rr(fmt.Sprintf("%s NS ns.%d-%s", zone, i, zone)))
		}
		return m
	}
	for _, limit := range []int{1, 5, 100} {
		r := newIterative(t, n, func(cfg *IterativeConfig) { cfg.MaxQueries = limit })
		_, err := r.Resolve(t.Context(), question("www.evil.com.", dns.TypeA))
		if err == nil || !strings.Contains(err.Error(), errTooManyQueries.Error()) {
			t.Errorf("%v", err)
		}
		if got := len(n.take()); got != limit {
			t.Errorf("%d queries, want %d", got, limit)
		}
		if s := r.Stats(); s.LimitQueries == 0 {
			t.Errorf("%+v", s)
		}
		failures := 0
		for _, e := range r.cache.Snapshot() {
			if e.Kind == Failure {
				failures++
			}
		}
		if failures != 1 {
			t.Errorf("%d failures are kept, want that of the question alone", failures)
		}
	}
}

// The failures of names that depend on each other do not pile up in each other.
func TestFailuresDoNotPileUp(t *testing.T) { synctest.Test(t, testFailuresDoNotPileUp) }

func testFailuresDoNotPileUp(t *testing.T) {
	n := wide(t)
	n.zone(tldAddr, "com.", `
		a NS ns.b
		b NS ns.a`)
	r := newIterative(t, n)
	longest := 0
	for i := range 200 {
		_, err := r.Resolve(t.Context(), question([]string{"ns.a.com.", "ns.b.com."}[i%2], dns.TypeA))
		if err == nil {
			t.Fatal("found")
		}
		depth := 0
		for ; err != nil; err = errors.Unwrap(err) {
			depth++
			longest = max(longest, len(err.Error()))
		}
		if depth > 10 || longest > 500 {
			t.Fatalf("an error of %d others, %d bytes long", depth, longest)
		}
		time.Sleep(4 * time.Second)
	}
}
