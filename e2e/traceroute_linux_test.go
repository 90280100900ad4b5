package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// From a stack of its own traceroute finds the host, which is its router, and the stack
// behind it; and says why it ends where the host's routes do.
func TestTraceroute(t *testing.T) {
	t.Parallel()
	if !isolated(t, "ip") {
		return
	}
	forward(t, "1")
	if err := os.WriteFile("/proc/sys/net/ipv4/icmp_ratemask", []byte("0"), 0); err != nil {
		t.Skipf("needs the host to answer each probe: %v", err)
	}
	for _, route := range []string{"unreachable 203.0.113.0/28", "prohibit 203.0.113.16/28", "blackhole 203.0.113.32/28"} {
		if out, err := exec.Command("ip", append([]string{"route", "add"}, strings.Fields(route)...)...).CombinedOutput(); err != nil {
			t.Fatalf("ip route add %s: %s", route, out)
		}
	}
	up(t)
	const ms = `(  \d+\.\d{3} ms)`
	const host, stack = `198\.18\.4\.1`, `198\.18\.0\.2`
	for _, tt := range []struct {
		args string
		code int
		want string // what follows the first line
	}{
		{"-n " + stackIP, 0, ` 1  ` + host + ms + `{3}\n 2  ` + stack + ms + `{3}\n`},
		{"-n -I " + stackIP, 0, ` 1  ` + host + ms + `{3}\n 2  ` + stack + ms + `{3}\n`},
		{stackIP + " -q1", 0, ` 1  ` + host + ` \(` + host + `\)` + ms + `\n 2  ` + stack + ` \(` + stack + `\)` + ms + `\n`},
		{"-n 198.18.4.1", 0, ` 1  ` + host + ms + `{3}\n`},
		{"-n -f2 -p 53 -q2 " + stackIP, 0, ` 2  ` + stack + ms + `{2}\n`}, // one of the ports is up's name server
		// The host's word on where its routes end is one a second, after the first five.
		{"-n 203.0.113.1 -q1", 1, ` 1  ` + host + ms + ` !H\n`},
		{"-n -I 203.0.113.1 -q1", 1, ` 1  ` + host + ms + ` !H\n`},
		{"-n 203.0.113.17 -q1", 1, ` 1  ` + host + ms + ` !X\n`},
		{"-n 203.0.113.33 -m2 -w0.1", 1, ` 1  \* \* \*\n 2  \* \* \*\n`},
		{"-n 203.0.113.65 -q1", 1, ` 1  ` + host + ms + ` !N\n`},
	} {
		p := start(t, tinystack(append([]string{"traceroute"}, strings.Fields(tt.args)...)...))
		p.wantExit(tt.code)
		if got := p.stdout.String(); !regexp.MustCompile(`^traceroute to \S+ \(\S+\), .*\n` + tt.want + `$`).MatchString(got) {
			t.Errorf("traceroute %s:\n%s\nwant\n%s", tt.args, got, tt.want)
		}
	}
}
