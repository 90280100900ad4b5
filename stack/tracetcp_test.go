package stack_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/tracetest"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/trace"
)

// answers is a server that answers what it reads with n bytes and closes.
func answers(t *testing.T, s *stack.Stack, n int) {
	t.Helper()
	ln := listen(t, s, ":80")
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.Read(make([]byte, 100))
				c.Write(make([]byte, n))
			}()
		}
	}()
}

// ask sends a request and reads the answer to its end.
func ask(t *testing.T, s *stack.Stack, address string) int64 {
	t.Helper()
	c := dial(t, s, "tcp", address)
	defer c.Close()
	_, err := c.Write([]byte("request"))
	must(t, err)
	n, err := io.Copy(io.Discard, c)
	must(t, err)
	return n
}

// states are the states that a node's connection to a port went through.
func states(log *tracetest.Log, node string) string {
	var names []string
	for _, e := range log.Events(func(e *trace.Event) bool { return e.Node == node && e.Kind == trace.StateChange }) {
		if len(names) == 0 {
			names = append(names, e.State.From)
		}
		names = append(names, e.State.To)
	}
	return strings.Join(names, " ")
}

// A connection is told from the call that opens it to the end of TIME-WAIT, and each
// segment's cause leads back to that call.
func TestTraceTCP(t *testing.T) { synctest.Test(t, testTraceTCP) }

func testTraceTCP(t *testing.T) {
	a, b, log := traced(t, link.ImpairConfig{Impairment: link.Impairment{Delay: time.Millisecond}})
	answers(t, b, 5000)
	if n := ask(t, a, "198.19.0.2:80"); n != 5000 {
		t.Fatalf("%d bytes", n)
	}
	time.Sleep(2 * time.Minute)
	if got := states(log, "a"); got != "CLOSED SYN-SENT ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED" {
		t.Errorf("a: %s", got)
	}
	// FIN-WAIT-2 is left out where the peer's FIN acknowledges ours (RFC 9293 3.3.2).
	if got := strings.Replace(states(log, "b"), " FIN-WAIT-2", "", 1); got != "LISTEN SYN-RECEIVED ESTABLISHED FIN-WAIT-1 TIME-WAIT CLOSED" {
		t.Errorf("b: %s", got)
	}
	var rules []string
	for _, e := range log.Events(func(e *trace.Event) bool { return e.Kind == trace.Sent && e.Packet.TCP != nil && e.Node != "router" }) {
		name, _, _ := strings.Cut(string(e.Rule), ":")
		rules = append(rules, e.Node+" "+e.Packet.TCP.Flags+" "+name)
	}
	want := "a S SYN, b S. SYN-ACK, a . ACK, a P. data, b . data"
	if got := strings.Join(rules, ", "); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "a F. FIN, b . ACK") {
		t.Errorf("sent %s", got)
	}
	last := story(t, log, "a", trace.Received) // the ACK of a's FIN
	for _, line := range []string{
		"a | call | dial", "a | sent |  | SYN: the application opens", "b | sent |  | SYN-ACK", "a | received", "a | call | write",
		"a | sent |  | data: within the initial window", "b | call | close",
		"b | sent |  | FIN: the application has closed", "a | call | close", "a | sent |  | FIN", "b | sent |  | ACK: of the peer's FIN",
	} {
		at := strings.Index(last, line)
		if at < 0 {
			t.Fatalf("%q is not, or not then, in the story\n%s", line, last)
		}
		last = last[at:]
	}
}

// What is lost is sent again because of what showed it.
func TestTraceRetransmission(t *testing.T) { synctest.Test(t, testTraceRetransmission) }

func testTraceRetransmission(t *testing.T) {
	wire := link.ImpairConfig{Impairment: link.Impairment{Delay: time.Millisecond}}
	wire.In = &link.Impairment{Delay: time.Millisecond, LoseIf: link.Packets(4, 60)}
	a, b, log := traced(t, wire)
	answers(t, b, 100_000)
	ask(t, a, "198.19.0.2:80")
	again := log.Events(func(e *trace.Event) bool {
		return e.Node == "b" && e.Kind == trace.Sent && strings.HasPrefix(string(e.Rule), "fast retransmit")
	})
	if len(again) < 2 {
		t.Fatalf("%d fast retransmits", len(again))
	}
	for _, line := range []string{"a | sent |  | duplicate ACK", "b | received", "b | sent |  | fast retransmit"} {
		if s := log.Story(again[0]); !strings.Contains(s, line) {
			t.Errorf("%q is not in the story\n%s", line, s)
		}
	}
	phases := map[string]bool{}
	for _, e := range log.Events(func(e *trace.Event) bool { return e.Kind == trace.CongestionChange && e.Node == "b" }) {
		phases[e.Congestion.Phase] = true
		if e.Rule == "" || e.Congestion.Cwnd == 0 || e.Congestion.MSS == 0 {
			t.Errorf("%+v, %s", e.Congestion, e.Rule)
		}
	}
	for _, want := range []string{"slow start", "recovery", "congestion avoidance"} {
		if !phases[want] {
			t.Errorf("no word of %s", want)
		}
	}
}

// A timer that expires is told, and is the cause of what is sent then.
func TestTraceTimers(t *testing.T) { synctest.Test(t, testTraceTimers) }

func testTraceTimers(t *testing.T) {
	wire := link.ImpairConfig{Impairment: link.Impairment{Delay: time.Millisecond, LoseIf: link.Packets(1, 4)}} // SYN, request
	a, b, log := traced(t, wire)
	answers(t, b, 10)
	ask(t, a, "198.19.0.2:80")
	time.Sleep(5 * time.Minute)
	for _, want := range []struct{ node, timer, sent string }{
		{"a", "retransmission", "SYN again"},
		{"a", "retransmission", "retransmission timeout"},
		{"b", "TIME-WAIT", ""},
	} {
		timers := map[trace.ID]bool{}
		for _, e := range log.Events(func(e *trace.Event) bool { return e.Node == want.node && e.Kind == trace.Timer && e.Name == want.timer }) {
			timers[e.ID] = true
		}
		sent := log.Events(func(e *trace.Event) bool {
			return timers[e.Cause] && e.Kind == trace.Sent && strings.HasPrefix(string(e.Rule), want.sent)
		})
		if len(timers) == 0 || want.sent != "" && len(sent) != 1 {
			t.Errorf("%s: %d timers %s, of which %d sent %s", want.node, len(timers), want.timer, len(sent), want.sent)
		}
	}
}

// Whatever happens, there is a cause and a rule for every packet and every drop: Listen checks it.
func TestTraceBadDays(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testTraceBadDay(t, seed) })
		})
	}
}

func testTraceBadDay(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	bad := link.ImpairConfig{Seed: seed, Impairment: link.Impairment{
		Delay: 5 * time.Millisecond, Jitter: time.Millisecond, Rate: 20e6, Queue: 5 * time.Millisecond,
		Loss: rng.Float64() / 20, Duplicate: rng.Float64() / 20, Corrupt: rng.Float64() / 30, Reorder: rng.Float64() / 20,
	}}
	a, b, log := traced(t, bad)
	answers(t, b, 200_000)
	ln := listen(t, b, ":81") // which accepts and reads nothing
	defer ln.Close()
	got := make(chan int64)
	go func() { got <- ask(t, a, "198.19.0.2:80") }()
	go func() {
		c, err := a.Dial("tcp", "198.19.0.2:81")
		if err == nil {
			c.SetDeadline(time.Now().Add(30 * time.Second))
			c.Write(make([]byte, 5<<20))
			c.(interface{ SetLinger(int) error }).SetLinger(0)
			c.Close()
		}
		got <- 0
	}()
	for _, address := range []string{"198.19.0.2:99", "203.0.113.1:80"} { // refused; no route
		if c, err := a.Dial("tcp", address); err == nil {
			c.Close()
			t.Errorf("%s is there", address)
		}
	}
	if n := <-got + <-got; n != 200_000 {
		t.Errorf("%d bytes", n)
	}
	time.Sleep(3 * time.Minute)
	kinds := map[trace.Kind]int{}
	for _, e := range log.Events(func(*trace.Event) bool { return true }) {
		kinds[e.Kind]++
	}
	if kinds[trace.Dropped] == 0 || kinds[trace.Timer] == 0 {
		t.Errorf("what happened: %v", kinds)
	}
}
