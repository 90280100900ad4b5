package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// clientIP is an address that may ask.
const clientIP = "198.18.0.1"

// answers is a Resolver that is a function.
type answers func(ctx context.Context, q dns.Question) (*Answer, error)

func (f answers) Resolve(ctx context.Context, q dns.Question) (*Answer, error) { return f(ctx, q) }

// exampleAnswers answers from exampleZone.
var exampleAnswers = &zone{records: exampleZone}

// ask asks the server with our own client, as dig would.
func (c *fakeClient) ask(t *testing.T, q Query) (*Reply, error) {
	t.Helper()
	client, err := NewClient(ClientConfig{Dialer: c, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return client.Exchange(t.Context(), server1, q)
}

// ede is the extended errors in an answer.
func ede(m *dns.Msg) (list []string) {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				list = append(list, fmt.Sprintf("%d %s", e.InfoCode, e.ExtraText))
			}
		}
	}
	return list
}

func TestServer(t *testing.T) { synctest.Test(t, testServer) }

func testServer(t *testing.T) {
	s, p := served(t, ServerConfig{Resolver: exampleAnswers})
	for _, tcp := range []bool{false, true} {
		r, err := p.from(clientIP).ask(t, Query{Question: question("wWw.example.", dns.TypeA), Recursion: true, TCP: tcp, DNSSEC: true})
		if err != nil {
			t.Fatal(err)
		}
		m := r.Msg
		if want := "www.example. 60 IN CNAME Web.example.; Web.example. 60 IN A 192.0.2.80"; texts(m.Answer) != want {
			t.Errorf("answer %q, want %q", texts(m.Answer), want)
		}
		opt := m.IsEdns0()
		if !m.RecursionAvailable || !m.RecursionDesired || m.Authoritative || opt == nil || opt.UDPSize() != 1232 || !opt.Do() {
			t.Errorf("header %v and EDNS %v; want RD and RA, not AA, EDNS of 1232 bytes with DO as in the question", m.MsgHdr, opt)
		}
	}
	r, err := p.from(clientIP).ask(t, Query{Question: question("nosuch.example.", dns.TypeA), Recursion: true, NoEDNS: true})
	if err != nil || r.Msg.Rcode != dns.RcodeNameError || r.Msg.IsEdns0() != nil {
		t.Errorf("%v, %v; want NXDOMAIN, without EDNS as the question", r, err)
	}
	if got := s.Stats(); got != (ServerStats{Questions: 3, QuestionsTCP: 1, Answers: 3, NXDomain: 1}) {
		t.Errorf("counters %+v", got)
	}
}

// What is not for a resolver, or not from its clients, is refused, with the reason.
func TestServerRefuses(t *testing.T) { synctest.Test(t, testServerRefuses) }

func testServerRefuses(t *testing.T) {
	s, p := served(t, ServerConfig{Resolver: answers(func(context.Context, dns.Question) (*Answer, error) {
		t.Error("the resolver was asked")
		return nil, errLame
	})})
	www := question("www.example.", dns.TypeA)
	for _, tt := range []struct {
		from  string
		q     dns.Question
		edit  func(*dns.Msg)
		rcode int
		ede   string
	}{
		{"203.0.113.1", www, nil, dns.RcodeRefused, "[18 ]"},
		{"2001:db8::1", www, nil, dns.RcodeRefused, "[18 ]"},
		{clientIP, www, func(m *dns.Msg) { m.RecursionDesired = false }, dns.RcodeRefused, "[20 ]"},
		{clientIP, dns.Question{Name: "version.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}, nil, dns.RcodeRefused, "[21 class]"},
		{clientIP, question("example.", dns.TypeAXFR), nil, dns.RcodeNotImplemented, "[21 type]"},
		{clientIP, question("example.", dns.TypeOPT), nil, dns.RcodeNotImplemented, "[21 type]"},
		{clientIP, www, func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }, dns.RcodeNotImplemented, "[]"},
		{clientIP, www, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }, dns.RcodeNotImplemented, "[]"},
		{clientIP, www, func(m *dns.Msg) { m.IsEdns0().SetVersion(1) }, dns.RcodeBadVers, "[]"},
		{clientIP, www, func(m *dns.Msg) { m.Question = nil }, dns.RcodeFormatError, "[]"},
		{clientIP, www, func(m *dns.Msg) { m.Question = append(m.Question, www) }, dns.RcodeFormatError, "[]"},
		{clientIP, www, func(m *dns.Msg) { m.Extra = append(m.Extra, m.Extra[0]) }, dns.RcodeFormatError, "[]"},
	} {
		m := (&Query{Question: tt.q, Recursion: true, UDPSize: 1232}).message(77)
		if tt.edit != nil {
			tt.edit(m)
		}
		got := p.from(tt.from).raw(t, packed(m))
		if got == nil || got.Id != 77 || got.Rcode != tt.rcode || fmt.Sprint(ede(got)) != tt.ede || len(got.Answer) != 0 {
			t.Errorf("%s, %v: %v; want %s, %s", tt.from, tt.q, got, dns.RcodeToString[tt.rcode], tt.ede)
		}
	}
	st := s.Stats()
	if st.Refused != 4 || st.NotImp != 4 || st.FormErr != 4 || st.Questions != 12 {
		t.Errorf("counters %+v", st)
	}
}

// raw sends bytes over UDP and returns the answer, or nil if none comes in a second.
func (c *fakeClient) raw(t *testing.T, b []byte) *dns.Msg {
	t.Helper()
	conn, _ := c.DialContext(t.Context(), "udp", "")
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write(b)
	buf := make([]byte, dns.MaxMsgSize)
	n, err := conn.Read(buf)
	if err != nil {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(buf[:n]); err != nil {
		t.Fatal(err)
	}
	return m
}

// Garbage has an error for an answer, or none; an answer has none ever.
func TestServerMalformed(t *testing.T) { synctest.Test(t, testServerMalformed) }

func testServerMalformed(t *testing.T) {
	s, p := served(t, ServerConfig{Resolver: exampleAnswers})
	whole := packed((&Query{Question: question("www.example.", dns.TypeA), Recursion: true, UDPSize: 1232}).message(7))
	for n := range len(whole) {
		got := p.from(clientIP).raw(t, whole[:n])
		switch {
		case n < headerLen && got != nil:
			t.Errorf("%d bytes are answered: %v", n, got)
		case n >= headerLen && (got == nil || got.Rcode != dns.RcodeFormatError || got.Id != 7):
			t.Errorf("%d bytes: %v, want FORMERR", n, got)
		}
	}
	loop := append(append([]byte{}, whole[:headerLen]...), 0xc0, headerLen, 0, 1, 0, 1)
	loop[11] = 0 // no OPT
	if got := p.from(clientIP).raw(t, loop); got == nil || got.Rcode != dns.RcodeFormatError {
		t.Errorf("a name that points at itself: %v, want FORMERR", got)
	}
	if got := p.from(clientIP).raw(t, append(whole, make([]byte, maxQuestionLen)...)); got != nil {
		t.Errorf("a message of over %d bytes is answered: %v", maxQuestionLen, got)
	}
	whole[2] |= 1 << 7
	if got := p.from(clientIP).raw(t, whole); got != nil {
		t.Errorf("an answer is answered: %v", got)
	}
	if st := s.Stats(); st.DropShort != headerLen || st.DropLong != 1 || st.DropResponse != 1 {
		t.Errorf("counters %+v", st)
	}
}

// An answer over UDP is as long as the client takes and the server's config allows,
// and else truncated; over TCP it is whole.
func TestServerTruncates(t *testing.T) { synctest.Test(t, testServerTruncates) }

func testServerTruncates(t *testing.T) {
	s, p := served(t, ServerConfig{Resolver: answers(func(_ context.Context, q dns.Question) (*Answer, error) {
		a := &Answer{}
		for i := range 200 {
			a.Records = append(a.Records, rr(fmt.Sprintf("%s 60 IN A 192.0.2.%d", q.Name, i)))
		}
		return a, nil
	})})
	q := Query{Question: question("many.example.", dns.TypeA), Recursion: true, KeepTruncated: true}
	for _, tt := range []struct {
		size, most int
		noEDNS     bool
	}{{100, 512, false}, {512, 512, false}, {900, 900, false}, {4096, 1232, false}, {0, 512, true}} {
		q.UDPSize, q.NoEDNS = tt.size, tt.noEDNS
		r, err := p.from(clientIP).ask(t, q)
		if err != nil || !r.Msg.Truncated || r.Size > tt.most || r.Size < tt.most-20 {
			t.Errorf("%+v: %v, %v; want it truncated at %d bytes", tt, r, err, tt.most)
		}
	}
	q.KeepTruncated = false
	if r, err := p.from(clientIP).ask(t, q); err != nil || r.Msg.Truncated || len(r.Msg.Answer) != 200 || r.Network != "tcp" {
		t.Errorf("%v, %v; want all 200 over TCP", r, err)
	}
	if st := s.Stats(); st.Truncated != 6 {
		t.Errorf("counters %+v", st)
	}
}

// "ANY": the answer is short, and nobody is asked (RFC 8482 4.2).
func TestServerANY(t *testing.T) { synctest.Test(t, testServerANY) }

func testServerANY(t *testing.T) {
	_, p := served(t, ServerConfig{Resolver: exampleAnswers})
	r, err := p.from(clientIP).ask(t, Query{Question: question("www.example.", dns.TypeANY), Recursion: true})
	if want := `www.example. 3600 IN HINFO "RFC8482" ""`; err != nil || texts(r.Msg.Answer) != want {
		t.Errorf("%v, %v; want %s", r, err, want)
	}
}

// A failure is SERVFAIL, with what is known of the reason (RFC 8914).
func TestServerFailures(t *testing.T) { synctest.Test(t, testServerFailures) }

func testServerFailures(t *testing.T) {
	silentServer := &net.DNSError{Err: "no answer", Server: "192.0.2.1:53", IsTimeout: true}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{silentServer, "[22 192.0.2.1:53: no answer]"},
		{&net.DNSError{Err: "connection refused", Server: "192.0.2.1:53"}, "[23 192.0.2.1:53: connection refused]"},
		{noServers(question("www.example.", dns.TypeA)), "[22 no name servers are configured]"},
		{cachedFailure(question("www.example.", dns.TypeA), silentServer), "[13 no answer 22 192.0.2.1:53: no answer]"},
		{errors.New(strings.Repeat("a long story ", 100)), "[0 " + strings.Repeat("a long story ", 100)[:maxExtraText] + "]"},
	} {
		_, p := served(t, ServerConfig{Resolver: answers(func(context.Context, dns.Question) (*Answer, error) { return nil, tt.err })})
		q := Query{Question: question("www.example.", dns.TypeA), Recursion: true}
		r, err := p.from(clientIP).ask(t, q)
		if err != nil || r.Msg.Rcode != dns.RcodeServerFailure || fmt.Sprint(ede(r.Msg)) != tt.want {
			t.Errorf("%v: %v, %v; want SERVFAIL and %s", tt.err, r, err, tt.want)
		}
		q.NoEDNS = true
		if r, err = p.from(clientIP).ask(t, q); err != nil || r.Msg.Rcode != dns.RcodeServerFailure || r.Msg.IsEdns0() != nil {
			t.Errorf("%v: %v, %v; want SERVFAIL without EDNS", tt.err, r, err)
		}
	}
}

func TestServerSaysStale(t *testing.T) { synctest.Test(t, testServerSaysStale) }

func testServerSaysStale(t *testing.T) {
	for rcode, want := range map[int]string{dns.RcodeSuccess: "[3 ]", dns.RcodeNameError: "[19 ]"} {
		s, p := served(t, ServerConfig{Resolver: answers(func(context.Context, dns.Question) (*Answer, error) {
			return &Answer{Rcode: rcode, Stale: true}, nil
		})})
		r, err := p.from(clientIP).ask(t, Query{Question: question("www.example.", dns.TypeA), Recursion: true})
		if err != nil || r.Msg.Rcode != rcode || fmt.Sprint(ede(r.Msg)) != want || s.Stats().Stale != 1 {
			t.Errorf("%v, %v; want %s with %s", r, err, dns.RcodeToString[rcode], want)
		}
	}
}

// One who asks too often is not answered, but now and then with a pointer to TCP; the
// others are, and he is again later.
func TestServerRate(t *testing.T) { synctest.Test(t, testServerRate) }

func testServerRate(t *testing.T) {
	s, p := served(t, ServerConfig{Resolver: exampleAnswers, Rate: 10})
	q := packed((&Query{Question: question("www.example.", dns.TypeA), Recursion: true, UDPSize: 1232}).message(7))
	conn, _ := p.from(clientIP).DialContext(t.Context(), "udp", "")
	defer conn.Close()
	var whole, truncated int
	go func() {
		buf := make([]byte, dns.MaxMsgSize)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			if buf[2]&2 != 0 {
				truncated++
				if n > len(q) {
					t.Errorf("the pointer to TCP has %d bytes, the question %d", n, len(q))
				}
				continue
			}
			whole++
		}
	}()
	for range 110 {
		_, _ = conn.Write(q)
	}
	synctest.Wait()
	if st := s.Stats(); whole != 10 || truncated != 50 || st.DropRate != 50 || st.RateSlipped != 50 {
		t.Errorf("%d whole and %d truncated answers, counters %+v; want 10, 50", whole, truncated, st)
	}
	if _, err := p.from("198.18.0.77").ask(t, Query{Question: question("www.example.", dns.TypeA), Recursion: true}); err != nil {
		t.Errorf("another client: %v", err)
	}
	time.Sleep(time.Second)
	_, _ = conn.Write(q)
	synctest.Wait()
	if whole != 11 {
		t.Error("a second later there is no answer yet")
	}
}

// What is in the works is bounded: over UDP the rest is dropped, over TCP it waits.
func TestServerBusy(t *testing.T) { synctest.Test(t, testServerBusy) }

func testServerBusy(t *testing.T) {
	s, p := served(t, ServerConfig{MaxQuestions: 2, Resolver: answers(func(context.Context, dns.Question) (*Answer, error) {
		time.Sleep(time.Second)
		return &Answer{}, nil
	})})
	q := packed((&Query{Question: question("www.example.", dns.TypeA), Recursion: true}).message(7))
	conn, _ := p.from(clientIP).DialContext(t.Context(), "udp", "")
	defer conn.Close()
	for range 5 {
		_, _ = conn.Write(q)
	}
	synctest.Wait()
	start := time.Now()
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	_, err := p.from(clientIP).ask(t, Query{Question: question("www.example.", dns.TypeA), Recursion: true, TCP: true, Timeout: 5 * time.Second})
	if err != nil || time.Since(start) != 2*time.Second {
		t.Errorf("over TCP: %v after %v, want the answer after 2s", err, time.Since(start))
	}
	if st := s.Stats(); st.DropBusy != 3 || st.Answers != 3 {
		t.Errorf("counters %+v, want 3 dropped, 3 answered", st)
	}
}

func TestServerConfig(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]ServerConfig{
		"dnsclient: ServerConfig.Resolver is nil":                           {},
		"dnsclient: ServerConfig.Rate 10000000: want 1 to 1000000":          {Resolver: exampleAnswers, Rate: 10000000},
		"dnsclient: ServerConfig.MaxQuestions -1: want 1 to 65536":          {Resolver: exampleAnswers, MaxQuestions: -1},
		"dnsclient: ServerConfig.MaxConns -1: want 1 to 65536":              {Resolver: exampleAnswers, MaxConns: -1},
		"dnsclient: ServerConfig.UDPSize 100: want 512 to 65535":            {Resolver: exampleAnswers, UDPSize: 100},
		"dnsclient: ServerConfig.IdleTimeout 1ns: want 10ms to 1h0m0s":      {Resolver: exampleAnswers, IdleTimeout: 1},
		"dnsclient: ServerConfig.IdleTimeout 100h0m0s: want 10ms to 1h0m0s": {Resolver: exampleAnswers, IdleTimeout: 100 * time.Hour},
	} {
		if _, err := NewServer(cfg); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A closed server serves nothing, and leaves nothing open.
func TestServerClosed(t *testing.T) {
	t.Parallel()
	s, err := NewServer(ServerConfig{Resolver: exampleAnswers})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	p := newFakePort()
	if err := s.Serve(p); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
	select {
	case <-p.closed:
	default:
		t.Error("the listener is still open")
	}
	if err := s.ServePacket(newFakePort()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ServePacket: %v", err)
	}
}

// The trace is told of what the resolver does, and of the answer.
func TestServerTrace(t *testing.T) { synctest.Test(t, testServerTrace) }

func testServerTrace(t *testing.T) {
	n := &fakeNet{}
	n.serve("udp", server1.String(), always(func(q *dns.Msg) *dns.Msg { return reply(q, wwwA) }))
	var told []string
	_, p := served(t, ServerConfig{Resolver: stubOf(t, n), Trace: &Trace{
		CacheMiss: func(q dns.Question) { told = append(told, "miss "+q.Name) },
		Question:  func(e QuestionEvent) { told = append(told, "asked "+e.Server.String()) },
		Answer:    func(e AnswerEvent) { told = append(told, fmt.Sprintf("%d answers", len(e.Reply.Msg.Answer))) },
		Served: func(e ServedEvent) {
			told = append(told, fmt.Sprintf("served %v with %d", e.Client.Addr(), len(e.Reply.Answer)))
		},
	}})
	if _, err := p.from(clientIP).ask(t, Query{Question: question("www.example.", dns.TypeA), Recursion: true}); err != nil {
		t.Fatal(err)
	}
	want := "[miss www.example. asked 192.0.2.1:53 1 answers served 198.18.0.1 with 1]"
	if got := fmt.Sprint(told); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
