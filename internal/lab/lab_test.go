package lab

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/tracetest"
	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/trace"
)

var webAddr = netip.MustParseAddr("203.0.113.80")

// newLab returns a lab that the test closes.
func newLab(t *testing.T, cfg Config) *Lab {
	t.Helper()
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func ping(t *testing.T, l *Lab, ttl int) ipv4.EchoReply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	r, err := l.Node("host").Stack().Ping(ctx, ipv4.EchoRequest{Remote: webAddr, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The host reaches the web server, and a round trip takes what the wires take.
func TestPing(t *testing.T) { synctest.Test(t, testPing) }

func testPing(t *testing.T) {
	l := newLab(t, Config{})
	tracetest.Listen(t, l.Trace())
	r := ping(t, l, 0)
	var delay time.Duration
	for _, name := range []string{"lan", "access", "backbone", "peering", "web"} {
		delay += 2 * l.Wire(name).Impairment().Delay
	}
	const sending = 40 * time.Microsecond // 84 bytes, at each node's rate
	if r.Err != nil || r.From != webAddr || r.TTL != 64-4 || r.RTT < delay || r.RTT > delay+sending {
		t.Errorf("reply %+v; the wires take %v", r, delay)
	}
}

// With a TTL of 1, 2, 3 and 4 each router on the way tells of itself, in order.
func TestTraceroute(t *testing.T) { synctest.Test(t, testTraceroute) }

func testTraceroute(t *testing.T) {
	l := newLab(t, Config{})
	tracetest.Listen(t, l.Trace())
	var path []string
	for ttl := 1; ttl <= 5; ttl++ {
		r := ping(t, l, ttl)
		if want := uint8(11); ttl < 5 && r.Type != want {
			t.Errorf("TTL %d: ICMP type %d", ttl, r.Type)
		}
		path = append(path, l.Owner(r.From).Name())
	}
	if got := strings.Join(path, " "); got != "home isp core edge web" {
		t.Errorf("the path is %s", got)
	}
}

// Every node reaches every other one by each of its addresses.
func TestRouting(t *testing.T) { synctest.Test(t, testRouting) }

func testRouting(t *testing.T) {
	l := newLab(t, Config{})
	for _, from := range l.Nodes() {
		for _, to := range l.Nodes() {
			for _, addr := range to.Addrs() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				r, err := from.Stack().Ping(ctx, ipv4.EchoRequest{Remote: addr})
				cancel()
				if err != nil || r.Err != nil {
					t.Errorf("from %s to %s at %v: %v, %v", from.Name(), to.Name(), addr, r.Err, err)
				}
			}
		}
	}
	if l.Owner(netip.MustParseAddr("198.51.100.77")) != nil || l.Node("nowhere") != nil || l.Wire("none") != nil {
		t.Error("something is there that is not")
	}
}

// Distinct delays keep packets from arriving at the same moment: no two sets of wires
// take the same time.
func TestDelaysDiffer(t *testing.T) {
	t.Parallel()
	sums := map[time.Duration]string{0: ""}
	for _, w := range wireSpecs {
		for sum, of := range maps.Clone(sums) {
			if other, ok := sums[sum+w.delay]; ok {
				t.Errorf("%s %s and %s take both %v", of, w.name, other, sum+w.delay)
			}
			sums[sum+w.delay] = of + " " + w.name
		}
	}
}

// What is out of range is refused by its name.
func TestConfig(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"Config.MTU is 500":            {MTU: 500},
		"Config.MTU is 9000":           {MTU: 9000},
		"Config.Pace is 2s":            {Pace: 2 * time.Second},
		"host: tcp: Config.Congestion": {Host: tcp.Config{Congestion: "guess"}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), strings.SplitN(want, ": ", 2)[0]) {
			t.Errorf("%+v: %v, want %s", cfg, err, want)
		}
	}
}

// Close leaves no goroutine, in a bubble and outside, and what was open ends.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	l, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Node("host").DialContext(t.Context(), "tcp", "203.0.113.80:80")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlives the lab")
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a second Close: %v", err)
	}
	for range 100 { // an http.Server's and timers' need a moment to leave
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// A wire can be changed while the lab runs, in one direction too.
func TestWireImpair(t *testing.T) { synctest.Test(t, testWireImpair) }

func testWireImpair(t *testing.T) {
	l := newLab(t, Config{})
	before := ping(t, l, 0).RTT
	w := l.Wire("access")
	cfg := w.Impairment()
	cfg.Delay += 100 * time.Millisecond
	if err := w.Impair(cfg); err != nil {
		t.Fatal(err)
	}
	if got := ping(t, l, 0).RTT; got != before+200*time.Millisecond {
		t.Errorf("a round trip takes %v, before the change %v", got, before)
	}
	if got := w.Impairment().Delay; got != cfg.Delay {
		t.Errorf("the delay is %v, set to %v", got, cfg.Delay)
	}
	cfg.Loss = 2
	if w.Impair(cfg) == nil || w.Impairment().Loss != 0 {
		t.Error("a loss of 200% was taken")
	}
	in := cfg.Impairment
	in.Loss = 1
	if err := w.Impair(link.ImpairConfig{Impairment: w.Impairment().Impairment, In: &in}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := l.Node("host").Stack().Ping(ctx, ipv4.EchoRequest{Remote: webAddr}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an answer over a wire that loses all towards the host: %v", err)
	}
	if s := w.Stats(); s.In.Lost != 1 || s.Out.Lost != 0 {
		t.Errorf("lost %d towards the host, %d from it", s.In.Lost, s.Out.Lost)
	}
}

// The trace may be the caller's.
func TestOwnTrace(t *testing.T) { synctest.Test(t, testOwnTrace) }

func testOwnTrace(t *testing.T) {
	tr := trace.New()
	nodes := map[string]bool{}
	defer tr.Subscribe(func(e *trace.Event) { nodes[e.Node] = true })()
	l := newLab(t, Config{Trace: tr})
	ping(t, l, 0)
	for _, want := range []string{"host", "home", "isp", "core", "edge", "web"} {
		if !nodes[want] {
			t.Errorf("nothing was told of %s", want)
		}
	}
	if l.Trace() != tr {
		t.Error("Trace is another one")
	}
}
