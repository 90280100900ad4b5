package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/nstest"
)

// upstream is a name server on the host for ours to ask.
type upstream struct {
	asked  atomic.Int32
	broken atomic.Bool // it answers SERVFAIL
}

const upstreamAddr = "127.0.0.9"

// upstreamZone is what it knows.
var upstreamZone = map[string][]string{
	"www.example.com.":     {"www.example.com. 300 IN CNAME web.example.com.", "web.example.com. 300 IN A 192.0.2.80"},
	"short.example.com.":   {"short.example.com. 1 IN A 192.0.2.81"},
	"escapes.example.com.": {`escapes.example.com. 300 IN TXT "a \"quote\", a \\ and \007\255" ""`},
	"big.example.com.":     {"big.example.com. 300 IN TXT " + strings.Repeat(`"`+strings.Repeat("x", 200)+`" `, 20)},
}

func (u *upstream) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	u.asked.Add(1)
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	records, known := upstreamZone[q.Question[0].Name]
	for _, s := range records {
		rr, err := dns.NewRR(s)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	if !known {
		soa, _ := dns.NewRR("example.com. 60 IN SOA ns.example.com. host.example.com. 1 2 3 4 60")
		m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{soa}
	}
	if u.broken.Load() {
		m = new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	}
	if w.LocalAddr().Network() == "udp" {
		m.Truncate(1232)
	}
	_ = w.WriteMsg(m)
}

// startUpstream serves it on the host's loopback.
func startUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{}
	for _, network := range []string{"udp", "tcp"} {
		ready := make(chan struct{})
		s := &dns.Server{Addr: upstreamAddr + ":53", Net: network, Handler: u, NotifyStartedFunc: func() { close(ready) }}
		ended := make(chan error, 1)
		go func() { ended <- s.ListenAndServe() }()
		select {
		case <-ready:
		case err := <-ended:
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return u
}

// hostDig is what the host's dig prints.
func hostDig(t *testing.T, args string) string {
	t.Helper()
	p := start(t, exec.Command("dig", append([]string{"@" + stackIP, "+time=5", "+tries=1"}, strings.Fields(args)...)...))
	p.wantExit(0)
	return p.stdout.String()
}

func wantAll(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(got, text) {
			t.Errorf("%s does not say %q:\n%s", what, text, got)
		}
	}
}

// The host's dig asks up's name server, which asks the host's.
func TestUpNameServer(t *testing.T) {
	t.Parallel()
	if !isolated(t, "dig") {
		return
	}
	u := startUpstream(t)
	up(t, "--dns-upstream", upstreamAddr)
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"www.example.com", []string{"status: NOERROR", "flags: qr rd ra;", "\nwww.example.com.\t300\tIN\tCNAME\tweb.example.com.\nweb.example.com.\t300\tIN\tA\t192.0.2.80\n"}},
		{"WWW.EXAMPLE.com +tcp", []string{";WWW.EXAMPLE.com.", "192.0.2.80", "(TCP)"}},
		{"www.example.com +noedns", []string{"192.0.2.80", "ADDITIONAL: 0"}},
		{"nosuch.example.com", []string{"status: NXDOMAIN", "example.com.\t\t60\tIN\tSOA"}},
		{"big.example.com TXT", []string{"Truncated, retrying in TCP mode", "status: NOERROR", "(TCP)"}},
		{"www.example.com ANY +notcp", []string{`HINFO	"RFC8482" ""`}},
		{"tinystack.test", []string{"tinystack.test.\t\t0\tIN\tA\t" + stackIP}},
		{"-x " + stackIP, []string{"PTR\ttinystack.test."}},
		{"host.tinystack.test +short", []string{"198.18.0.1\n"}},
		{"localhost AAAA +short", []string{"::1\n"}},
		{"www.example.com +norecurse", []string{"status: REFUSED", "EDE: 20 (Not Authoritative)"}},
		{"version.bind TXT CH", []string{"status: REFUSED"}},
		{"www.example.com +opcode=5", []string{"status: NOTIMP"}},
	} {
		wantAll(t, "dig "+tt.args, hostDig(t, tt.args), tt.want...)
	}
	if n := u.asked.Load(); n != 5 { // web, nosuch, big over UDP and TCP, and short not yet
		t.Logf("the upstream was asked %d times", n)
	}
	strangersAreRefused(t)
	outage(t, u)
	p := start(t, tinystack("stats"))
	p.wantExit(0)
	wantAll(t, "stats", p.stdout.String(), "DnsQuestions ", "DnsQuestionsTCP ", "DnsCacheHits ", "DnsClientTruncated ", "DnsStale ")
}

// strangersAreRefused asks from an address outside of the subnet.
func strangersAreRefused(t *testing.T) {
	t.Helper()
	nstest.Up(t, "lo", netip.MustParsePrefix("203.0.113.1/32"))
	wantAll(t, "dig from elsewhere", hostDig(t, "-b 203.0.113.1 www.example.com"), "status: REFUSED", "EDE: 18 (Prohibited)")
}

// outage has the upstream fail: what was known is given, of the rest the reason.
func outage(t *testing.T, u *upstream) {
	t.Helper()
	wantAll(t, "dig", hostDig(t, "short.example.com"), "192.0.2.81")
	u.broken.Store(true)
	time.Sleep(1100 * time.Millisecond) // its TTL is over
	wantAll(t, "dig", hostDig(t, "short.example.com"), "short.example.com.\t30\tIN\tA\t192.0.2.81", "EDE: 3 (Stale Answer)")
	wantAll(t, "dig", hostDig(t, "new.example.com"), "status: SERVFAIL", "EDE: 0 (Other): ("+upstreamAddr+":53 answered SERVFAIL)")
	wantAll(t, "dig", hostDig(t, "new.example.com"), "status: SERVFAIL", "EDE: 13 (Cached Error)")
}

// The lab's names are there for the host's dig, each with the cause of all that is sent for it.
func TestUpNamesOfTheLab(t *testing.T) {
	t.Parallel()
	if !isolated(t, "dig") {
		return
	}
	up(t, "--dns-upstream", "lab")
	for range 2 {
		wantAll(t, "dig", hostDig(t, "www.google.com"), "status: NOERROR", "\nwww.google.com.\t\t", "\tIN\tA\t203.0.113.80\n")
	}
	wantAll(t, "dig", hostDig(t, "nothing.google.com"), "status: NXDOMAIN", "\tSOA\tns1.google.com.")
	wantAll(t, "dig", hostDig(t, "tinystack.test +short"), stackIP)
	wantAll(t, "stats", ask(t, "stats --json"), `"DnsCacheHits":1,`)
}

// Without anybody to ask, up comes up, and says so to who asks.
func TestUpWithoutUpstream(t *testing.T) {
	t.Parallel()
	if !isolated(t, "dig") {
		return
	}
	up(t, "--dns-upstream", "192.0.2.1")
	wantAll(t, "dig", hostDig(t, "www.example.com"), "status: SERVFAIL", "EDE: 23 (Network Error)", "network is unreachable")
	wantAll(t, "dig", hostDig(t, "tinystack.test"), "status: NOERROR")
}

func TestUpWithoutNameServer(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	p := up(t, "--dns=false")
	if c, err := net.DialTimeout("tcp", stackIP+":53", patience); err == nil {
		c.Close()
		t.Error("somebody is at port 53")
	}
	if strings.Contains(p.stdout.String(), "dig @") {
		t.Errorf("it proposes dig:\n%s", &p.stdout)
	}
}

// changing is what differs from one run to the next, or from dig to us: also a TTL, of 300 or 60
// seconds, of which some are over.
var changing = regexp.MustCompile(`\b(?:300|2[5-9]\d|60|5\d)\s+(?:IN|A|CNAME|SOA|TXT)\b|id: \d+|Query time: \d+|WHEN: .*|<<>> .* <<>> |in \d+ ms`)

// Our dig prints what the host's does, and ends as it does.
func TestDigIsDig(t *testing.T) {
	t.Parallel()
	if !isolated(t, "dig") {
		return
	}
	startUpstream(t)
	up(t, "--dns-upstream", upstreamAddr)
	hostDig(t, "www.example.com") // both get it from the cache
	const quick = "+time=1 +tries=1"
	for _, line := range []string{
		"@198.18.0.2 tinystack.test", "@198.18.0.2 www.example.com", "@198.18.0.2 -t AAAA WWW.example.com +noall +answer +authority",
		"@198.18.0.2 nosuch.example.com +dnssec", "@198.18.0.2 +short www.example.com", "@198.18.0.2 -x 198.18.0.2",
		"@198.18.0.2 big.example.com TXT +short", "@198.18.0.2 big.example.com TXT", "@198.18.0.2 big.example.com TXT +ignore",
		"@198.18.0.2 +tcp tinystack.test", "@198.18.0.2 +noedns tinystack.test", "@198.18.0.2 tinystack.test ANY",
		"@198.18.0.2 +norec tinystack.test", "@198.18.0.2 tinystack.test TYPE65280", "@198.18.0.2 version.bind TXT CH",
		"@198.18.0.2 tinystack.test +nocomments", "@198.18.0.2 tinystack.test +nostats +nocmd +noquestion",
		"@198.18.0.2 tinystack.test +short host.tinystack.test", "@198.18.0.2 +bufsize=4096 tinystack.test",
		"@198.18.0.2 a.name.of.such.a.length.that.no.column.has.room.for.it.example.com",
		"@198.18.0.1 tinystack.test " + quick, "@198.18.0.1 +short tinystack.test " + quick, "@198.18.0.77 tinystack.test " + quick,
		"@198.18.0.2 nosuch.example.com +multiline", "@198.18.0.2 www.example.com +multiline", "@198.18.0.2 www.example.com +nottlid",
		"@198.18.0.2 www.example.com +noclass", "@198.18.0.2 www.example.com +nottlid +noclass", "@198.18.0.2 nosuch.example.com +nottlid",
		"@198.18.0.2 +short +identify www.example.com", "-4 @198.18.0.2 tinystack.test", "-b 198.18.0.1 @198.18.0.2 tinystack.test",
		"@198.18.0.2 +domain=example.com www", "@198.18.0.2 +domain=example.com web.example +nostats", "@198.18.0.2 +domain=example.com www. +nostats",
		"@198.18.0.2 +domain=example.com nosuch2 +nostats",
		"@198.18.0.2 +domain=example.com +ndots=3 www.x +short", "@198.18.0.2 big.example.com TXT +multiline",
		"@198.18.0.2 escapes.example.com TXT", "@198.18.0.2 escapes.example.com TXT +short", `@198.18.0.2 a\.b\032c\036\@\255\\.example.com`,
		"@198.18.0.2 +nonsense tinystack.test",
	} {
		args := strings.Fields(line)
		theirs := start(t, exec.Command("dig", append(args, "+nocookie")...))
		ours := start(t, tinystack(append(append([]string{"dig"}, args...), "+nocookie")...))
		if want, got := theirs.exit(), ours.exit(); got != want {
			t.Errorf("%s: exit code %d, want %d", line, got, want)
		}
		if strings.Contains(line, "nonsense") {
			continue // what is said of it is our own
		}
		want, got := changing.ReplaceAllString(theirs.stdout.String(), "*"), changing.ReplaceAllString(ours.stdout.String(), "*")
		if got != want {
			t.Errorf("%s:\n%s\nthe host's dig says\n%s", line, got, want)
		}
	}
}

// From a stack of its own dig reaches the host, and with +trace the way down from the
// root, each server in turn.
func TestDigViaTUN(t *testing.T) {
	t.Parallel()
	if !isolated(t, "nsd") {
		return
	}
	for addr := range zones {
		startNSD(t, addr)
	}
	p := start(t, tinystack("dig", "--via", "tun", "@"+googleServer, "www.google.com", "+norecurse", "+short"))
	p.wantExit(0)
	if got := p.stdout.String(); got != "192.0.2.80\n" {
		t.Errorf("it says %q", got)
	}
	hints := t.TempDir() + "/hints"
	write(t, hints, ". NS a.root.\na.root. A "+rootServer+"\n")
	for _, via := range []string{"host", "tun"} {
		p = start(t, tinystack("dig", "--via", via, "--root-hints", hints, "+trace", "far.google.com"))
		p.wantExit(0)
		received := regexp.MustCompile(`Received \d+ bytes from (\S+) in`)
		var way []string
		for _, m := range received.FindAllStringSubmatch(p.stdout.String(), -1) {
			way = append(way, m[1])
		}
		want := fmt.Sprint([]string{
			rootServer + "#53(a.root.)", comServer + "#53(a.gtld.net.)", googleServer + "#53(ns1.google.com.)", // far.google.com is an alias
			comServer + "#53(a.gtld.net.)", rootServer + "#53(a.root.)", comServer + "#53(a.gtld.net.)", // dns.hosting.net's address
			hostingServer + "#53(dns.hosting.net.)", hostingServer + "#53(dns.hosting.net.)",
		})
		if got := fmt.Sprint(way); got != want {
			t.Errorf("via %s the way was\n%s\nwant\n%s\n%s", via, got, want, &p.stdout)
		}
		wantAll(t, "dig +trace", p.stdout.String(), "com.\t\t\t3600\tIN\tNS\ta.gtld.net.\n", "far.google.com.\t\t3600\tIN\tCNAME\twww.example.com.\n", "www.example.com.\t3600\tIN\tA\t192.0.2.90\n")
	}
	p = start(t, tinystack("dig", "--root-hints", hints, "+trace", "www.lame.com"))
	p.wantExit(9)
}
