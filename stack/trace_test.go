package stack_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/tracetest"
	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/trace"
)

// traced returns two hosts and the router between them, as three does, and what
// they tell. The wire to b is as wire says.
func traced(t *testing.T, wire link.ImpairConfig) (a, b *stack.Stack, log *tracetest.Log) {
	t.Helper()
	tr := trace.New()
	log = tracetest.Listen(t, tr)
	a, b = newStack(t, stack.Config{Trace: tr.Node("a")}), newStack(t, stack.Config{Trace: tr.Node("b")})
	router := newStack(t, stack.Config{IP: ipv4.Config{Forward: true}, Trace: tr.Node("router")})
	join(t, a, "198.18.0.1/24", router, "198.18.0.254/24", link.PairConfig{Name: "left"})
	near, far := link.Pair(link.PairConfig{Name: "right", MTU: 1000})
	bad, err := link.Impair(near, wire)
	must(t, err)
	must(t, router.AddInterface(link.NewCapture(bad), netip.MustParsePrefix("198.19.0.254/24")))
	must(t, b.AddInterface(far, netip.MustParsePrefix("198.19.0.2/24")))
	must(t, a.SetDefaultGateway(netip.MustParseAddr("198.18.0.254")))
	must(t, b.SetDefaultGateway(netip.MustParseAddr("198.19.0.254")))
	return a, b, log
}

// story is that of the last event of a kind at a node.
func story(t *testing.T, log *tracetest.Log, node string, kind trace.Kind) string {
	t.Helper()
	found := log.Events(func(e *trace.Event) bool { return e.Node == node && e.Kind == kind })
	if len(found) == 0 {
		t.Fatalf("no event of kind %v at %s", kind, node)
	}
	return log.Story(found[len(found)-1])
}

func wantStory(t *testing.T, got string, want ...string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	ok := len(lines) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = strings.HasPrefix(lines[i], want[i])
	}
	if !ok {
		t.Errorf("the story is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// A ping's reply is caused by the request, over two hops, and that by the call.
func TestTracePing(t *testing.T) { synctest.Test(t, testTracePing) }

func testTracePing(t *testing.T) {
	a, _, log := traced(t, link.ImpairConfig{})
	if _, err := ping(t, a, "198.19.0.2", 0); err != nil {
		t.Fatal(err)
	}
	wantStory(t, story(t, log, "a", trace.Received),
		"a | call | ping",
		"a | route |  | the longest matching prefix",
		"a | sent |  | echo request",
		"router | received",
		"router | route",
		"router | sent |  | forwarded",
		"b | received",
		"b | sent |  | echo reply",
		"router | received",
		"router | route",
		"router | sent |  | forwarded",
		"a | received")
	routes := log.Events(func(e *trace.Event) bool { return e.Kind == trace.Routed })
	first := routes[0].Route
	if first.Chosen.Dst.String() != "0.0.0.0/0" || first.Chosen.Interface != "lefta" || len(first.Passed) != 0 {
		t.Errorf("a chose %+v", first)
	}
}

// The route that is chosen is told with those that are passed over, the best first.
func TestTraceRoute(t *testing.T) { synctest.Test(t, testTraceRoute) }

func testTraceRoute(t *testing.T) {
	a, _, log := traced(t, link.ImpairConfig{})
	gateway := netip.MustParseAddr("198.18.0.254")
	for _, dst := range []string{"198.0.0.0/8", "198.19.0.2/32", "203.0.113.0/24"} {
		must(t, a.AddRoute(stack.Route{Dst: netip.MustParsePrefix(dst), Gateway: gateway, Metric: 3}))
	}
	ping(t, a, "198.19.0.2", 0)
	r := log.Events(func(e *trace.Event) bool { return e.Kind == trace.Routed && e.Node == "a" })[0].Route
	got := []string{r.Chosen.Dst.String()}
	for _, e := range r.Passed {
		got = append(got, e.Dst.String())
	}
	if s := strings.Join(got, " "); s != "198.19.0.2/32 198.0.0.0/8 0.0.0.0/0" {
		t.Errorf("chosen and passed over: %s", s)
	}
	if r.Chosen.Gateway != gateway || r.Chosen.Metric != 3 {
		t.Errorf("chosen: %+v", r.Chosen)
	}
}

// A packet whose TTL runs out is dropped, and that is what the ICMP error is about.
func TestTraceDrop(t *testing.T) { synctest.Test(t, testTraceDrop) }

func testTraceDrop(t *testing.T) {
	a, _, log := traced(t, link.ImpairConfig{})
	ping(t, a, "198.19.0.2", 1)
	wantStory(t, story(t, log, "a", trace.Received),
		"a | call | ping",
		"a | route",
		"a | sent",
		"router | received",
		"router | dropped | IpDropTTL | the TTL came to zero, RFC 1812 5.3.1",
		"router | sent |  | time exceeded in transit",
		"a | received")
}

// A packet lost on the wire ends there; its story does not.
func TestTraceLoss(t *testing.T) { synctest.Test(t, testTraceLoss) }

func testTraceLoss(t *testing.T) {
	lossy := link.ImpairConfig{}
	lossy.LoseIf = link.Packets(1)
	a, b, log := traced(t, lossy)
	pinged := []string{
		"a | call | ping", "a | route", "a | sent", "router | received", "router | route", "router | sent",
	}
	ping(t, a, "198.19.0.2", 0)
	wantStory(t, story(t, log, "router", trace.Dropped), append(pinged, "router | dropped | Lost | lost on the wire")...)
	must(t, b.RemoveInterface("rightb"))
	ping(t, a, "198.19.0.2", 0)
	wantStory(t, story(t, log, "router", trace.Dropped), append(pinged, "router | dropped | PeerClosed")...)
}

// A datagram is answered because it was read, in fragments too, and a port where nobody
// listens says so.
func TestTraceUDP(t *testing.T) { synctest.Test(t, testTraceUDP) }

func testTraceUDP(t *testing.T) {
	a, b, log := traced(t, link.ImpairConfig{})
	go echoPackets(listenPacket(t, b, ":7"))
	ctx := trace.WithCause(t.Context(), 1) // the first event, of the ping below
	ping(t, a, "198.18.0.254", 0)
	c, err := a.DialContext(ctx, "udp", "198.19.0.2:7")
	must(t, err)
	exchange(t, c, make([]byte, 1200)) // more than the router's link takes
	wantStory(t, story(t, log, "a", trace.Received),
		"a | call | ping",
		"a | call | write",
		"a | route",
		"a | sent |  | datagram",
		"router | received",
		"router | route",
		"router | sent |  | forwarded",
		"b | received",
		"b | call | write",
		"b | route",
		"b | sent |  | datagram",
		"router | received",
		"router | route",
		"router | sent |  | forwarded",
		"a | received")
	if fragments := log.Events(func(e *trace.Event) bool { return e.Kind == trace.Sent && e.Packet.More }); len(fragments) < 2 {
		t.Errorf("%d fragments", len(fragments))
	}
	c = dial(t, a, "udp", "198.19.0.2:9")
	_, err = c.Write([]byte("x"))
	must(t, err)
	time.Sleep(time.Second)
	wantStory(t, story(t, log, "b", trace.Sent),
		"a | call | write",
		"a | route",
		"a | sent",
		"router | received",
		"router | route",
		"router | sent",
		"b | received",
		"b | dropped | UdpNoPorts",
		"b | sent |  | port unreachable")
	if conn := log.Events(func(e *trace.Event) bool { return e.Name == "UdpNoPorts" }); len(conn) != 1 {
		t.Errorf("%d events of the drop", len(conn))
	}
}

// Heard and Because let an application say what it does because of what.
func TestTraceEndpoint(t *testing.T) { synctest.Test(t, testTraceEndpoint) }

func testTraceEndpoint(t *testing.T) {
	a, b, log := traced(t, link.ImpairConfig{})
	server := listenPacket(t, b, ":7")
	go echoPackets(server)
	c := dial(t, a, "udp", "198.19.0.2:7")
	exchange(t, c, []byte("first"))
	end := c.(trace.Endpoint)
	heard := end.Heard()
	if e := log.Events(func(e *trace.Event) bool { return e.ID == heard }); len(e) != 1 || e[0].Kind != trace.Received || e[0].Node != "a" {
		t.Errorf("heard event %d: %+v", heard, e)
	}
	end.Because(1)
	exchange(t, c, []byte("second"))
	writes := log.Events(func(e *trace.Event) bool { return e.Node == "a" && e.Kind == trace.Call })
	if got := writes[len(writes)-1].Cause; got != 1 {
		t.Errorf("the write is because of event %d, not 1", got)
	}
	if end.Heard() <= heard {
		t.Error("the second answer was not heard")
	}
}
