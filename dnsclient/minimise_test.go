package dnsclient

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"
)

// steps lists what is asked of servers that know no zone but their own, from a known
// part of the name on.
func steps(q dns.Question, known string) string {
	m := minimiser{q: q}
	var list []string
	for {
		step, whole := m.next(known)
		list = append(list, step.Name+" "+dns.TypeToString[step.Qtype])
		if known = step.Name; whole {
			return strings.Join(list, ", ")
		}
	}
}

// The examples of https://www.rfc-editor.org/rfc/rfc9156#section-4, tables 2 and 3,
// and others.
func TestMinimiseSteps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, known string
		qtype       uint16
		want        string
	}{
		{"a.b.example.org.", ".", dns.TypeMX, "org. A, example.org. A, b.example.org. A, a.b.example.org. A, a.b.example.org. MX"},
		{"a.b.example.org.", "org.", dns.TypeMX, "example.org. A, b.example.org. A, a.b.example.org. A, a.b.example.org. MX"},
		{"a.b.example.org.", "org.", dns.TypeA, "example.org. A, b.example.org. A, a.b.example.org. A"},
		{"example.org.", "example.org.", dns.TypeMX, "example.org. MX"},
		{".", ".", dns.TypeNS, ". NS"},
		// The records are at the parent, (3): its servers are not asked for an address.
		{"a.example.org.", "org.", dns.TypeDS, "example.org. A, a.example.org. DS"},
		{"a.example.org.", "example.org.", dns.TypeDS, "a.example.org. DS"},
		// "assume that labels that begin with an underscore (_) character do not
		// represent privacy-relevant administrative boundaries", 2.3
		{"_25._tcp.mail.example.org.", "mail.example.org.", dns.TypeTLSA, "_25._tcp.mail.example.org. A, _25._tcp.mail.example.org. TLSA"},
		{"my._ipp._tcp.example.org.", "example.org.", dns.TypeA, "_ipp._tcp.example.org. A, my._ipp._tcp.example.org. A"},
		// A dot in a label is no boundary.
		{`first\.last.example.org.`, "org.", dns.TypeA, `example.org. A, first\.last.example.org. A`},
	} {
		if got := steps(question(c.name, c.qtype), c.known); got != c.want {
			t.Errorf("%s %s:\n%s\nwant\n%s", c.name, dns.TypeToString[c.qtype], got, c.want)
		}
	}
}

// "when resolving a QNAME with 18 labels with MAX_MINIMISE_COUNT set to 10 and
// MINIMISE_ONE_LAB set to 4, the number of labels added per iteration are:
// 1,1,1,1,2,2,2,2,3,3": https://www.rfc-editor.org/rfc/rfc9156#section-2.3
func TestMinimiseManyLabels(t *testing.T) {
	t.Parallel()
	for labels, want := range map[int]string{
		18:  "1 1 1 1 2 2 2 2 3 3",
		5:   "1 1 1 1 1",
		10:  "1 1 1 1 1 1 1 1 1 1",
		12:  "1 1 1 1 1 1 1 1 2 2",
		127: "1 1 1 1 20 20 20 21 21 21",
	} {
		name, known, got := strings.Repeat("a.", labels), ".", []string{}
		m := minimiser{q: question(name, dns.TypeA)}
		for whole := false; !whole; {
			var q dns.Question
			q, whole = m.next(known)
			got = append(got, fmt.Sprint(dns.CountLabel(q.Name)-dns.CountLabel(known)))
			known = q.Name
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%d labels are shown as %s, want %s", labels, got, want)
		}
	}
}

// What is known to exist from the cache is not asked for again on the way.
func TestMinimiseSkipsTheKnown(t *testing.T) { synctest.Test(t, testMinimiseSkipsTheKnown) }

func testMinimiseSkipsTheKnown(t *testing.T) {
	n := small(t)
	n.zone(zoneAddr, "google.com.", `
		@ SOA ns host 1 900 900 1800 60
		a.b.c A 192.0.2.81
		d.b.c A 192.0.2.82`)
	r := newIterative(t, n)
	wantAnswer(t, r, "a.b.c.google.com.", dns.TypeA, "a.b.c.google.com. 3600 IN A 192.0.2.81")
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A",
		"192.0.2.3 c.google.com. A", "192.0.2.3 b.c.google.com. A", "192.0.2.3 a.b.c.google.com. A")
	wantAnswer(t, r, "d.b.c.google.com.", dns.TypeA, "d.b.c.google.com. 3600 IN A 192.0.2.82")
	n.wantQueries("192.0.2.3 d.b.c.google.com. A")
}

// Of a type other than A, the last zone cut is looked for before the type is shown.
func TestMinimiseHidesTheType(t *testing.T) { synctest.Test(t, testMinimiseHidesTheType) }

func testMinimiseHidesTheType(t *testing.T) {
	n := small(t)
	r := newIterative(t, n)
	wantAnswer(t, r, "www.google.com.", dns.TypeTXT, "NOERROR google.com. 60 IN SOA ns.google.com. host.google.com. 1 900 900 1800 60")
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 www.google.com. A", "192.0.2.3 www.google.com. TXT")
	wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	n.wantQueries() // it came along
}

func TestMinimiseOff(t *testing.T) { synctest.Test(t, testMinimiseOff) }

func testMinimiseOff(t *testing.T) {
	n := small(t)
	r := newIterative(t, n, func(cfg *IterativeConfig) { cfg.Minimise = MinimiseOff })
	wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	n.wantQueries("192.0.2.1 www.google.com. A", "192.0.2.2 www.google.com. A", "192.0.2.3 www.google.com. A")
}

// A server that denies what is only the end of other names: where nothing below a
// name is believed to exist, the answer is that of RFC 8020, else the right one.
func TestMinimiseDeniedName(t *testing.T) { synctest.Test(t, testMinimiseDeniedName) }

func testMinimiseDeniedName(t *testing.T) {
	n := small(t)
	n.zone(zoneAddr, "google.com.", `
		@ SOA ns host 1 900 900 1800 60
		a.b A 192.0.2.81`).change = func(q, m *dns.Msg) *dns.Msg {
		if len(m.Answer) == 0 {
			m.Rcode = dns.RcodeNameError
		}
		return m
	}
	relaxed := newIterative(t, n)
	wantAnswer(t, relaxed, "a.b.google.com.", dns.TypeA, "a.b.google.com. 3600 IN A 192.0.2.81")
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 b.google.com. A", "192.0.2.3 a.b.google.com. A")
	if got := relaxed.Stats().MinimiseFallbacks; got != 1 {
		t.Errorf("%d fallbacks, want 1", got)
	}
	// That b does not exist was not believed, so that other names in it are found, too.
	wantAnswer(t, relaxed, "b.google.com.", dns.TypeTXT, "NXDOMAIN google.com. 60 IN SOA ns.google.com. host.google.com. 1 900 900 1800 60")
	n.wantQueries("192.0.2.3 b.google.com. A", "192.0.2.3 b.google.com. TXT")

	strict := newIterative(t, n, func(cfg *IterativeConfig) { cfg.Minimise = MinimiseStrict })
	wantAnswer(t, strict, "a.b.google.com.", dns.TypeA, "NXDOMAIN google.com. 60 IN SOA ns.google.com. host.google.com. 1 900 900 1800 60")
	n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 b.google.com. A")
	wantAnswer(t, strict, "c.b.google.com.", dns.TypeA, "NXDOMAIN google.com. 60 IN SOA ns.google.com. host.google.com. 1 900 900 1800 60")
	n.wantQueries()
}

// A part of the name that is an alias to what does not exist does exist itself.
func TestMinimiseAliasOnTheWay(t *testing.T) { synctest.Test(t, testMinimiseAliasOnTheWay) }

func testMinimiseAliasOnTheWay(t *testing.T) {
	n := small(t)
	n.zone(zoneAddr, "google.com.", `
		@ SOA ns host 1 900 900 1800 60
		b CNAME no
		a.b A 192.0.2.81`).change = func(_, m *dns.Msg) *dns.Msg {
		if len(m.Answer) > 0 && m.Answer[0].Header().Rrtype == dns.TypeCNAME {
			m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{rr("google.com. SOA ns. host. 1 1 1 1 60")}
		}
		return m
	}
	for _, mode := range []Minimise{MinimiseRelaxed, MinimiseStrict} {
		r := newIterative(t, n, func(cfg *IterativeConfig) { cfg.Minimise = mode })
		wantAnswer(t, r, "a.b.google.com.", dns.TypeA, "a.b.google.com. 3600 IN A 192.0.2.81")
		if s := r.Stats(); s.MinimiseFallbacks != 0 {
			t.Errorf("%d fallbacks", s.MinimiseFallbacks)
		}
	}
}

// Where it is said of the whole name, too, that it does not exist, the part is
// believed not to (RFC 8020 2).
func TestMinimiseConfirmedDenial(t *testing.T) { synctest.Test(t, testMinimiseConfirmedDenial) }

func testMinimiseConfirmedDenial(t *testing.T) {
	n := small(t)
	r := newIterative(t, n)
	const denial = "NXDOMAIN google.com. 60 IN SOA ns.google.com. host.google.com. 1 900 900 1800 60"
	wantAnswer(t, r, "a.b.google.com.", dns.TypeA, denial)
	n.take()
	wantAnswer(t, r, "c.b.google.com.", dns.TypeMX, denial)
	n.wantQueries()
}

// A server that refuses a part of the question is asked the whole; it is not lame.
func TestMinimiseRefusedName(t *testing.T) { synctest.Test(t, testMinimiseRefusedName) }

func testMinimiseRefusedName(t *testing.T) {
	for _, rcode := range []int{dns.RcodeRefused, dns.RcodeServerFailure, dns.RcodeFormatError} {
		n := small(t)
		n.zone(zoneAddr, "google.com.", `
		@ SOA ns host 1 900 900 1800 60
		a.b A 192.0.2.81`).change = func(q, m *dns.Msg) *dns.Msg {
			if len(m.Answer) == 0 {
				return failing(q, rcode)
			}
			return m
		}
		r := newIterative(t, n)
		wantAnswer(t, r, "a.b.google.com.", dns.TypeA, "a.b.google.com. 3600 IN A 192.0.2.81")
		n.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 b.google.com. A", "192.0.2.3 a.b.google.com. A")

		strict := newIterative(t, n, func(cfg *IterativeConfig) { cfg.Minimise = MinimiseStrict })
		if a, err := strict.Resolve(t.Context(), question("a.b.google.com.", dns.TypeA)); err == nil {
			t.Errorf("%s: a strict resolver found %v", dns.RcodeToString[rcode], a)
		}
		n.take()
	}
}
