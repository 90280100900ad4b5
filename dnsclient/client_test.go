package dnsclient

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

var askA = Query{Question: question("www.example.", dns.TypeA), Recursion: true}

const wwwA = "www.example. 300 IN A 192.0.2.80"

func TestExchange(t *testing.T) { synctest.Test(t, testExchange) }

func testExchange(t *testing.T) {
	n := &fakeNet{}
	var got *dns.Msg
	n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg {
		got = q
		time.Sleep(30 * time.Millisecond)
		return reply(q, wwwA)
	}))
	c := newClient(t, n)
	r, err := c.Exchange(t.Context(), server1, askA)
	if err != nil {
		t.Fatal(err)
	}
	if want := "www.example. 300 IN A 192.0.2.80"; texts(r.Msg.Answer) != want {
		t.Errorf("answer %q, want %q", texts(r.Msg.Answer), want)
	}
	if r.RTT != 30*time.Millisecond || r.Network != "udp" || r.Server != server1 {
		t.Errorf("RTT %v over %s from %s, want 30ms over udp from %s", r.RTT, r.Network, r.Server, server1)
	}
	if opt := got.IsEdns0(); !got.RecursionDesired || opt == nil || opt.UDPSize() != DefaultUDPSize {
		t.Errorf("the query has RD %v and EDNS %v, want it to have both, with 1232 bytes", got.RecursionDesired, opt)
	}
}

// "A resolver implementation MUST match responses to all of the following attributes
// of the query" https://www.rfc-editor.org/rfc/rfc5452#section-9.1
// What does not match is dropped, counted, and harms nothing: the answer that comes
// after it is taken.
func TestStraysAreDropped(t *testing.T) { synctest.Test(t, testStraysAreDropped) }

func testStraysAreDropped(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), func(c *fakeConn) {
		q := c.query()
		for _, spoil := range []func(*dns.Msg){
			func(m *dns.Msg) { m.Id++ },
			func(m *dns.Msg) { m.Response = false },
			func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
			func(m *dns.Msg) { m.Question[0].Name = "evil.example." },
			func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA },
			func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
			func(m *dns.Msg) { m.Question = nil },
			func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		} {
			m := reply(q, "www.example. 300 IN A 203.0.113.66")
			spoil(m)
			c.answer(m)
		}
		whole := packed(reply(q, wwwA))
		c.send(nil)
		c.send(whole[:headerLen-1])
		c.send(whole[:len(whole)-1])
		lying := packed(reply(q, wwwA))
		binary.BigEndian.PutUint16(lying[6:], 9) // more records than there are
		c.send(lying)
		c.answer(reply(q, wwwA))
	})
	c := newClient(t, n)
	var reasons []DropReason
	ctx := WithTrace(t.Context(), &Trace{Dropped: func(e DropEvent) { reasons = append(reasons, e.Reason) }})
	r, err := c.Exchange(ctx, server1, askA)
	if err != nil {
		t.Fatal(err)
	}
	if texts(r.Msg.Answer) != wwwA {
		t.Errorf("answer %q, want %q", texts(r.Msg.Answer), wwwA)
	}
	want := ClientStats{
		Questions: 1, Answers: 1,
		DropID: 1, DropQuery: 1, DropOpcode: 1, DropQuestion: 5, DropShort: 2, DropMalformed: 2,
	}
	if got := c.Stats(); got != want {
		t.Errorf("counters %+v, want %+v", got, want)
	}
	if len(reasons) != 12 {
		t.Errorf("the trace was told of %d drops, want 12: %v", len(reasons), reasons)
	}
}

// A server may write the name in its own case.
func TestCaseDoesNotMatter(t *testing.T) { synctest.Test(t, testCaseDoesNotMatter) }

func testCaseDoesNotMatter(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg {
		m := reply(q, wwwA)
		m.Question[0].Name = "wWw.EXAMPLE."
		return m
	}))
	q := askA
	q.Question.Name = "WWW.example"
	if _, err := newClient(t, n).Exchange(t.Context(), server1, q); err != nil {
		t.Error(err)
	}
}

// Every question has a new socket and a new id, so that all would have to be guessed anew.
func TestEachQuestionHasItsOwnID(t *testing.T) { synctest.Test(t, testEachQuestionHasItsOwnID) }

func testEachQuestionHasItsOwnID(t *testing.T) {
	n := &fakeNet{}
	ids := map[uint16]bool{}
	n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg {
		ids[q.Id] = true
		return reply(q, wwwA)
	}))
	c := newClient(t, n)
	const asked = 200
	for range asked {
		if _, err := c.Exchange(t.Context(), server1, askA); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) < asked-5 { // of 65536, two are rarely the same
		t.Errorf("%d questions had %d different ids", asked, len(ids))
	}
	if dials := strings.Count(n.asked(), "udp"); dials != asked {
		t.Errorf("%d questions went out on %d sockets", asked, dials)
	}
}

func TestTruncatedGoesOverTCP(t *testing.T) { synctest.Test(t, testTruncatedGoesOverTCP) }

func testTruncatedGoesOverTCP(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"whole": func(b []byte) []byte { return b },
		"cut":   func(b []byte) []byte { return b[:len(b)-20] },
	} {
		n := &fakeNet{}
		n.serve("udp", server1.String(), func(c *fakeConn) {
			m := reply(c.query(), wwwA)
			m.Truncated = true
			c.send(spoil(packed(m)))
			silent(c)
		})
		n.serve("tcp", server1.String(), always(func(q *dns.Msg) *dns.Msg { return reply(q, wwwA) }))
		c := newClient(t, n)
		r, err := c.Exchange(t.Context(), server1, askA)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Network != "tcp" || texts(r.Msg.Answer) != wwwA {
			t.Errorf("%s: %q over %s, want %q over tcp", name, texts(r.Msg.Answer), r.Network, wwwA)
		}
		if s := c.Stats(); s.Truncated != 1 || s.QuestionsTCP != 1 {
			t.Errorf("%s: counters %+v, want one truncated and one over TCP", name, s)
		}
		q := askA
		q.KeepTruncated = true
		if r, err := c.Exchange(t.Context(), server1, q); err != nil || !r.Msg.Truncated {
			t.Errorf("%s: %v, %v; want the truncated answer itself", name, r, err)
		}
	}
}

// "Responders that choose not to implement the protocol extensions [...] MUST respond
// with a return code (RCODE) of FORMERR", https://www.rfc-editor.org/rfc/rfc6891#section-7;
// some say NOTIMP, and some repeat no question.
func TestEDNSFallback(t *testing.T) { synctest.Test(t, testEDNSFallback) }

func testEDNSFallback(t *testing.T) {
	for _, rcode := range []int{dns.RcodeFormatError, dns.RcodeNotImplemented} {
		for _, bare := range []bool{false, true} {
			n := &fakeNet{}
			n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg {
				if q.IsEdns0() == nil {
					return reply(q, wwwA)
				}
				m := new(dns.Msg).SetRcode(q, rcode)
				if bare {
					m.Question = nil
				}
				return m
			}))
			c := newClient(t, n)
			r, err := c.Exchange(t.Context(), server1, askA)
			if err != nil {
				t.Fatal(err)
			}
			if texts(r.Msg.Answer) != wwwA || r.EDNS || c.Stats().EDNSRefused != 1 {
				t.Errorf("answer %q, EDNS %v, refused %d; want the answer, without EDNS, after one refusal",
					texts(r.Msg.Answer), r.EDNS, c.Stats().EDNSRefused)
			}
		}
	}
}

// A FORMERR with EDNS in it is meant.
func TestFormatErrorIsAnAnswer(t *testing.T) { synctest.Test(t, testFormatErrorIsAnAnswer) }

func testFormatErrorIsAnAnswer(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg { return failing(q, dns.RcodeFormatError) }))
	c := newClient(t, n)
	r, err := c.Exchange(t.Context(), server1, askA)
	if err != nil || r.Msg.Rcode != dns.RcodeFormatError || c.Stats().Questions != 1 {
		t.Errorf("%v, %v after %d questions; want FORMERR after one", r, err, c.Stats().Questions)
	}
}

func TestExchangeErrors(t *testing.T) { synctest.Test(t, testExchangeErrors) }

func testExchangeErrors(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", "192.0.2.11:53", silent)
	n.serve("udp", "192.0.2.12:53", func(c *fakeConn) {
		q := c.query()
		q.Id++
		for range 3 {
			c.answer(reply(q, wwwA))
		}
		silent(c)
	})
	n.serve("tcp", "192.0.2.13:53", func(c *fakeConn) { c.query() })
	n.serve("tcp", "192.0.2.14:53", func(c *fakeConn) { // a byte now and then
		for _, b := range append([]byte{0, 200}, packed(reply(c.query(), wwwA))...) {
			time.Sleep(time.Second)
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	})
	n.serve("tcp", "192.0.2.15:53", func(c *fakeConn) {
		c.query()
		_, _ = c.Write([]byte{0, 50, 1, 2, 3})
	})
	for _, tt := range []struct {
		server string
		is     error
		wait   time.Duration
		text   string
	}{
		{"192.0.2.11", os.ErrDeadlineExceeded, 5 * time.Second, "no answer over udp within 5s"},
		{"192.0.2.12", os.ErrDeadlineExceeded, 5 * time.Second, "no answer over udp within 5s, but 3 messages that are none, the last: wrong id"},
		{"192.0.2.13", nil, 0, "the server closed the connection without a whole answer"},
		{"192.0.2.14", os.ErrDeadlineExceeded, 5 * time.Second, "no answer over tcp within 5s"},
		{"192.0.2.15", nil, 0, "the server closed the connection without a whole answer"},
		{"192.0.2.16", syscall.ECONNREFUSED, 0, "dial udp: connection refused"},
	} {
		time.Sleep(time.Minute) // the servers before have ended
		c := newClient(t, n)
		q, start := askA, time.Now()
		q.TCP = strings.Contains(tt.text, "connection without") || strings.Contains(tt.text, "tcp")
		_, err := c.Exchange(t.Context(), netip.MustParseAddrPort(tt.server+":53"), q)
		var e *net.DNSError
		if !errors.As(err, &e) || e.Err != tt.text || e.Server != tt.server+":53" || e.Name != "www.example." {
			t.Errorf("%s: %v, want a DNSError %q of the server and the name", tt.server, err, tt.text)
			continue
		}
		if e.IsTimeout != (tt.wait != 0) || !e.IsTemporary || e.IsNotFound {
			t.Errorf("%s: timeout %v, temporary %v, not found %v", tt.server, e.IsTimeout, e.IsTemporary, e.IsNotFound)
		}
		if tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: %v is not %v", tt.server, err, tt.is)
		}
		if took := time.Since(start); took != tt.wait {
			t.Errorf("%s: took %v, want %v", tt.server, took, tt.wait)
		}
	}
}

// The end of the context ends the wait, and is the error.
func TestExchangeContext(t *testing.T) { synctest.Test(t, testExchangeContext) }

func testExchangeContext(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), silent)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	start := time.Now()
	_, err := newClient(t, n).Exchange(ctx, server1, askA)
	if !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
		t.Errorf("%v after %v, want Canceled after 1s", err, time.Since(start))
	}
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err = newClient(t, n).Exchange(ctx, server1, askA)
	var e net.Error
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) || !e.Timeout() {
		t.Errorf("%v, want DeadlineExceeded, a timeout", err)
	}
}

func TestNamesThatCannotBe(t *testing.T) {
	t.Parallel()
	c := newClient(t, &fakeNet{})
	for _, name := range []string{"", strings.Repeat("a", 64) + ".example", strings.Repeat("abcdefg.", 32), "a..b", `a\`, `\256`, `a.\999.example`} {
		q := askA
		q.Question.Name = name
		_, err := c.Exchange(t.Context(), server1, q)
		var e *net.DNSError
		if !errors.As(err, &e) || !e.IsNotFound {
			t.Errorf("name %q: %v, want no such host", name, err)
		}
	}
	if s := c.Stats(); s.Questions != 0 {
		t.Errorf("%d questions were sent", s.Questions)
	}
	for name, want := range map[string]string{`\\256`: `\\256.`, `\255A\065\032`: `\255aa\ .`, `a\.b`: `a\.b.`} {
		if got, err := CanonicalName(name); err != nil || got != want {
			t.Errorf("name %q: %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestClientConfig(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]ClientConfig{
		"dnsclient: ClientConfig.Timeout 1h0m0s: want 1ms to 1m0s": {Timeout: time.Hour},
		"dnsclient: ClientConfig.Timeout -1s: want 1ms to 1m0s":    {Timeout: -time.Second},
		"dnsclient: ClientConfig.UDPSize 100: want 512 to 65535":   {UDPSize: 100},
	} {
		if _, err := NewClient(cfg); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}
