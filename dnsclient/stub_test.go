package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// stubOf returns a stub that asks server1, and server2 after it.
func stubOf(t *testing.T, n *fakeNet) *Stub {
	t.Helper()
	return stubWith(t, n, ResolvConf{Servers: []netip.AddrPort{server1, server2}})
}

func stubWith(t *testing.T, n *fakeNet, conf ResolvConf) *Stub {
	t.Helper()
	s, err := NewStub(StubConfig{Client: newClient(t, n), ResolvConf: func() *ResolvConf { return &conf }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Stub) want(t *testing.T, name string, qtype uint16, want string) *Answer {
	t.Helper()
	a, err := s.Resolve(t.Context(), question(name, qtype))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if got := texts(a.Records); got != want {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
	return a
}

func TestStubCaches(t *testing.T) { synctest.Test(t, testStubCaches) }

func testStubCaches(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg {
		m := reply(q)
		switch q.Question[0].Name {
		case "www.example.":
			m.Answer = append(m.Answer, rr("www.example. 300 IN CNAME web.example."), rr("web.example. 60 IN A 192.0.2.80"))
		case "web.example.":
			m.Answer = append(m.Answer, rr("web.example. 60 IN A 192.0.2.80"))
		case "gone.example.":
			m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{soa("example.")}
		default:
			m.Ns = []dns.RR{soa("example.")}
		}
		return m
	}))
	s := stubOf(t, n)
	s.want(t, "www.example.", dns.TypeA, "www.example. 300 IN CNAME web.example.; web.example. 60 IN A 192.0.2.80")
	time.Sleep(10 * time.Second)
	a := s.want(t, "WWW.Example", dns.TypeA, "www.example. 290 IN CNAME web.example.; web.example. 50 IN A 192.0.2.80")
	if !a.Cached {
		t.Error("the answer is not said to be cached")
	}
	s.want(t, "web.example.", dns.TypeA, "web.example. 50 IN A 192.0.2.80")
	for range 2 {
		a = s.want(t, "gone.example.", dns.TypeA, "")
		if a.Rcode != dns.RcodeNameError || len(a.Authority) != 1 {
			t.Errorf("%+v, want NXDOMAIN with its SOA", a)
		}
		a = s.want(t, "empty.example.", dns.TypeMX, "")
		if a.Rcode != dns.RcodeSuccess || len(a.Authority) != 1 {
			t.Errorf("%+v, want no data with its SOA", a)
		}
	}
	if got := strings.Count(n.asked(), "udp"); got != 3 {
		t.Errorf("the server was asked %d times, want 3", got)
	}
	time.Sleep(50 * time.Second) // the address is no longer fresh, its alias is
	s.want(t, "www.example.", dns.TypeA, "www.example. 240 IN CNAME web.example.; web.example. 60 IN A 192.0.2.80")
}

// What the answer says of other names is neither given nor kept, and is told to the trace.
func TestStubTakesNoMoreThanItAskedFor(t *testing.T) { synctest.Test(t, testStubTakesNoMore) }

func testStubTakesNoMore(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg {
		m := reply(q, wwwA, "bank.example. 86400 IN A 203.0.113.66", "www.example. 300 IN TXT evil")
		m.Ns = []dns.RR{rr("example. 86400 IN NS ns.evil.example.")}
		m.Extra = append(m.Extra, rr("bank.example. 86400 IN A 203.0.113.66"))
		return m
	}))
	s := stubOf(t, n)
	var dropped []string
	ctx := WithTrace(t.Context(), &Trace{Dropped: func(e DropEvent) { dropped = append(dropped, e.Record.Header().Name) }})
	a, err := s.Resolve(ctx, question("www.example.", dns.TypeA))
	if err != nil || texts(a.Records) != wwwA {
		t.Errorf("%+v, %v; want %q alone", a, err, wwwA)
	}
	if got := fmt.Sprint(dropped); got != "[bank.example. www.example.]" {
		t.Errorf("dropped %s, want the two others of the answer section", got)
	}
	if e := s.cache.Snapshot(); len(e) != 1 {
		t.Errorf("the cache has %d entries, want 1: %+v", len(e), e)
	}
}

// Servers that fail, in whatever way, make way for the next.
func TestStubFailsOver(t *testing.T) { synctest.Test(t, testStubFailsOver) }

func testStubFailsOver(t *testing.T) {
	for name, first := range map[string]fakeServer{
		"refused":  nil,
		"silent":   silent,
		"SERVFAIL": always(func(q *dns.Msg) *dns.Msg { return failing(q, dns.RcodeServerFailure) }),
		"REFUSED":  always(func(q *dns.Msg) *dns.Msg { return failing(q, dns.RcodeRefused) }),
		"NOTIMP":   always(func(q *dns.Msg) *dns.Msg { return failing(q, dns.RcodeNotImplemented) }),
		"lame": always(func(q *dns.Msg) *dns.Msg {
			m := reply(q)
			m.RecursionAvailable, m.Ns = false, []dns.RR{rr(". 60 IN NS a.root.example.")}
			return m
		}),
		"loop": always(func(q *dns.Msg) *dns.Msg {
			return reply(q, "www.example. 60 IN CNAME a.example.", "a.example. 60 IN CNAME b.example.", "b.example. 60 IN CNAME a.example.")
		}),
		"truncated, no TCP": always(func(q *dns.Msg) *dns.Msg {
			m := reply(q, wwwA)
			m.Truncated = true
			return m
		}),
	} {
		n := &fakeNet{}
		if first != nil {
			n.serve("udp", server1.String(), first)
		}
		n.serve("udp", server2.String(), always(func(q *dns.Msg) *dns.Msg { return reply(q, wwwA) }))
		s := stubOf(t, n)
		s.want(t, "www.example.", dns.TypeA, wwwA)
		if st := s.Stats(); st.ServersFailed != 1 || st.Failed != 0 {
			t.Errorf("%s: counters %+v, want one server that failed", name, st)
		}
		if e := s.cache.Snapshot(); len(e) != 1 {
			t.Errorf("%s: the cache has %+v, want the answer alone", name, e)
		}
	}
}

// All are asked as often as the config says, and that none answered is remembered,
// with the reason.
func TestStubGivesUp(t *testing.T) { synctest.Test(t, testStubGivesUp) }

func testStubGivesUp(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), silent)
	n.serve("udp", server2.String(), always(func(q *dns.Msg) *dns.Msg {
		m := failing(q, dns.RcodeServerFailure)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeDNSBogus, ExtraText: "no\x1b[2J signature"}}
		return m
	}))
	s := stubWith(t, n, ResolvConf{Servers: []netip.AddrPort{server1, server2}, Timeout: time.Second, Attempts: 3})
	start := time.Now()
	_, err := s.Resolve(t.Context(), question("www.example.", dns.TypeA))
	var e *net.DNSError
	if want := "the server answered SERVFAIL: DNSSEC Bogus: no?[2J signature"; !errors.As(err, &e) || e.Err != want ||
		e.Server != server2.String() || !e.IsTemporary || e.IsTimeout || e.IsNotFound {
		t.Errorf("%v, want %q of %v, temporary", err, want, server2)
	}
	if ext := AsExtendedError(err); ext.Code != dns.ExtendedErrorCodeDNSBogus {
		t.Errorf("extended error %d, want the server's", ext.Code)
	}
	if took := time.Since(start); took != 3*time.Second {
		t.Errorf("took %v, want three times the second of the silent one", took)
	}
	asked := n.asked()
	_, err = s.Resolve(t.Context(), question("www.example.", dns.TypeA))
	if ext := AsExtendedError(err); ext.Code != dns.ExtendedErrorCodeCachedError || n.asked() != asked {
		t.Errorf("%v, asked again: %v; want the cached failure", err, n.asked() != asked)
	}
	time.Sleep(5 * time.Second)
	if _, err = s.Resolve(t.Context(), question("www.example.", dns.TypeA)); err == nil || n.asked() == asked {
		t.Errorf("%v; want the servers to be asked again after 5 seconds", err)
	}
}

// A config that makes no sense asks once all the same.
func TestStubOddConf(t *testing.T) { synctest.Test(t, testStubOddConf) }

func testStubOddConf(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg { return reply(q, wwwA) }))
	s := stubWith(t, n, ResolvConf{Servers: []netip.AddrPort{server1}, Attempts: -1, Timeout: -1})
	s.want(t, "www.example.", dns.TypeA, wwwA)
}

func TestStubRotates(t *testing.T) { synctest.Test(t, testStubRotates) }

func testStubRotates(t *testing.T) {
	n := &fakeNet{}
	for _, s := range []netip.AddrPort{server1, server2} {
		n.serve("udp", s.String(), always(func(q *dns.Msg) *dns.Msg { return reply(q, q.Question[0].Name+" 60 IN A 192.0.2.80") }))
	}
	s := stubWith(t, n, ResolvConf{Servers: []netip.AddrPort{server1, server2}, Rotate: true})
	for i := range 4 {
		s.want(t, fmt.Sprintf("w%d.example.", i), dns.TypeA, fmt.Sprintf("w%d.example. 60 IN A 192.0.2.80", i))
	}
	want := "udp 192.0.2.1:53, udp 192.0.2.2:53, udp 192.0.2.1:53, udp 192.0.2.2:53"
	if n.asked() != want {
		t.Errorf("asked %s, want %s", n.asked(), want)
	}
}

// Without servers the answer comes at once, and says why there is none.
func TestStubWithoutServers(t *testing.T) { synctest.Test(t, testStubWithoutServers) }

func testStubWithoutServers(t *testing.T) {
	s, err := NewStub(StubConfig{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Resolve(t.Context(), question("www.example.", dns.TypeA))
	if want := "lookup www.example.: no name servers are configured"; err == nil || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	if ext := AsExtendedError(err); ext.Code != dns.ExtendedErrorCodeNoReachableAuthority {
		t.Errorf("extended error %d", ext.Code)
	}
}

// An alias whose end did not come along is asked for; a chain without end is not
// followed without end.
func TestStubFollowsAliases(t *testing.T) { synctest.Test(t, testStubFollowsAliases) }

func testStubFollowsAliases(t *testing.T) {
	for _, ttl := range []int{0, 60} {
		n := &fakeNet{}
		n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg {
			m := reply(q)
			name := q.Question[0].Name
			var i int
			switch {
			case name == "round.example.":
				return reply(q, fmt.Sprintf("round.example. %d IN CNAME back.example.", ttl))
			case name == "back.example.":
				return reply(q, fmt.Sprintf("back.example. %d IN CNAME round.example.", ttl))
			case name == "end.example.":
				return reply(q, "end.example. 60 IN A 192.0.2.80")
			}
			_, _ = fmt.Sscanf(name, "a%d.", &i)
			next := fmt.Sprintf("a%d.example.", i+1)
			if i == 3 {
				next = "end.example."
			}
			m.Answer = []dns.RR{rr(fmt.Sprintf("%s %d IN CNAME %s", name, ttl, next))}
			return m
		}))
		s := stubOf(t, n)
		s.want(t, "a2.example.", dns.TypeA, fmt.Sprintf("a2.example. %d IN CNAME a3.example.; a3.example. %d IN CNAME end.example.; "+
			"end.example. 60 IN A 192.0.2.80", ttl, ttl))
		for _, name := range []string{"round.example.", "a10.example."} {
			asked := len(n.asked())
			_, err := s.Resolve(t.Context(), question(name, dns.TypeA))
			if err == nil || !strings.Contains(err.Error(), "aliases") {
				t.Errorf("%s, TTL %d: %v, want an error about aliases", name, ttl, err)
			}
			if times := strings.Count(n.asked()[asked:], "udp"); times > maxAliases+1 {
				t.Errorf("%s, TTL %d: asked %d times", name, ttl, times)
			}
		}
	}
}

// Many who ask the same at the same time are one question to the server.
func TestStubMerges(t *testing.T) { synctest.Test(t, testStubMerges) }

func testStubMerges(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg {
		time.Sleep(time.Second)
		return reply(q, "www.example. 0 IN A 192.0.2.80")
	}))
	s := stubOf(t, n)
	impatient, cancel := context.WithTimeout(t.Context(), time.Second/2)
	defer cancel()
	var wg sync.WaitGroup
	var got atomic.Int32
	for i := range 20 {
		ctx := t.Context()
		if i == 0 {
			ctx = impatient // the first to ask does not take the others with it
		}
		wg.Go(func() {
			a, err := s.Resolve(ctx, question("www.example.", dns.TypeA))
			switch {
			case i == 0 && !errors.Is(err, context.DeadlineExceeded):
				t.Errorf("the impatient one got %v, %v", a, err)
			case i > 0 && (err != nil || len(a.Records) != 1):
				t.Errorf("%v, %v; want the answer", a, err)
			case i > 0:
				a.Records[0].Header().Ttl = 7 // its own
				got.Add(1)
			}
		})
		synctest.Wait()
	}
	wg.Wait()
	if asked := strings.Count(n.asked(), "udp"); asked != 1 || got.Load() != 19 {
		t.Errorf("asked %d times, %d answers; want 1, 19", asked, got.Load())
	}
	if st := s.Stats(); st.Merged != 19 {
		t.Errorf("%d merged, want 19", st.Merged)
	}
}

// Once nobody waits, nobody is asked, and nothing is remembered of it.
func TestStubStopsWhenNobodyWaits(t *testing.T) { synctest.Test(t, testStubStopsWhenNobodyWaits) }

func testStubStopsWhenNobodyWaits(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), silent)
	s := stubOf(t, n)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	_, err := s.Resolve(ctx, question("www.example.", dns.TypeA))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
	synctest.Wait()
	if len(s.flights.all) != 0 || strings.Contains(n.asked(), server2.String()) || len(s.cache.Snapshot()) != 0 {
		t.Errorf("%d flights, asked %s, cached %v; want no flight, server1 alone, nothing",
			len(s.flights.all), n.asked(), s.cache.Snapshot())
	}
}

// When servers fail, or take longer than who asks may wait, what was known is given
// (RFC 8767 5), and refreshed once they are back.
func TestStubServesStale(t *testing.T) { synctest.Test(t, testStubServesStale) }

func testStubServesStale(t *testing.T) {
	n := &fakeNet{}
	works := always(func(q *dns.Msg) *dns.Msg { return reply(q, wwwA) })
	n.serve("udp", server1.String(), works)
	s := stubWith(t, n, ResolvConf{Servers: []netip.AddrPort{server1}, Attempts: 1})
	s.want(t, "www.example.", dns.TypeA, wwwA)
	time.Sleep(time.Hour)

	n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg { return failing(q, dns.RcodeServerFailure) }))
	const stale = "www.example. 30 IN A 192.0.2.80"
	for range 2 { // by the servers' word, by that of the cache
		if a := s.want(t, "www.example.", dns.TypeA, stale); !a.Stale {
			t.Error("the answer is not said to be stale")
		}
	}
	if asked := strings.Count(n.asked(), "udp"); asked != 2 {
		t.Errorf("the servers were asked %d times, want 2: not again within 30 seconds", asked)
	}
	time.Sleep(time.Minute)

	n.serve("udp", server1.String(), func(c *fakeConn) {
		q := c.query()
		time.Sleep(4 * time.Second)
		c.answer(reply(q, wwwA))
	})
	start := time.Now()
	s.want(t, "www.example.", dns.TypeA, stale)
	if took := time.Since(start); took != staleAfter {
		t.Errorf("the stale answer took %v, want %v", took, staleAfter)
	}
	time.Sleep(4 * time.Second) // it was asked on
	s.want(t, "www.example.", dns.TypeA, "www.example. 299 IN A 192.0.2.80")
	if st := s.Stats(); st.Stale != 3 {
		t.Errorf("%d stale answers, want 3", st.Stale)
	}
}

// Some names have their answer laid down (RFC 6761 6), and nobody is asked.
func TestSpecialNames(t *testing.T) { synctest.Test(t, testSpecialNames) }

func testSpecialNames(t *testing.T) {
	n := &fakeNet{}
	s := stubOf(t, n)
	s.want(t, "localhost", dns.TypeA, "localhost. 0 IN A 127.0.0.1")
	s.want(t, "my.LOCALHOST.", dns.TypeAAAA, "my.localhost. 0 IN AAAA ::1")
	s.want(t, "localhost.", dns.TypeMX, "")
	for _, name := range []string{"nosuch.invalid.", "secret.onion."} {
		if a := s.want(t, name, dns.TypeA, ""); a.Rcode != dns.RcodeNameError {
			t.Errorf("%s: %v, want NXDOMAIN", name, a)
		}
	}
	for _, q := range []dns.Question{
		question("www.example.", dns.TypeANY), question("www.example.", dns.TypeAXFR), question("www.example.", dns.TypeOPT),
		{Name: "version.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS},
	} {
		if _, err := s.Resolve(t.Context(), q); AsExtendedError(err).Code != dns.ExtendedErrorCodeNotSupported {
			t.Errorf("%v: %v, want that it is not supported", q, err)
		}
	}
	if n.asked() != "" {
		t.Errorf("asked %s", n.asked())
	}
}
