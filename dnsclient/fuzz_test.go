package dnsclient

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Whatever arrives, it is the answer to the question or it is dropped; and what is
// kept of it lies on the way from the question's name.
func FuzzAnswer(f *testing.F) {
	q := question("www.example.", dns.TypeA)
	query := new(dns.Msg).SetQuestion(q.Name, q.Qtype)
	query.Id = 7
	negative := failing(query, dns.RcodeNameError)
	negative.Ns = []dns.RR{soa("example.")}
	for _, m := range []*dns.Msg{
		reply(query, wwwA), negative, failing(query, dns.RcodeFormatError),
		reply(query, "www.example. 60 IN CNAME a.example.", "a.example. 60 IN A 192.0.2.1", "evil.example. 60 IN A 203.0.113.66"),
		reply(query, "www.example. 60 IN CNAME www.example."),
	} {
		b := packed(m)
		f.Add(b)
		f.Add(b[:len(b)-3])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, reason := check(b, 7, q)
		if (m == nil) == (reason == "") {
			t.Fatalf("message %v, reason %q", m, reason)
		}
		if m == nil {
			return
		}
		if m.Id != 7 || !m.Response || len(m.Question) > 1 {
			t.Fatalf("accepted: %v", m)
		}
		if len(m.Question) == 1 && (!strings.EqualFold(m.Question[0].Name, q.Name) || m.Question[0].Qtype != q.Qtype) {
			t.Fatalf("accepted as the answer to another question: %v", m)
		}
		s, err := read(m, q, func(dns.RR) {})
		if err != nil {
			return
		}
		c, err := NewCache(CacheConfig{})
		if err != nil {
			t.Fatal(err)
		}
		c.putSaid(t.Context(), q, &s, RankAnswer, server1)
		way := []string{q.Name}
		for _, alias := range s.aliases {
			way = append(way, dns.CanonicalName(alias.(*dns.CNAME).Target))
		}
		for _, e := range c.Snapshot() {
			if !slices.Contains(way, e.Name) || len(way) > maxAliases+1 || e.TTL > 24*time.Hour {
				t.Errorf("kept %+v, the way is %v", e, way)
			}
		}
	})
}

// Whatever a client sends, what it gets is a message that can be read, is an answer
// with its id, and is no longer than it may be.
func FuzzServer(f *testing.F) {
	s, err := NewServer(ServerConfig{Resolver: answers(func(_ context.Context, q dns.Question) (*Answer, error) {
		if strings.HasPrefix(q.Name, "f") {
			return nil, errLame
		}
		return &Answer{Records: slices.Repeat([]dns.RR{rr("www.example. 60 IN A 192.0.2.80")}, 99)}, nil
	})})
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"www.example.", "fail.example."} {
		f.Add(queryBytes(7, name))
	}
	f.Add(packed((&Query{Question: question("www.example.", dns.TypeANY), NoEDNS: true}).message(7)))
	client := netip.MustParseAddrPort(clientIP + ":4000")
	f.Fuzz(func(t *testing.T, b []byte) {
		for network, most := range map[string]int{"udp": DefaultUDPSize, "tcp": dns.MaxMsgSize} {
			out := s.answer(client, network, b)
			if out == nil {
				continue
			}
			m, err := parse(out)
			if err != nil || !m.Response || m.Id != uint16(b[0])<<8|uint16(b[1]) || len(out) > most {
				t.Errorf("over %s: %v, %d bytes: %v", network, err, len(out), m)
			}
		}
		if out := truncatedOnly(b); len(out) > len(b) {
			t.Errorf("%d bytes point %d bytes to TCP", len(out), len(b))
		}
	})
}

// Whatever a file says, what is read of it can be used.
func FuzzFiles(f *testing.F) {
	f.Add("nameserver 192.0.2.1\nsearch a.example b.example\noptions ndots:2 timeout:1\n")
	f.Add("127.0.0.1 localhost\n::1 localhost ip6-localhost # loopback\n")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := ParseResolvConf(strings.NewReader(text)); err == nil {
			if len(c.Servers) > maxServers || len(c.Search) > maxSearch || c.Timeout < 0 || c.Timeout > maxTimeout*time.Second || c.Attempts > maxAttempts {
				t.Errorf("%+v", c)
			}
			for _, name := range c.Names("host") {
				_, _ = CanonicalName(name)
			}
		}
		if h, err := ParseHosts(strings.NewReader(text)); err == nil {
			for name, addrs := range h.addrs {
				if again, err := CanonicalName(name); err != nil || again != name || len(addrs) == 0 || h.owns[name] == "" {
					t.Errorf("%q: %v, %v, its host is %q", name, addrs, err, h.owns[name])
				}
			}
		}
	})
}
