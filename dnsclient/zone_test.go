package dnsclient

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// pair is a small Internet whose google.com. has two servers, of which near is asked
// first, as long as it answers.
type pair struct {
	*internet
	r         *Iterative
	near, far *nameHost
}

func newPair(t *testing.T, set ...func(*IterativeConfig)) *pair {
	t.Helper()
	n := small(t)
	n.zone(tldAddr, "com.", `
		google NS ns1.google
		google NS ns2.google
		ns1.google A 192.0.2.3
		ns2.google A 192.0.2.4`)
	const text = `
		www 1 A 192.0.2.80
		www 1 AAAA 2001:db8::80`
	p := &pair{n, newIterative(t, n, set...), n.zone(zoneAddr, "google.com.", text), n.zone(zone2, "google.com.", text)}
	p.r.peers.answered(netip.MustParseAddr(zoneAddr), 10*time.Millisecond)
	p.r.peers.answered(netip.MustParseAddr(zone2), 50*time.Millisecond)
	wantAnswer(t, p.r, "www.google.com.", dns.TypeA, "www.google.com. 1 IN A 192.0.2.80")
	p.wantQueries("192.0.2.1 com. A", "192.0.2.2 google.com. A", "192.0.2.3 www.google.com. A")
	time.Sleep(time.Second)
	return p
}

// again asks for what is no longer in the cache, and returns how long that took.
func (p *pair) again(t *testing.T) time.Duration {
	t.Helper()
	time.Sleep(time.Second)
	start := time.Now()
	wantAnswer(t, p.r, "www.google.com.", dns.TypeA, "www.google.com. 1 IN A 192.0.2.80")
	return time.Since(start)
}

func silence(_, _ *dns.Msg) *dns.Msg { return nil }

func refuse(rcode int) func(q, _ *dns.Msg) *dns.Msg {
	return func(q, _ *dns.Msg) *dns.Msg { return failing(q, rcode) }
}

// A server that does not answer is followed by the next one, and asked last then.
func TestDeadServer(t *testing.T) { synctest.Test(t, testDeadServer) }

func testDeadServer(t *testing.T) {
	p := newPair(t)
	p.near.change = silence
	if took := p.again(t); took != leastTimeout {
		t.Errorf("the next server's answer took %v, want it after %v", took, leastTimeout)
	}
	p.wantQueries("192.0.2.3 www.google.com. A", "192.0.2.4 www.google.com. A")
	if took := p.again(t); took != 0 {
		t.Errorf("then it took %v", took)
	}
	p.wantQueries("192.0.2.4 www.google.com. A")
	// After some time it is tried again, and is first again.
	time.Sleep(memory)
	p.near.change, p.far.delay = nil, 20*time.Millisecond
	p.again(t)
	p.again(t)
	p.take()
	p.again(t)
	p.wantQueries("192.0.2.3 www.google.com. A")
	if s := p.r.Stats(); s.Unanswered != 1 {
		t.Errorf("%d unanswered, want 1", s.Unanswered)
	}
}

// With all servers dead each is asked three times at most, "three queries in total",
// RFC 9520 3.1; the failure is remembered (3.2); then one is tried, once, for as long
// as all rest; and once it is back, so is the zone.
func TestDeadZone(t *testing.T) { synctest.Test(t, testDeadZone) }

func testDeadZone(t *testing.T) {
	p := newPair(t, func(cfg *IterativeConfig) { cfg.Timeout = time.Minute })
	p.near.change, p.far.change = silence, silence
	fail := func() time.Duration {
		t.Helper()
		start := time.Now()
		a, err := p.r.Resolve(t.Context(), question("mail.google.com.", dns.TypeA))
		var dnsErr *net.DNSError
		var ext *ExtendedError
		if !errors.As(err, &dnsErr) || !dnsErr.IsTimeout || !dnsErr.IsTemporary || !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ext) {
			t.Fatalf("%v, %#v", a, err)
		}
		return time.Since(start)
	}
	took := fail()
	if got := len(p.take()); got != 2*maxTries {
		t.Errorf("%d queries, want %d", got, 2*maxTries)
	}
	if want := 2 * (leastTimeout + 2*leastTimeout + 4*leastTimeout); took != want {
		t.Errorf("took %v, want %v", took, want)
	}
	if took := fail(); took != 0 {
		t.Errorf("the failure is not remembered: took %v", took)
	}
	p.wantQueries()
	time.Sleep(6 * time.Second)
	fail()
	if got := len(p.take()); got != 1 {
		t.Errorf("%d queries while all rest, want 1", got)
	}
	p.near.change, p.far.change = nil, nil
	p.again(t)
	if got := len(p.take()); got != 1 {
		t.Errorf("%d queries when both are back, want 1", got)
	}
}

// What can't be reached at all is not tried again for the same question.
func TestUnreachableServer(t *testing.T) { synctest.Test(t, testUnreachableServer) }

func testUnreachableServer(t *testing.T) {
	p := newPair(t)
	p.serve("udp", zoneAddr+":53", nil) // nobody listens there
	if took := p.again(t); took != 0 {
		t.Errorf("took %v", took)
	}
	p.wantQueries("192.0.2.4 www.google.com. A")
	p.serve("udp", zone2+":53", nil)
	time.Sleep(time.Second)
	_, err := p.r.Resolve(t.Context(), question("www.google.com.", dns.TypeAAAA))
	if err == nil || !strings.Contains(err.Error(), "no server of the zone google.com. answered: ") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
}

// Lame servers: those that refuse, answer without authority, or point upward. They
// are not asked about that zone for a time, but about others.
func TestLameServers(t *testing.T) {
	for name, change := range map[string]func(q, m *dns.Msg) *dns.Msg{
		"refused": refuse(dns.RcodeRefused),
		"not authoritative": func(q, m *dns.Msg) *dns.Msg {
			m.Authoritative, m.RecursionAvailable = false, true
			return m
		},
		"upward": func(q, _ *dns.Msg) *dns.Msg {
			m := reply(q)
			m.Ns = []dns.RR{rr(". NS a.root.")}
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.near.change = change
				p.again(t)
				p.wantQueries("192.0.2.3 www.google.com. A", "192.0.2.4 www.google.com. A")
				p.again(t)
				p.wantQueries("192.0.2.4 www.google.com. A")
				if s := p.r.Stats(); s.Lame != 1 {
					t.Errorf("%d lame answers, want 1", s.Lame)
				}
				time.Sleep(lameTime)
				p.near.change = nil
				p.again(t)
				p.wantQueries("192.0.2.3 www.google.com. A")
			})
		})
	}
}

// A server that fails is followed by the next, and asked again with the next question.
func TestFailingServer(t *testing.T) { synctest.Test(t, testFailingServer) }

func testFailingServer(t *testing.T) {
	p := newPair(t)
	p.near.change = refuse(dns.RcodeServerFailure)
	for range 2 {
		p.again(t)
		p.wantQueries("192.0.2.3 www.google.com. A", "192.0.2.4 www.google.com. A")
	}
	p.far.change = refuse(dns.RcodeNotImplemented)
	time.Sleep(time.Second)
	_, err := p.r.Resolve(t.Context(), question("www.google.com.", dns.TypeAAAA))
	var ext *ExtendedError
	if !errors.As(err, &ext) || ext.Code != dns.ExtendedErrorCodeNoReachableAuthority {
		t.Fatalf("%v", err)
	}
	const want = "no server of the zone google.com. answered: the server answered NOTIMP"
	if e := (*net.DNSError)(nil); !errors.As(err, &e) || e.Err != want || e.Server != "192.0.2.4:53" {
		t.Errorf("%#v, want %s", e, want)
	}
}

// An answer that is too long for UDP comes over TCP.
func TestIterativeOverTCP(t *testing.T) { synctest.Test(t, testIterativeOverTCP) }

func testIterativeOverTCP(t *testing.T) {
	n := small(t)
	h := n.host(zoneAddr)
	n.serve("udp", zoneAddr+":53", always(func(q *dns.Msg) *dns.Msg {
		m := reply(q)
		m.Truncated = true
		return m
	}))
	n.serve("tcp", zoneAddr+":53", always(func(q *dns.Msg) *dns.Msg { return n.answer(zoneAddr, h, q) }))
	r := newIterative(t, n)
	wantAnswer(t, r, "www.google.com.", dns.TypeA, "www.google.com. 300 IN A 192.0.2.80")
	if s := r.client.Stats(); s.QuestionsTCP != 1 {
		t.Errorf("%d questions over TCP, want 1", s.QuestionsTCP)
	}
}
