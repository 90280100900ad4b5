package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// The times of a SOA record are told in words.
func TestSpelled(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[uint32]string{
		0: "0 seconds", 1: "1 second", 60: "1 minute", 3601: "1 hour 1 second", 86400: "1 day", 1209600: "2 weeks",
		4294967295: "7101 weeks 3 days 6 hours 28 minutes 15 seconds",
	} {
		if got := spelled(seconds); got != want {
			t.Errorf("%d is %q, want %q", seconds, got, want)
		}
	}
}

// A SOA record takes several lines with +multiline, and in the numbers' places.
func TestMultiline(t *testing.T) {
	t.Parallel()
	rr, err := dns.NewRR("example. 60 IN SOA ns.example. a\\ b.example. 2026112200 1800 900 604800 86400")
	if err != nil {
		t.Fatal(err)
	}
	o := newDigOptions()
	o.multiline = true
	l := o.layout()
	const want = `example.		60 IN SOA ns.example. a\032b.example. (
				2026112200 ; serial
				1800       ; refresh (30 minutes)
				900        ; retry (15 minutes)
				604800     ; expire (1 week)
				86400      ; minimum (1 day)
				)
`
	if got := l.records([]dns.RR{rr}); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What a name may be short for, with the options of the search.
func TestDigSearch(t *testing.T) {
	t.Parallel()
	conf := dnsclient.ResolvConf{Search: []string{"a.example.", "b.example."}, Ndots: 2, NoTLDQuery: true}
	for line, want := range map[string]string{
		"www":                            "www",
		"+search www":                    "www.a.example. www.b.example. www.",
		"+search www.":                   "www.",
		"+search www.x":                  "www.x.a.example. www.x.b.example. www.x.",
		"+search www.x.y":                "www.x.y.",
		"+search +nosearch www":          "www",
		"+ndots=1 www.x":                 "www.x.",
		"+ndots=0 www":                   "www.",
		"+domain=C.example www":          "www.c.example. www.",
		"+domain=c.example +ndots=4 w.x": "w.x.c.example. w.x.",
	} {
		p, err := parseDigLine(t, line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if got := strings.Join(p.queries[0].names(conf), " "); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// With -b the server sees the question come from there.
func TestDigBind(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	from := make(chan netip.Addr, 1)
	go func() {
		b := make([]byte, 1500)
		n, at, err := pc.ReadFrom(b)
		q := new(dns.Msg)
		if err != nil || q.Unpack(b[:n]) != nil {
			return
		}
		from <- at.(*net.UDPAddr).AddrPort().Addr()
		answer, _ := new(dns.Msg).SetReply(q).Pack()
		_, _ = pc.WriteTo(answer, at)
	}()
	line := "-b 127.0.0.3 +short www.example"
	if _, code := digOut(t, fmt.Sprint(pc.LocalAddr().(*net.UDPAddr).Port), line); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if got := <-from; got.Unmap() != netip.MustParseAddr("127.0.0.3") {
		t.Errorf("it came from %v", got)
	}
}
