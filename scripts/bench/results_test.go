package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 5}, 5},
		{[]float64{8, 2, 4, 100}, 6},
	} {
		if got, ok := median(c.values); !ok || got != c.want {
			t.Errorf("median(%v) = %v, %v; want %v", c.values, got, ok, c.want)
		}
	}
	if _, ok := median(nil); ok {
		t.Error("there is a median of nothing")
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		sorted []time.Duration
		q      float64
		want   time.Duration
	}{
		{nil, 0.5, 0},
		{hundred[:1], 0.99, 1},
		{hundred, 0.50, 51},
		{hundred, 0.99, 100},
		{hundred, 1, 100},
	} {
		if got := quantile(c.sorted, c.q); got != c.want {
			t.Errorf("quantile(%d values, %v) = %v, want %v", len(c.sorted), c.q, got, c.want)
		}
	}
}

func TestParseWrk(t *testing.T) {
	t.Parallel()
	const good = "Running 1s test @ http://198.18.0.2/hello\n  1 threads and 16 connections\n" +
		"  22114 requests in 1.10s, 2.59MB read\nRequests/sec:  20109.38\nTransfer/sec:      2.36MB\n"
	if got, err := parseWrk([]byte(good)); got != 20109.38 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	for name, bad := range map[string]string{
		"nothing":     "",
		"a bad reply": strings.Replace(good, "Requests/sec", "  Non-2xx or 3xx responses: 7\nRequests/sec", 1),
		"an error":    strings.Replace(good, "Requests/sec", "  Socket errors: connect 0, read 3, write 0, timeout 0\nRequests/sec", 1),
	} {
		if got, err := parseWrk([]byte(bad)); err == nil {
			t.Errorf("%s: got %v and no error", name, got)
		}
	}
}

// Loads survive their way to the client's process.
func TestLoadArgs(t *testing.T) {
	t.Parallel()
	want := load{Kind: "echo", Conns: 16, Warm: 150 * time.Millisecond, Time: 2 * time.Second, Server: 4711}
	got, err := parseLoad(want.args()[1:]) // the first says that it is a client
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

// someResults have tinystack twice as good as the kernel in two rows, and no
// value of the kernel's in a third.
func someResults() *results {
	r := &results{
		plan:    plan{peers: []peer{peers[0], peers[3]}, rounds: 3, time: time.Second},
		machine: "a machine", date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		samples: samples{},
	}
	r.samples.add(peers[0].name, values{"down1": 30, "echo1-p50": 12.5, "connect": 1234})
	r.samples.add(peers[3].name, values{"down1": 15, "echo1-p50": 25})
	return r
}

func TestText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := writeText(&b, someResults()); err != nil {
		t.Fatal(err)
	}
	const want = `measure               unit    tinystack  kernel  x kernel
down, 1 connection    Gbit/s       30.0    15.0      2.00
  median              µs           12.5    25.0      2.00
connect, echo, close  1/s          1234       -         -

2026-01-02, a machine.
`
	if got := b.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant it to start with\n%s", got, want)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := writeMarkdown(&b, someResults()); err != nil {
		t.Fatal(err)
	}
	const want = `| measure | unit | tinystack | kernel | x kernel |
|---|---|--:|--:|--:|
| down, 1 connection | Gbit/s | 30.0 | 15.0 | 2.00 |
`
	if got := b.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant it to start with\n%s", got, want)
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "samples.json")
	if err := someResults().write(name); err != nil {
		t.Fatal(err)
	}
	if got := readSamples(t, name); got["kernel"]["down1"][0] != 15 {
		t.Errorf("got %v", got)
	}
}

func readSamples(t *testing.T, name string) map[string]map[string][]float64 {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema  int
		Samples map[string]map[string][]float64
	}
	if err := json.Unmarshal(b, &got); err != nil || got.Schema != 1 {
		t.Fatalf("%v: %s", err, b)
	}
	return got.Samples
}

// Every value that a measure finds has its row, and every row a measure.
func TestRowsAreMeasured(t *testing.T) {
	t.Parallel()
	for _, r := range rows {
		name, _, _ := strings.Cut(r.key, "-")
		found := strings.HasPrefix(name, "idle")
		for _, m := range timed {
			found = found || m.name == name
		}
		if !found {
			t.Errorf("row %q is of no measure", r.key)
		}
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	p, err := parsePlan([]string{"-quick", "-peers", "kernel,tinystack", "-measures", "^(down|idle)"})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.peers) != 2 || p.peers[0].name != "kernel" || len(p.timed) != 2 || p.idle != quickIdle || p.rounds != quickRounds {
		t.Errorf("got %+v", p)
	}
	for _, args := range [][]string{
		{"-peers", "lwip"},
		{"-measures", "("},
		{"-rounds", "-1"},
		{"-time", "1h"},
		{"down1"},
	} {
		if _, err := parsePlan(args); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
