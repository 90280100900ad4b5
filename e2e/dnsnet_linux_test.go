package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/internal/nstest"
	"github.com/tinystack/tinystack/internal/tracetest"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/trace"
)

// The addresses of name servers, which are the host's.
const (
	rootServer    = "192.0.2.1"
	comServer     = "192.0.2.2"
	googleServer  = "192.0.2.3"
	hostingServer = "192.0.2.4"
	deadServer    = "192.0.2.9"
	recursor      = "192.0.2.53"
)

// zones is a small Internet: what each server is authoritative for. SOA and NS records
// of the zones themselves are added.
var zones = map[string]map[string]string{
	rootServer: {
		".": `
com. NS a.gtld.net.
net. NS a.gtld.net.
a.gtld.net. A ` + comServer,
	},
	comServer: {
		"com.": `
google NS ns1.google
google NS dead.google
ns1.google A ` + googleServer + `
dead.google A ` + deadServer + `
example NS dns.hosting.net.
lame NS dns.hosting.net.
circle NS ns.ring.net.`,
		"net.": `
a.gtld A ` + comServer + `
hosting NS dns.hosting
dns.hosting A ` + hostingServer + `
ring NS ns.circle.com.`,
	},
	googleServer: {
		"google.com.": `
ns1 A ` + googleServer + `
www 300 A 192.0.2.80
www 300 AAAA 2001:db8::80
alias CNAME www
far CNAME www.example.com.
nowhere CNAME no.such.name.example.com.
@ MX 10 smtp
smtp A 192.0.2.25
big TXT ` + strings.Repeat(`"`+strings.Repeat("x", 200)+`" `, 20) + `
a.deep.down.here A 192.0.2.81
*.wild A 192.0.2.82
_25._tcp.smtp TLSA 3 1 1 00
a.loop CNAME b.loop
b.loop CNAME a.loop`,
	},
	hostingServer: {
		"hosting.net.": `dns A ` + hostingServer,
		"example.com.": `www A 192.0.2.90`,
	},
}

// zoneText is a zone file.
func zoneText(server, origin, records string) string {
	ns := map[string]string{"google.com.": "ns1.google.com.", ".": "a.root.", "com.": "a.gtld.net.", "net.": "a.gtld.net."}[origin]
	if ns == "" {
		ns = "dns.hosting.net."
	}
	text := fmt.Sprintf("$ORIGIN %s\n$TTL 3600\n@ SOA %s host.root. 1 1800 900 604800 60\n@ NS %s\n", origin, ns, ns)
	if origin == "." {
		text += "a.root. A " + server + "\n"
	}
	return text + records + "\n"
}

// startNSD starts an authoritative server with the zones of that address, which it
// makes the host's.
func startNSD(t *testing.T, addr string) *process {
	t.Helper()
	nstest.Up(t, "lo", netip.MustParsePrefix(addr+"/32"))
	dir := t.TempDir()
	conf := fmt.Sprintf(`server:
	ip-address: %s
	username: ""
	chroot: ""
	zonesdir: %q
	database: ""
	pidfile: ""
	zonelistfile: "%[2]s/zone.list"
	xfrdfile: ""
	cookie-secret-file: ""
	server-count: 1
	verbosity: 1
remote-control:
	control-enable: no
`, addr, dir)
	for origin, records := range zones[addr] {
		file := "zone." + strings.TrimSuffix(origin, ".")
		write(t, filepath.Join(dir, file), zoneText(addr, origin, records))
		conf += fmt.Sprintf("zone:\n\tname: %q\n\tzonefile: %q\n", origin, file)
	}
	write(t, filepath.Join(dir, "nsd.conf"), conf)
	p := start(t, exec.Command("nsd", "-d", "-c", filepath.Join(dir, "nsd.conf")))
	p.untilAnswers(addr)
	return p
}

// startUnbound starts a recursor that begins at the same root server.
func startUnbound(t *testing.T) *process {
	t.Helper()
	nstest.Up(t, "lo", netip.MustParsePrefix(recursor+"/32"))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root.hints"), ". 3600000 NS a.root.\na.root. 3600000 A "+rootServer+"\n")
	write(t, filepath.Join(dir, "unbound.conf"), fmt.Sprintf(`server:
	interface: %s
	outgoing-interface: %[1]s
	access-control: 0.0.0.0/0 allow
	username: ""
	chroot: ""
	directory: %q
	pidfile: ""
	use-syslog: no
	do-daemonize: no
	do-ip6: no
	module-config: "iterator"
	root-hints: root.hints
	num-threads: 1
remote-control:
	control-enable: no
`, recursor, dir))
	p := start(t, exec.Command("unbound", "-d", "-c", filepath.Join(dir, "unbound.conf")))
	p.untilAnswers(recursor)
	return p
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// untilAnswers waits until the server answers anything.
func (p *process) untilAnswers(addr string) {
	p.t.Helper()
	p.until(addr+" to answer", func() bool {
		_, err := dns.Exchange(new(dns.Msg).SetQuestion(".", dns.TypeSOA), net.JoinHostPort(addr, "53"))
		return err == nil
	})
}

// startStack makes a stack on a TUN device, whose packets the host routes. Its trace is
// checked at the test's end.
func startStack(t *testing.T) *stack.Stack {
	t.Helper()
	dev, err := link.OpenTUN(link.TUNConfig{Name: device})
	if err != nil {
		t.Fatal(err)
	}
	host := netip.MustParsePrefix("198.18.0.1/24")
	nstest.Up(t, device, host)
	tracer := trace.New()
	tracetest.Listen(t, tracer)
	s, err := stack.New(stack.Config{Trace: tracer.Node("tinystack")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.AddInterface(dev, netip.MustParsePrefix(stackIP+"/24")); err != nil {
		t.Fatal(err)
	}
	if err := s.SetDefaultGateway(host.Addr()); err != nil {
		t.Fatal(err)
	}
	return s
}

// newResolver returns an iterative resolver whose sockets are the stack's.
func newResolver(t *testing.T, s *stack.Stack) *dnsclient.Iterative {
	t.Helper()
	client, err := dnsclient.NewClient(dnsclient.ClientConfig{Dialer: s})
	if err != nil {
		t.Fatal(err)
	}
	r, err := dnsclient.NewIterative(dnsclient.IterativeConfig{
		Client: client,
		Roots:  []dnsclient.RootServer{{Name: "a.root.", Addr: netip.MustParseAddr(rootServer)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
