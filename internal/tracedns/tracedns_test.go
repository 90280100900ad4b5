package tracedns

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/internal/tracetest"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/trace"
	"github.com/tinystack/tinystack/udp"
)

const serverAddr = "198.18.0.2:53"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, s string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(s)
	must(t, err)
	return rr
}

// rig is a client's stack a, and a server on stack b, which answers with reply.
func rig(t *testing.T, reply func(*dns.Msg)) (tr *trace.Tracer, log *tracetest.Log, client *dnsclient.Client, server *Server) {
	t.Helper()
	tr = trace.New()
	log = tracetest.Listen(t, tr)
	a, err := stack.New(stack.Config{Trace: tr.Node("a")})
	must(t, err)
	b, err := stack.New(stack.Config{Trace: tr.Node("b")})
	must(t, err)
	devA, devB := link.Pair(link.PairConfig{})
	must(t, a.AddInterface(devA, netip.MustParsePrefix("198.18.0.1/24")))
	must(t, b.AddInterface(devB, netip.MustParsePrefix("198.18.0.2/24")))
	client, err = dnsclient.NewClient(dnsclient.ClientConfig{Dialer: a, Timeout: time.Second})
	must(t, err)
	pc, err := b.ListenPacket("udp", ":53")
	must(t, err)
	server = NewServer(tr.Node("b"))
	srv := &dns.Server{
		PacketConn: server.Socket(pc.(*udp.Conn)),
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
			m := new(dns.Msg).SetReply(r)
			reply(m)
			w.WriteMsg(m)
		}),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.ActivateAndServe()
	}()
	t.Cleanup(func() {
		synctest.Wait()
		srv.Shutdown()
		<-done
		a.Close()
		b.Close()
	})
	return tr, log, client, server
}

// last is the last event of a kind at a node.
func last(t *testing.T, log *tracetest.Log, node string, kind trace.Kind) *trace.Event {
	t.Helper()
	found := log.Events(func(e *trace.Event) bool { return e.Node == node && e.Kind == kind })
	if len(found) == 0 {
		t.Fatalf("no %v at %s", kind, node)
	}
	return found[len(found)-1]
}

// From the question to the answer each step follows from the one before, at both ends.
func TestExchange(t *testing.T) { synctest.Test(t, testExchange) }

func testExchange(t *testing.T) {
	a := record(t, "www.example. 300 IN A 192.0.2.1")
	tr, log, client, _ := rig(t, func(m *dns.Msg) { m.Authoritative, m.Answer = true, []dns.RR{a} })
	ctx := trace.WithCause(t.Context(), tr.Node("a").Emit(trace.Event{Kind: trace.Call, Name: "lookup"}))
	q := dnsclient.Query{Question: dns.Question{Name: "WWW.example.", Qtype: dns.TypeA}}
	_, err := client.Exchange(Context(ctx, tr.Node("a")), netip.MustParseAddrPort(serverAddr), q)
	must(t, err)
	answer := last(t, log, "a", trace.Answer)
	want := []string{
		"a | call | lookup", "a | question", "a | call | write", "a | route", "a | sent",
		"b | received", "b | question", "b | answer", "b | call | write", "b | route", "b | sent",
		"a | received", "a | answer |  | authoritative answer",
	}
	lines := strings.Split(log.Story(answer), "\n")
	for i, line := range lines {
		if i >= len(want) || !strings.HasPrefix(line, want[i]) {
			t.Fatalf("the story is\n%s", strings.Join(lines, "\n"))
		}
	}
	if d := answer.DNS; len(lines) != len(want) || d.Result != "answer" || d.Server != serverAddr || d.TTL != 300 ||
		d.Code != "NOERROR" || d.Answer[0] != "www.example. 300 IN A 192.0.2.1" {
		t.Errorf("the answer is %+v after %d events", d, len(lines))
	}
}

// What an answer is shows in its result and its rule.
func TestAnswerOf(t *testing.T) {
	t.Parallel()
	soa := record(t, "example. 60 IN SOA ns.example. x.example. 1 2 3 4 5")
	ns, glue := record(t, "example. 900 IN NS ns.example."), record(t, "ns.example. 900 IN A 192.0.2.2")
	a := record(t, "www.example. 300 IN A 192.0.2.1")
	for _, tt := range []struct {
		change func(*dns.Msg)
		result string
		rule   trace.Rule
		ttl    uint32
		n      int
	}{
		{func(m *dns.Msg) { m.Answer = []dns.RR{a} }, "answer", ruleRecursive, 300, 1},
		{func(m *dns.Msg) { m.Answer, m.Authoritative = []dns.RR{a}, true }, "answer", ruleAuthoritative, 300, 1},
		{func(m *dns.Msg) { m.Ns, m.Extra = []dns.RR{ns}, []dns.RR{glue} }, "referral", ruleReferral, 900, 1},
		{func(m *dns.Msg) { m.Ns = []dns.RR{soa} }, "negative", ruleNoData, 60, 1},
		{func(m *dns.Msg) { m.Ns, m.Rcode = []dns.RR{soa}, dns.RcodeNameError }, "negative", ruleNXDomain, 60, 1},
		{func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure }, "error", ruleError, 0, 0},
		{func(m *dns.Msg) { m.Truncated = true }, "error", ruleTruncated, 0, 0},
	} {
		m := new(dns.Msg).SetQuestion("www.example.", dns.TypeA)
		tt.change(m)
		m.SetEdns0(1232, false)
		d, rule := answerOf(m)
		if d.Result != tt.result || rule != tt.rule || d.TTL != tt.ttl || len(d.Answer) != tt.n || len(d.Glue) != max(0, len(m.Extra)-1) {
			t.Errorf("%+v, %s; want %s, %s", d, rule, tt.result, tt.rule)
		}
	}
}

// A server's silence is told, and what is dropped in the wait for its answer.
func TestFailed(t *testing.T) { synctest.Test(t, testFailed) }

func testFailed(t *testing.T) {
	tr, log, client, _ := rig(t, func(m *dns.Msg) { m.Id++ })
	q := dnsclient.Query{Question: dns.Question{Name: "www.example.", Qtype: dns.TypeA}}
	_, err := client.Exchange(Context(t.Context(), tr.Node("a")), netip.MustParseAddrPort(serverAddr), q)
	if err == nil {
		t.Fatal("an answer with another id was taken")
	}
	if e := last(t, log, "a", trace.Dropped); e.Rule != trace.Rule(dnsclient.DropID) || e.DNS.Server != serverAddr {
		t.Errorf("dropped: %+v", e)
	}
}

// fake is a resolver that has its trace told of what it does.
type fake struct{ do func(*dnsclient.Trace) }

func (f fake) Resolve(ctx context.Context, _ dns.Question) (*dnsclient.Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.do(traceIn(ctx))
	return nil, errors.New("none")
}

// traceIn is what a context has dnsclient tell: a cache that it looks into tells it.
func traceIn(ctx context.Context) *dnsclient.Trace {
	c, _ := dnsclient.NewCache(dnsclient.CacheConfig{})
	return &dnsclient.Trace{
		CacheMiss: func(q dns.Question) { c.Get(ctx, q.Name, q.Qtype) },
		CacheHit: func(e dnsclient.Entry) {
			c.PutRecords(ctx, e.Records, dnsclient.RankAnswer, e.Source)
			c.Get(ctx, e.Name, e.Type)
		},
	}
}

// What a resolver does for a question that came to a server follows from that question.
func TestServerResolver(t *testing.T) { synctest.Test(t, testServerResolver) }

func testServerResolver(t *testing.T) {
	a := record(t, "www.example. 300 IN A 192.0.2.1")
	var server *Server
	q := dns.Question{Name: "www.example.", Qtype: dns.TypeA}
	_, log, client, server := rig(t, func(m *dns.Msg) {
		server.Resolver(fake{func(tr *dnsclient.Trace) {
			tr.CacheMiss(q)
			tr.CacheHit(dnsclient.Entry{Name: q.Name, Type: q.Qtype, Records: []dns.RR{a}})
		}}).Resolve(t.Context(), q)
		m.Rcode = dns.RcodeServerFailure
	})
	_, err := client.Exchange(t.Context(), netip.MustParseAddrPort(serverAddr), dnsclient.Query{Question: q})
	must(t, err)
	hit := last(t, log, "b", trace.CacheHit)
	lines := strings.Split(log.Story(hit), "\n")
	if got := strings.Join(lines[len(lines)-3:], "\n"); got != "b | question |  | "+string(ruleAsked)+
		"\nb | miss |  | "+string(ruleMiss)+"\nb | hit |  | "+string(ruleHit) || hit.DNS.TTL != 300 {
		t.Errorf("the story is\n%s", got)
	}
	if server.cause(q) != 0 {
		t.Error("the answered question is still open")
	}
}

// What a server remembers is bounded, and nonsense is none of it.
func TestServerIsBounded(t *testing.T) { synctest.Test(t, testServerIsBounded) }

func testServerIsBounded(t *testing.T) {
	tr := trace.New()
	defer tr.Subscribe(func(*trace.Event) {})()
	s, err := stack.New(stack.Config{Trace: tr.Node("a")})
	must(t, err)
	defer s.Close()
	pc, err := s.ListenPacket("udp", ":53")
	must(t, err)
	server := NewServer(tr.Node("a"))
	server.asked(pc.(*udp.Conn), []byte("nonsense"), netip.MustParseAddrPort("192.0.2.1:1"))
	for i := range 3 * maxOpen {
		b, err := new(dns.Msg).SetQuestion("www.example.", dns.TypeA).Pack()
		must(t, err)
		server.asked(pc.(*udp.Conn), b, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(i+1)))
	}
	if n := len(server.open); n > maxOpen {
		t.Errorf("%d questions are remembered", n)
	}
}

// Whatever comes to a server or from it, it is told or not, and no more is remembered than was asked.
func FuzzMessages(f *testing.F) {
	q, err := new(dns.Msg).SetQuestion("www.example.", dns.TypeA).Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(q, q)
	f.Add([]byte("nonsense"), []byte{})
	tr := trace.New()
	defer tr.Subscribe(func(*trace.Event) {})()
	s, err := stack.New(stack.Config{Trace: tr.Node("a")})
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close()
	pc, err := s.ListenPacket("udp", ":53")
	if err != nil {
		f.Fatal(err)
	}
	peer := netip.MustParseAddrPort("192.0.2.1:1")
	f.Fuzz(func(t *testing.T, question, answer []byte) {
		server := NewServer(tr.Node("a"))
		server.asked(pc.(*udp.Conn), question, peer)
		server.answers(pc.(*udp.Conn), answer, peer)
		if len(server.open) > 1 || len(server.last) > 1 {
			t.Errorf("%d questions are remembered", len(server.open))
		}
	})
}
