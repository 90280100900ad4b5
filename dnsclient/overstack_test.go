package dnsclient_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
)

// hosts are two stacks on one link: a client's, and one with the addresses .53 and .66.
func hosts(t *testing.T) (client, server *stack.Stack) {
	t.Helper()
	wire, other := link.Pair(link.PairConfig{})
	client, server = host(wire, "198.18.0.1/24"), host(other, "198.18.0.53/24")
	check(server.Interfaces()[1].AddAddress(netip.MustParsePrefix("198.18.0.66/24")))
	t.Cleanup(func() {
		check(client.Close())
		check(server.Close())
	})
	return client, server
}

func socket(t *testing.T, s *stack.Stack, address string) net.PacketConn {
	t.Helper()
	c, err := s.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	nameServer = netip.MustParseAddrPort("198.18.0.53:53")
	wwwQuery   = dnsclient.Query{Question: dns.Question{Name: "www.example.", Qtype: dns.TypeA}, Recursion: true}
)

// An answer from another address or port than was asked is none, though all else in
// it be right (RFC 5452 9.1): it does not reach the socket, and the one that comes
// after it does.
func TestAnswersFromElsewhere(t *testing.T) { synctest.Test(t, testAnswersFromElsewhere) }

func testAnswersFromElsewhere(t *testing.T) {
	client, server := hosts(t)
	at := socket(t, server, "198.18.0.53:53")
	elsewhere := []net.PacketConn{socket(t, server, "198.18.0.66:53"), socket(t, server, "198.18.0.53:54")}
	go func() {
		b := make([]byte, 512)
		n, from, err := at.ReadFrom(b)
		if err != nil {
			return
		}
		answer := func(c net.PacketConn, addr string) {
			q := new(dns.Msg)
			check(q.Unpack(b[:n]))
			m := new(dns.Msg).SetReply(q)
			rr, err := dns.NewRR("www.example. 60 IN A " + addr)
			check(err)
			m.Answer = []dns.RR{rr}
			out, err := m.Pack()
			check(err)
			_, err = c.WriteTo(out, from)
			check(err)
		}
		for _, c := range elsewhere {
			answer(c, "203.0.113.66")
		}
		time.Sleep(time.Second)
		answer(at, "192.0.2.80")
	}()
	c, err := dnsclient.NewClient(dnsclient.ClientConfig{Dialer: client})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Exchange(t.Context(), nameServer, wwwQuery)
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := r.Msg.Answer[0].(*dns.A); !ok || a.A.String() != "192.0.2.80" || r.RTT != time.Second {
		t.Errorf("%v after %v, want the server's own answer after 1s", r.Msg.Answer, r.RTT)
	}
	if n := client.Stats().UDP.NoPorts; n != 2 {
		t.Errorf("%d datagrams had no socket, want the two from elsewhere", n)
	}
}

// Over the stack, where nobody listens the answer is an error at once; where nobody
// is there, after the timeout.
func TestNobodyThere(t *testing.T) { synctest.Test(t, testNobodyThere) }

func testNobodyThere(t *testing.T) {
	client, _ := hosts(t)
	c, err := dnsclient.NewClient(dnsclient.ClientConfig{Dialer: client})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		server  string
		tcp     bool
		wait    time.Duration
		timeout bool
	}{
		{"198.18.0.53:53", false, 0, false},
		{"198.18.0.53:53", true, 0, false},
		{"198.18.0.99:53", false, 5 * time.Second, true},
		{"198.18.0.99:53", true, 5 * time.Second, true},
		{"203.0.113.1:53", false, 0, false}, // no route
	} {
		start, q := time.Now(), wwwQuery
		q.TCP = tt.tcp
		_, err := c.Exchange(t.Context(), netip.MustParseAddrPort(tt.server), q)
		var e *net.DNSError
		if !errors.As(err, &e) || e.IsTimeout != tt.timeout || time.Since(start) != tt.wait {
			t.Errorf("%s, TCP %v: %v after %v; want an error after %v", tt.server, tt.tcp, err, time.Since(start), tt.wait)
		}
	}
}
