package lab

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/tracetest"
	"github.com/tinystack/tinystack/trace"
)

// asked is the questions told since the event from, one to a line: who asked whom for what.
func asked(l *Lab, log *tracetest.Log, from int) string {
	var lines []string
	for _, e := range log.Events(func(e *trace.Event) bool { return e.Kind == trace.Question && e.Rule != "" })[from:] {
		to := l.Owner(netip.MustParseAddrPort(e.DNS.Server).Addr()).Name()
		if to != e.Node {
			lines = append(lines, e.Node+" "+to+" "+e.DNS.Name)
		}
	}
	return strings.Join(lines, "\n")
}

// A name goes from cache to cache, and down from the root; the second time the host's own
// cache knows it.
func TestLookup(t *testing.T) { synctest.Test(t, testLookup) }

func testLookup(t *testing.T) {
	l := newLab(t, Config{})
	log := tracetest.Listen(t, l.Trace())
	want := "host home www.google.com.\nhome resolver www.google.com.\n" +
		"resolver root com.\nresolver com google.com.\nresolver ns www.google.com."
	for range 2 {
		addrs, err := l.Node("host").LookupNetIP(t.Context(), "ip4", "www.google.com")
		if err != nil || len(addrs) != 1 || addrs[0] != webAddr {
			t.Errorf("www.google.com is %v, %v", addrs, err)
		}
		if got := asked(l, log, 0); got != want {
			t.Errorf("asked:\n%s\nwant:\n%s", got, want)
		}
	}
	for _, name := range []string{"host", "home", "resolver"} {
		if len(l.Node(name).Cache().Snapshot()) == 0 {
			t.Errorf("%s remembers nothing", name)
		}
	}
	if l.Node("web").Cache() != nil || l.Node("web").Resolver() != nil {
		t.Error("the web server has a resolver")
	}
}

// A program dials names; what the host's cache has forgotten, the router's may still know.
func TestDialName(t *testing.T) { synctest.Test(t, testDialName) }

func testDialName(t *testing.T) {
	l := newLab(t, Config{})
	log := tracetest.Listen(t, l.Trace())
	for range 2 {
		c, err := l.Node("host").DialContext(t.Context(), "udp", "www.google.com:9")
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		l.Node("host").Cache().Flush()
		time.Sleep(time.Second)
	}
	if got := asked(l, log, 0); !strings.HasSuffix(got, "\nhost home www.google.com.") {
		t.Errorf("asked:\n%s", got)
	}
}

// What does not exist is not found, and nobody has to ask twice.
func TestNoSuchName(t *testing.T) { synctest.Test(t, testNoSuchName) }

func testNoSuchName(t *testing.T) {
	l := newLab(t, Config{})
	log := tracetest.Listen(t, l.Trace())
	for range 2 {
		var e *net.DNSError
		if _, err := l.Node("host").LookupNetIP(t.Context(), "ip4", "nothing.google.com"); !errors.As(err, &e) || !e.IsNotFound {
			t.Errorf("nothing.google.com: %v", err)
		}
	}
	if n := strings.Count(asked(l, log, 0), "host home"); n != 1 {
		t.Errorf("the host asked %d times", n)
	}
}
