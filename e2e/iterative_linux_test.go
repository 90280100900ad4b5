package e2e

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/stack"
)

// Every question has the same answer from the iterative resolver, whose packets go
// through the stack and a TUN device to NSD's, and from unbound, which asks them too.
func TestIterativeAgreesWithUnbound(t *testing.T) {
	t.Parallel()
	if !isolated(t, "nsd", "unbound") {
		return
	}
	for addr := range zones {
		startNSD(t, addr)
	}
	startUnbound(t)
	s := startStack(t)
	ours, theirs := newResolver(t, s), newStub(t, s)
	for _, question := range []string{
		"www.google.com. A", "www.google.com. AAAA", "WWW.Google.Com. A", "alias.google.com. A", "alias.google.com. CNAME",
		"far.google.com. A", "nowhere.google.com. A", "google.com. MX", "big.google.com. TXT", "google.com. SOA",
		"a.deep.down.here.google.com. A", "deep.down.here.google.com. A", "x.y.z.wild.google.com. A",
		"_25._tcp.smtp.google.com. TLSA", "www.google.com. TXT", "no.google.com. A", "below.no.google.com. A",
		"no.such.tld. A", "com. NS", ". NS", "google.com. NS", "google.com. DS", "com. DS",
		"www.example.com. A", "www.example.com. MX", "dns.hosting.net. A",
		"www.lame.com. A", "www.circle.com. A", "a.loop.google.com. A",
	} {
		name, qtype, _ := strings.Cut(question, " ")
		q := dns.Question{Name: name, Qtype: dns.StringToType[qtype], Qclass: dns.ClassINET}
		got, want := resolve(t, ours, q), resolve(t, theirs, q)
		if got != want {
			t.Errorf("%s:\n%s\nunbound says\n%s", question, got, want)
		}
	}
	if st := ours.Stats(); st.Lame == 0 || st.Lookups == 0 || st.Referrals == 0 {
		t.Errorf("%+v", st)
	}
	if st := s.Stats(); st.UDP.OutDatagrams == 0 || st.TCP.ActiveOpens == 0 {
		t.Errorf("%+v", st)
	}
}

// newStub returns a resolver that asks unbound through the stack.
func newStub(t *testing.T, s dnsclient.Dialer) *dnsclient.Stub {
	t.Helper()
	client, err := dnsclient.NewClient(dnsclient.ClientConfig{Dialer: s})
	if err != nil {
		t.Fatal(err)
	}
	conf := &dnsclient.ResolvConf{Servers: []netip.AddrPort{netip.MustParseAddrPort(recursor + ":53")}, Attempts: 1}
	stub, err := dnsclient.NewStub(dnsclient.StubConfig{Client: client, ResolvConf: func() *dnsclient.ResolvConf { return conf }})
	if err != nil {
		t.Fatal(err)
	}
	return stub
}

// resolve tells the answer to a question, without TTLs and in an order of its own.
func resolve(t *testing.T, r dnsclient.Resolver, q dns.Question) string {
	t.Helper()
	a, err := r.Resolve(t.Context(), q)
	if err != nil {
		return "failed"
	}
	var lines []string
	for _, rr := range slices.Concat(a.Records, a.Authority) {
		rr.Header().Ttl = 0
		rr.Header().Name = dns.CanonicalName(rr.Header().Name)
		lines = append(lines, strings.Join(strings.Fields(rr.String()), " "))
	}
	slices.Sort(lines)
	return dns.RcodeToString[a.Rcode] + "\n" + strings.Join(lines, "\n")
}

// The way of a question to NSD's servers: each one asked, what for, and where it
// refers to. The name server of example.com. is in another zone.
func TestIterativeSteps(t *testing.T) {
	t.Parallel()
	if !isolated(t, "nsd") {
		return
	}
	for _, addr := range []string{rootServer, comServer, hostingServer} {
		startNSD(t, addr)
	}
	r := newResolver(t, startStack(t))
	var steps []string
	ctx := dnsclient.WithTrace(t.Context(), &dnsclient.Trace{
		Step: func(e dnsclient.StepEvent) {
			steps = append(steps, fmt.Sprintf("%d: %s %s of %s at %s %v", e.Depth, e.Question.Name,
				dns.TypeToString[e.Question.Qtype], e.Zone, e.Name, e.Server.Addr()))
		},
		Referral: func(e dnsclient.ReferralEvent) {
			steps = append(steps, fmt.Sprintf("%s: %s, %d addresses", e.Zone, strings.Join(e.Servers, " "), len(e.Glue)))
		},
	})
	if _, err := r.Resolve(ctx, dns.Question{Name: "www.example.com.", Qtype: dns.TypeMX}); err != nil {
		t.Fatal(err)
	}
	want := `0: com. A of . at a.root. 192.0.2.1
com.: a.gtld.net., 1 addresses
0: example.com. A of com. at a.gtld.net. 192.0.2.2
example.com.: dns.hosting.net., 0 addresses
1: net. A of . at a.root. 192.0.2.1
net.: a.gtld.net., 1 addresses
1: hosting.net. A of net. at a.gtld.net. 192.0.2.2
hosting.net.: dns.hosting.net., 1 addresses
1: dns.hosting.net. A of hosting.net. at dns.hosting.net. 192.0.2.4
0: www.example.com. A of example.com. at dns.hosting.net. 192.0.2.4
0: www.example.com. MX of example.com. at dns.hosting.net. 192.0.2.4`
	if got := strings.Join(steps, "\n"); got != want {
		t.Errorf("the steps were\n%s\nwant\n%s", got, want)
	}
}

// The host's own dig asks a server on the stack, which asks NSD's.
func TestDigAsksIterativeServer(t *testing.T) {
	t.Parallel()
	if !isolated(t, "nsd", "dig") {
		return
	}
	for addr := range zones {
		startNSD(t, addr)
	}
	s := startStack(t)
	serveDNS(t, s, newResolver(t, s))
	for args, want := range map[string][]string{
		"www.google.com":           {"status: NOERROR", " ra;", "\nwww.google.com.\t\t", "\tIN\tA\t192.0.2.80\n"},
		"www.google.com +tcp":      {"status: NOERROR", "192.0.2.80", "(TCP)"},
		"alias.google.com +noedns": {"status: NOERROR", "\tIN\tCNAME\twww.google.com.\nwww.google.com.\t\t"},
		"big.google.com TXT":       {"Truncated, retrying in TCP mode", "status: NOERROR", "(TCP)"},
		"no.google.com":            {"status: NXDOMAIN", "\ngoogle.com.\t\t", "\tIN\tSOA\tns1.google.com."},
		"google.com TXT":           {"status: NOERROR", "ANSWER: 0, AUTHORITY: 1"},
		"www.lame.com":             {"status: SERVFAIL", "EDE: 22 (No Reachable Authority)"},
		"a.loop.google.com":        {"status: SERVFAIL", "circle"},
	} {
		p := start(t, exec.Command("dig", append([]string{"@" + stackIP, "+tries=1"}, strings.Fields(args)...)...))
		p.wantExit(0)
		for _, text := range want {
			if !strings.Contains(p.stdout.String(), text) {
				t.Errorf("dig %s does not say %q:\n%s", args, text, p.stdout.String())
			}
		}
	}
}

// serveDNS has a server on the stack's port 53, over UDP and TCP.
func serveDNS(t *testing.T, s *stack.Stack, r dnsclient.Resolver) {
	t.Helper()
	server, err := dnsclient.NewServer(dnsclient.ServerConfig{Resolver: r})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.ListenPacket("udp", ":53")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := s.Listen("tcp", ":53")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.ServePacket(conn) })
	serving.Go(func() { _ = server.Serve(ln) })
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
	})
}
