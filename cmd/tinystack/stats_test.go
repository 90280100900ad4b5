package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tinystack/tinystack/internal/control"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
)

// newInstance is a stack without a device that can be seen into, as "up" has one.
func newInstance(t *testing.T) *stack.Stack {
	t.Helper()
	t.Setenv(control.RuntimeDirVar, t.TempDir()+"/r")
	s, err := stack.New(stack.Config{})
	if err != nil {
		t.Fatal(err)
	}
	dev, other := link.Pair(link.PairConfig{})
	n := &network{stack: s, dev: link.NewCapture(dev)}
	window := n.openWindow(slog.New(slog.DiscardHandler))
	if window == nil {
		t.Fatal("no window")
	}
	t.Cleanup(func() {
		window.Close()
		s.Close()
		dev.Close()
		other.Close()
	})
	return s
}

// runLine runs a command line.
func runLine(t *testing.T, ctx context.Context, line string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := run(ctx, strings.Fields(line), &stdout, &stderr)
	if stderr.Len() > 0 {
		t.Errorf("%q says %s", line, &stderr)
	}
	return stdout.String(), err
}

func TestStats(t *testing.T) {
	s := newInstance(t)
	if _, err := s.Dial("tcp", "127.0.0.1:9"); err == nil {
		t.Fatal("a connection to nobody")
	}
	got, err := runLine(t, t.Context(), "stats")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"TcpActiveOpens", "TcpAttemptFails", "TcpOutRsts", "TcpInNoPort", "IfInPackets lo"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(got), "\n") {
		if len(line) > 80 || strings.HasSuffix(line, " 0") || strings.Contains(line, "Udp") {
			t.Errorf("the line %q, want counters that are not zero", line)
		}
	}
	if all, err := runLine(t, t.Context(), "stats -a"); err != nil || !strings.Contains(all, "UdpInDatagrams") {
		t.Errorf("stats -a: %v\n%s", err, all)
	}
	var a statsAnswer
	out, err := runLine(t, t.Context(), "stats --json")
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if err != nil || a.Schema != control.Schema || a.Counters["TcpActiveOpens"] != 1 || a.value("IfInPackets", "lo") != 2 {
		t.Errorf("stats --json: %v\n%s", err, out)
	}
}

// onText is a writer that acts once a text has been written.
type onText struct {
	written string
	texts   []string
	act     []func()
}

func (o *onText) Write(p []byte) (int, error) {
	o.written += string(p)
	for len(o.texts) > 0 && strings.Contains(o.written, o.texts[0]) {
		o.act[0]()
		o.texts, o.act = o.texts[1:], o.act[1:]
	}
	return len(p), nil
}

// What changed is printed each time, until interrupted, which is no error.
func TestStatsWatch(t *testing.T) {
	s := newInstance(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dial := func() { _, _ = s.Dial("tcp", "127.0.0.1:9") }
	out := &onText{texts: []string{"watching ", "TcpActiveOpens"}, act: []func(){dial, cancel}}
	err := run(ctx, strings.Fields("stats --watch 0.1"), out, io.Discard)
	if got := out.written; err != nil || !strings.Contains(got, "change      per second\n") ||
		!strings.Contains(got, "TcpActiveOpens                                +1") {
		t.Errorf("stats --watch: %v\n%s", err, got)
	}
}

func TestStatsWatchJSON(t *testing.T) {
	newInstance(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := &onText{texts: []string{"}\n{"}, act: []func(){cancel}}
	err := run(ctx, strings.Fields("stats --json --watch 100ms"), out, io.Discard)
	lines := strings.Split(strings.TrimSpace(out.written), "\n")
	if err != nil || len(lines) != 2 {
		t.Errorf("%v, want two lines: %s", err, out.written)
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	last := &statsAnswer{Time: at, Counters: map[string]uint64{"TcpInSegs": 10, "TcpCurrEstab": 5, "UdpNoPorts": 1}}
	now := &statsAnswer{Time: at.Add(2 * time.Second), Counters: map[string]uint64{"TcpInSegs": 13, "TcpCurrEstab": 4, "UdpNoPorts": 1}}
	const want = `
03:04:07.0                                change      per second
TcpCurrEstab                                  -1            -0.5
TcpInSegs                                     +3             1.5
`
	if got := changes(now, last, false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// ss and stats end with the code that says why there is nothing to see.
func TestInstanceErrors(t *testing.T) {
	t.Setenv(control.RuntimeDirVar, t.TempDir()+"/r")
	for _, line := range []string{"ss", "stats", "ss --dev t0"} {
		_, err := runLine(t, t.Context(), line)
		if exitCode(err) != exitNoInstance || !strings.Contains(err.Error(), "is running; start one with: tinystack up") {
			t.Errorf("%q: %v, exit code %d; want %d", line, err, exitCode(err), exitNoInstance)
		}
	}
	for kind, want := range map[error]int{
		control.ErrNone: exitNoInstance, control.ErrStale: exitNoInstance, control.ErrAmbiguous: exitUsage, control.ErrPrivilege: exitMissing,
	} {
		if got := exitCode(instanceError(kind)); got != want {
			t.Errorf("%v: exit code %d, want %d", kind, got, want)
		}
	}
	if err := instanceError(nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}

func TestWindowUsage(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"ss state nonsense", `there is no state "nonsense"`},
		{"ss state", `there is no state ""`},
		{"ss established", `there is no filter "established"`},
		{"ss sport 65536", `"65536" is not a port`},
		{"ss dport =", `"" is not a port`},
		{"ss --dev a/b", `--dev "a/b" is not an interface's name`},
		{"stats 1", "an interval is for --watch"},
		{"stats --watch 1 2", "one interval at most"},
		{"stats --watch 0.01", `interval "0.01" is out of range: 0.1 seconds to a day`},
		{"stats --watch 25h", `interval "25h" is out of range`},
		{"stats --watch NaN", `interval "NaN" is out of range`},
		{"stats --watch x", `interval "x" is out of range`},
	} {
		if _, err := runLine(t, t.Context(), tt.line); exitCode(err) != exitUsage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want a usage error with %q", tt.line, err, tt.want)
		}
	}
}
