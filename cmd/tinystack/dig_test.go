package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// What is typed becomes queries.
func TestParseDig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, want string }{
		{"", ". NS IN"},
		{"www.example", "www.example A IN"},
		{"@192.0.2.1 www.example mx", "www.example MX IN @192.0.2.1"},
		{"www.example MX @192.0.2.1", "www.example MX IN @192.0.2.1"},
		{"MX www.example", "www.example MX IN"},
		{"-t MX www.example", "www.example MX IN"},
		{"-t TYPE65280 www.example CLASS3", "www.example TYPE65280 CH"},
		{"version.bind TXT CH", "version.bind TXT CH"},
		{"a.example MX b.example", "a.example MX IN; b.example A IN"},
		{"a.example +short b.example +tcp", "a.example A IN short; b.example A IN short tcp"},
		{"@1.1.1.1 a.example @8.8.8.8 b.example", "a.example A IN @8.8.8.8; b.example A IN @1.1.1.1"},
		{"-q mx -q a", "mx A IN; a A IN"},
		{"-x 192.0.2.1", "1.2.0.192.in-addr.arpa. PTR IN"},
		{"-x 192.0.2.1 -t TXT", "1.2.0.192.in-addr.arpa. TXT IN"},
		{"--tcp +norec +noedns w.", "w. A IN tcp norecurse noedns"},
		{"+time=0 +tries=999 w.", "w. A IN time=1s tries=100"},
		{"+tim=7 +retry=1 w.", "w. A IN time=7s tries=2"},
		{"+bufs=100 w.", "w. A IN bufsize=512"},
		{"+nocookie +edns=0 +dnss w.", "w. A IN dnssec"},
	} {
		p, err := parseDigLine(t, tt.line)
		if err != nil {
			t.Errorf("%q: %v", tt.line, err)
			continue
		}
		var got []string
		for _, q := range p.queries {
			got = append(got, describe(q))
		}
		if s := strings.Join(got, "; "); s != tt.want {
			t.Errorf("%q: %s; want %s", tt.line, s, tt.want)
		}
	}
}

// parseDigLine parses a command line, without asking.
func parseDigLine(t *testing.T, line string) (digPlan, error) {
	t.Helper()
	cmd := newDig()
	var p digPlan
	if err := cmd.ParseFlags(strings.Fields(line)); err != nil {
		t.Fatal(err)
	}
	f := digFlags{via: viaHost, port: 53}
	f.qtype, _ = cmd.Flags().GetString("type")
	f.class, _ = cmd.Flags().GetString("class")
	f.tcp, _ = cmd.Flags().GetBool("tcp")
	f.names, _ = cmd.Flags().GetStringArray("query")
	f.reverse, _ = cmd.Flags().GetStringArray("reverse")
	p, err := f.plan(cmd.Flags().Args(), nil)
	return p, err
}

func describe(q digQuery) string {
	s := fmt.Sprintf("%s %s %s", q.name, typeName(q.qtype), className(q.class))
	if q.server != "" {
		s += " @" + q.server
	}
	def := newDigOptions()
	for name, on := range map[string]bool{"short": q.opts.short, "dnssec": q.opts.dnssec} {
		if on {
			s += " " + name
		}
	}
	for _, o := range []struct {
		on   bool
		name string
	}{{q.opts.tcp, "tcp"}, {!q.opts.recurse, "norecurse"}, {!q.opts.edns, "noedns"}} {
		if o.on {
			s += " " + o.name
		}
	}
	if q.opts.wait != def.wait {
		s += fmt.Sprintf(" time=%v", q.opts.wait)
	}
	if q.opts.tries != def.tries {
		s += fmt.Sprintf(" tries=%d", q.opts.tries)
	}
	if q.opts.bufsize != def.bufsize {
		s += fmt.Sprintf(" bufsize=%d", q.opts.bufsize)
	}
	return s
}

// Wrong usage ends with 1, as dig's does.
func TestDigUsageErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		code int
		want string
	}{
		{"+nonsense", 1, "+nonsense is no option"},
		{"+no", 1, "+no is no option"},
		{"+a w.", 1, "+a is not clear: it may be additional or adflag"},
		{"+time=x w.", 1, "+time=x wants a number"},
		{"+short=1 w.", 1, "+short takes no value"},
		{"+edns=1 w.", 1, "+edns takes no value"},
		{"--nonsense", 1, "unknown flag: --nonsense"},
		{"-t nonsense w.", 1, `--type "nonsense" is no type of records`},
		{"-c nonsense w.", 1, `--class "nonsense" is no class of records`},
		{"-p 0 w.", 1, "--port 0 is out of range: 1 to 65535"},
		{"-x nonsense", 1, `--reverse "nonsense" is not an address`},
		{"--via nonsense", 1, `--via "nonsense" is none of host, tun, lab`},
		{"--via tun --mtu 1", 1, "--mtu 1 is out of range"},
		{"--root-hints /nonexistent w.", 1, "no such file"},
		{"w. AXFR", 1, "zone transfers are not supported"},
		{"+trace version.bind CH", 1, "+trace is for class IN"},
		{"a..b", 1, `"a..b" is not a name`},
		{strings.Repeat("a", 64), 1, "is not a name"},
		{"@ w.", 1, "@ names no server"},
		{`a\999.example`, 1, "is not a name"},
		{"-4 -6 w.", 1, "-4 and -6 exclude each other"},
		{"-b nowhere w.", 1, `--bind "nowhere" is not an address`},
		{"-b 127.0.0.1#x w.", 1, `--bind "127.0.0.1#x" is not an address`},
		{"-b 127.0.0.1 --via lab w.", 1, "--bind is for the host's sockets"},
		{"+domain= w.", 1, "+domain= wants a domain"},
		{"+domain=a..b w.", 1, "+domain=a..b wants a domain"},
		{"-6 @127.0.0.1 w.", 10, "no server has an address of that family"},
		{"-f /nonexistent", 8, "no such file"},
		{"@nosuch.invalid w.", 10, "the server's address is not known"},
	} {
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), append([]string{"dig"}, strings.Fields(tt.line)...), &stdout, &stderr)
		if exitCode(err) != tt.code || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%q: exit code %d, %v; want %d and %q", tt.line, exitCode(err), err, tt.code, tt.want)
		}
	}
}

// nameServerAt answers on this host's loopback, at the port it returns.
func nameServerAt(t *testing.T, r dnsclient.Resolver) string {
	t.Helper()
	s, err := dnsclient.NewServer(dnsclient.ServerConfig{Resolver: r})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", ln.Addr().String())
	if err != nil {
		ln.Close()
		t.Skipf("no port free for both UDP and TCP: %v", err)
	}
	go s.Serve(ln)
	go s.ServePacket(pc)
	t.Cleanup(func() { s.Close() })
	return fmt.Sprint(ln.Addr().(*net.TCPAddr).Port)
}

// fixed is a resolver with an answer for each name; what is not there does not exist.
type fixed map[string][]string

func (f fixed) Resolve(_ context.Context, q dns.Question) (*dnsclient.Answer, error) {
	name := dns.CanonicalName(q.Name)
	if name == "broken.example." {
		return nil, &dnsclient.ExtendedError{Code: dns.ExtendedErrorCodeDNSBogus, Text: "bad\x07signature"}
	}
	a := &dnsclient.Answer{Rcode: dns.RcodeNameError}
	for _, s := range f[name] {
		rr, err := dns.NewRR(s)
		if err != nil {
			return nil, err
		}
		a.Rcode, a.Records = dns.RcodeSuccess, append(a.Records, rr)
	}
	return a, nil
}

var exampleNames = fixed{
	"www.example.": {"www.example. 300 IN CNAME web.example.", "web.example. 60 IN A 192.0.2.80"},
	"a.very.long.name.that.leaves.no.room.example.": {
		"a.very.long.name.that.leaves.no.room.example. 60 IN TXT \"some text\"",
	},
	"big.example.": {"big.example. 60 IN TXT " + strings.Repeat(`"`+strings.Repeat("x", 200)+`" `, 10)},
}

// changing is what differs from run to run.
var changing = regexp.MustCompile(`id: \d+|Query time: \d+|#\d+|WHEN: .*|"query_time_us":\d+|"id":\d+|127\.0\.0\.1:\d+`)

func digOut(t *testing.T, port, line string) (out string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := append([]string{"dig", "-p", port, "@127.0.0.1", "+nocmd"}, strings.Fields(line)...)
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		code = exitCode(err)
	}
	return changing.ReplaceAllStringFunc(stdout.String(), func(s string) string {
		return strings.TrimRight(s[:strings.IndexAny(s+" ", ":# ")+1], " ") + "*"
	}), code
}

const wwwOutput = `;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id:*
;; flags: qr rd ra; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags: do; udp: 1232
;; QUESTION SECTION:
;WWW.example.			IN	A

;; ANSWER SECTION:
www.example.		300	IN	CNAME	web.example.
web.example.		60	IN	A	192.0.2.80

;; Query* msec
;; SERVER: 127.0.0.1#*(127.0.0.1) (UDP)
;; WHEN:*
;; MSG SIZE  rcvd: 78

`

// The output is dig's, down to the tabs.
func TestDigOutput(t *testing.T) {
	t.Parallel()
	port := nameServerAt(t, exampleNames)
	for _, tt := range []struct{ line, want string }{
		{"WWW.example +dnssec", wwwOutput},
		{"+short www.example", "web.example.\n192.0.2.80\n"},
		{"+noall +answer www.example", "www.example.\t\t300\tIN\tCNAME\tweb.example.\nweb.example.\t\t60\tIN\tA\t192.0.2.80\n"},
		{
			"+noall +answer +question a.very.long.name.that.leaves.no.room.example TXT",
			";a.very.long.name.that.leaves.no.room.example. IN TXT\n" +
				"a.very.long.name.that.leaves.no.room.example. 60 IN TXT\t\"some text\"\n",
		},
		{"+noall +comments broken.example", `;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: SERVFAIL, id:*
;; flags: qr rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 1

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags:; udp: 1232
; EDE: 6 (DNSSEC Bogus): (bad.signature)
`},
		{"+noall +stats +tcp nosuch.example", ";; Query* msec\n;; SERVER: 127.0.0.1#*(127.0.0.1) (TCP)\n;; WHEN:*\n;; MSG SIZE  rcvd: 43\n\n"},
		{"+short +ignore +bufsize=512 big.example TXT", ""},
	} {
		got, code := digOut(t, port, tt.line)
		if got != tt.want || code != 0 {
			t.Errorf("%q: exit code %d\n%s\nwant\n%s", tt.line, code, got, tt.want)
		}
	}
	got, _ := digOut(t, port, "+noall +comments +stats +bufsize=512 big.example TXT")
	if !strings.HasPrefix(got, ";; Truncated, retrying in TCP mode.\n;; Got answer:") || !strings.Contains(got, "(TCP)") {
		t.Errorf("a truncated answer:\n%s", got)
	}
	got, _ = digOut(t, port, "+norecurse +cmd www.example")
	if !strings.HasPrefix(got, "\n; <<>> tinystack dig <<>> ") || !strings.Contains(got, "; (1 server found)\n;; global options: +cmd\n") ||
		!strings.Contains(got, "status: REFUSED") || !strings.Contains(got, "; EDE: 20 (Not Authoritative)\n") {
		t.Errorf("a question that is refused:\n%s", got)
	}
}

func TestDigJSON(t *testing.T) {
	t.Parallel()
	port := nameServerAt(t, exampleNames)
	out, code := digOut(t, port, "--json www.example broken.example")
	var answers []digAnswer
	for line := range strings.Lines(out) {
		var a digAnswer
		if err := json.Unmarshal([]byte(strings.ReplaceAll(line, `:*`, `:0`)), &a); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		answers = append(answers, a)
	}
	if code != 0 || len(answers) != 2 {
		t.Fatalf("exit code %d, %s", code, out)
	}
	if a := answers[0]; a.Schema != 1 || a.Status != "NOERROR" || a.Network != "udp" || len(a.Answer) != 2 ||
		a.Answer[1] != (digRecord{"web.example.", 60, "IN", "A", "192.0.2.80"}) || a.Authority == nil {
		t.Errorf("%+v", a)
	}
	if a := answers[1]; a.Status != "SERVFAIL" || len(a.EDNS.EDE) != 1 || a.EDNS.EDE[0].Code != 6 {
		t.Errorf("%+v", a)
	}
}

// Without an answer the exit code is 9, of a file of queries too.
func TestDigNoReply(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0") // it says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	port := fmt.Sprint(pc.LocalAddr().(*net.UDPAddr).Port)
	start := time.Now()
	got, code := digOut(t, port, "+tries=1 +time=1 www.example")
	want := ";; communications error to 127.0.0.1#*: timed out\n;; no servers could be reached\n"
	if code != 9 || got != want || time.Since(start) < time.Second {
		t.Errorf("exit code %d after %v\n%s", code, time.Since(start), got)
	}
	file := filepath.Join(t.TempDir(), "batch")
	if err := os.WriteFile(file, []byte("# two queries\nwww.example +short\n\nnosuch.example +noall +comments\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, code = digOut(t, nameServerAt(t, exampleNames), "-f "+file)
	if code != 0 || !strings.HasPrefix(got, "web.example.\n192.0.2.80\n;; Got answer:") || !strings.Contains(got, "NXDOMAIN") {
		t.Errorf("exit code %d\n%s", code, got)
	}
}

// In the lab the way from the root down is three servers long, and the home router
// and the zone's own server answer too.
func TestDigInTheLab(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), strings.Fields("dig --via lab +trace www.google.com"), &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	var way []string
	for _, m := range regexp.MustCompile(`Received \d+ bytes from .*\((.*)\) in`).FindAllStringSubmatch(stdout.String(), -1) {
		way = append(way, m[1])
	}
	if len(way) != 3 || way[0] != "a.root-servers.net." || !strings.HasSuffix(way[1], ".gtld-servers.net.") || !strings.HasSuffix(way[2], ".google.com.") ||
		!strings.Contains(stdout.String(), "www.google.com.\t\t300\tIN\tA\t203.0.113.80\n") {
		t.Errorf("the way was %q:\n%s", way, &stdout)
	}
	for _, server := range []string{"", "@ns1.google.com "} {
		stdout.Reset()
		line := "dig --via lab +short " + server + "www.google.com"
		if err := run(t.Context(), strings.Fields(line), &stdout, &stderr); err != nil || stdout.String() != "203.0.113.80\n" {
			t.Errorf("%s: %q, %v", line, &stdout, err)
		}
	}
}

func TestReadRootHints(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "hints")
	if err := os.WriteFile(file, []byte(". 3600000 NS a.root.\na.root. 3600000 A 192.0.2.1\na.root. 3600000 AAAA 2001:db8::1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := readRootHints(file)
	if err != nil || len(roots) != 2 || roots[0] != (dnsclient.RootServer{Name: "a.root.", Addr: netip.MustParseAddr("192.0.2.1")}) {
		t.Errorf("%v, %v", roots, err)
	}
	for _, text := range []string{"", ". NS a.root.", "nonsense"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if roots, err := readRootHints(file); err == nil {
			t.Errorf("%q: %v, want an error", text, roots)
		}
	}
}
