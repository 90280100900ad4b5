package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestWANPlan(t *testing.T) {
	t.Parallel()
	p, err := parseWANPlan([]string{"-quick", "-peers", "gvisor,tinystack", "-cc", "cubic|reno", "-rows", "loss", "-seed", "7"})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.contenders) != 4 || len(p.paths) != 3 || p.rounds != wanQuickRounds || p.time != wanQuickTime || p.seed != 7 {
		t.Errorf("got %+v", p)
	}
	for _, c := range []struct{ args, want string }{
		{"-peers lwip", "lwip"},
		{"-cc (", "-cc"},
		{"-cc vegas", "-cc vegas"},
		{"-rows )", "-rows"},
		{"-rows 10g", "-rows 10g"},
		{"-rounds -1", "-rounds"},
		{"-rounds 101", "-rounds"},
		{"-time 499ms", "-time"},
		{"-time 1h", "-time"},
		{"100m-20ms", "nothing else"},
	} {
		_, err := parseWANPlan(strings.Fields(c.args))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", c.args, err, c.want)
		}
	}
}

func TestSNMPCounter(t *testing.T) {
	t.Parallel()
	const text = "Ip: Forwarding RetransSegs\nIp: 1 64\nTcp: RtoMin MaxConn RetransSegs\nTcp: 200 -1 17\n"
	if n, err := snmpCounter(text, "Tcp", "RetransSegs"); n != 17 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	for _, missing := range []string{"", "Tcp: RetransSegs\n", "Tcp: RetransSegs\nTcp:\n"} {
		if n, err := snmpCounter(missing, "Tcp", "RetransSegs"); err == nil {
			t.Errorf("%q: got %d and no error", missing, n)
		}
	}
}

// someWANResults have tinystack at 95 % of the kernel's median with one congestion
// control, and nothing of the kernel with another.
func someWANResults() *wanResults {
	plan := wanPlan{rounds: 3, time: time.Second, seed: 5, paths: paths[:2]}
	for _, a := range []string{"cubic", "reno"} {
		plan.contenders = append(plan.contenders, contender{wanPeers[1], a}, contender{wanPeers[0], a})
	}
	r := newWANResults(plan)
	for _, mbits := range []float64{10, 100, 80} {
		r.add(plan.contenders[0], paths[0], transfer{mbits: mbits, resent: mbits / 10})
	}
	r.add(plan.contenders[1], paths[0], transfer{mbits: 76, resent: 1.5, needed: 1})
	r.add(plan.contenders[3], paths[1], transfer{mbits: 5, resent: 2})
	return r
}

func TestWANTables(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := someWANResults().print(&b); err != nil {
		t.Fatal(err)
	}
	const want = `Mbit/s                 tinystack cubic  kernel cubic  cubic x kernel  tinystack reno  kernel reno  reno x kernel
100 Mbit/s, 20 ms RTT             76.0          80.0            0.95               -            -              -
  1 % random loss                    -             -               -            5.00            -              -

packets sent again, %  tinystack cubic  kernel cubic  tinystack reno  kernel reno
100 Mbit/s, 20 ms RTT             1.50          8.00               -            -
  1 % random loss                    -             -            2.00            -
`
	if got := b.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant it to start with\n%s", got, want)
	}
}

func TestWANMarkdown(t *testing.T) {
	t.Parallel()
	r := someWANResults()
	r.plan.markdown = true
	var b bytes.Buffer
	if err := r.print(&b); err != nil {
		t.Fatal(err)
	}
	const want = `| Mbit/s | tinystack cubic | kernel cubic | cubic x kernel | tinystack reno | kernel reno | reno x kernel |
|---|--:|--:|--:|--:|--:|--:|
| 100 Mbit/s, 20 ms RTT | 76.0 | 80.0 | 0.95 | - | - | - |
`
	if got := b.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant it to start with\n%s", got, want)
	}
}

// A whole run, as short as can be, measures each contender.
func TestWANRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces and TUN devices")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs a TUN device for the servers: %v", err)
	}
	samples := filepath.Join(t.TempDir(), "samples.json")
	var out bytes.Buffer
	traces := t.TempDir()
	args := []string{"wan", "-json", samples, "-trace", traces, "-rounds", "1", "-time", "500ms", "-rows", "^100m-20ms$"}
	if err := run(t.Context(), args, nil, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "Mbit/s") {
		t.Errorf("printed %q", out.String())
	}
	got := readSamples(t, samples)
	for _, name := range []string{"tinystack bbr", "tinystack cubic", "tinystack reno", "kernel cubic", "kernel reno", "gvisor cubic", "gvisor reno"} {
		if v := got[name]["100m-20ms"]; len(v) != 1 || v[0] <= 1 || v[0] > 100 {
			t.Errorf("%s: %v Mbit/s of 100", name, v)
		}
	}
	for _, name := range []string{"tinystack", "kernel"} {
		checkTrace(t, filepath.Join(traces, "100m-20ms-"+name+"-cubic-1.tsv"))
	}
}

// checkTrace wants a trace in which data is acknowledged, in 20 ms a round trip.
func checkTrace(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	names, last := strings.Split(lines[0], "\t"), strings.Split(lines[len(lines)-1], "\t")
	if len(lines) < 10 || len(names) != len(last) {
		t.Fatalf("%s has %d lines, the last is %q", file, len(lines), last)
	}
	for name, least := range map[string]int{"acked": 1e5, "cwnd": 1e4, "minrtt_us": 20_000, "rtt_us": 20_000} {
		if v, err := strconv.Atoi(last[slices.Index(names, name)]); err != nil || v < least {
			t.Errorf("%s ends with %s %d, want at least %d (%v)", file, name, v, least, err)
		}
	}
}

// An interrupted run ends soon, and with an error.
func TestWANInterrupted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	start := time.Now()
	if err := run(ctx, []string{"wan", "-peers", "kernel", "-cc", "cubic"}, nil, &bytes.Buffer{}); err == nil {
		t.Error("no error")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
