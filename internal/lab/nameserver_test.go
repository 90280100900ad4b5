package lab

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// text is records in a few words each: name, type and value.
func text(records []dns.RR) string {
	var words []string
	for _, rr := range records {
		h := rr.Header()
		value := strings.TrimPrefix(rr.String(), h.String())
		if h.Rrtype == dns.TypeSOA {
			value = "-"
		}
		words = append(words, h.Name+" "+dns.TypeToString[h.Rrtype]+" "+value)
	}
	return strings.Join(words, ", ")
}

// Each server answers for its zones, and refers down the tree to who knows more, with the
// addresses of those in bailiwick (RFC 1034 4.3.2).
func TestNameServers(t *testing.T) { synctest.Test(t, testNameServers) }

func testNameServers(t *testing.T) {
	const (
		gtldNS   = "com. NS a.gtld-servers.net., com. NS b.gtld-servers.net."
		gtldGlue = "a.gtld-servers.net. A 198.18.2.5, b.gtld-servers.net. A 198.18.2.6"
		ggNS     = "google.com. NS ns1.google.com., google.com. NS ns2.google.com."
		ggGlue   = "ns1.google.com. A 203.0.113.10, ns2.google.com. A 203.0.113.11"
	)
	l := newLab(t, Config{})
	client, err := dnsclient.NewClient(dnsclient.ClientConfig{Dialer: l.Node("host")})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		server, name   string
		qtype          uint16
		rcode          int
		auth           bool
		answer, ns, ex string
	}{
		{"198.18.1.4", "www.google.com.", dns.TypeA, 0, false, "", gtldNS, gtldGlue},
		{"198.18.1.4", "WWW.Google.COM.", dns.TypeA, 0, false, "", gtldNS, gtldGlue},
		{"198.18.1.4", "com.", dns.TypeNS, 0, false, "", gtldNS, gtldGlue},
		{"198.18.1.4", ".", dns.TypeNS, 0, true, ". NS a.root-servers.net.", "", ""},
		{"198.18.1.4", "a.root-servers.net.", dns.TypeA, 0, true, "a.root-servers.net. A 198.18.1.4", "", ""},
		{"198.18.1.4", "example.org.", dns.TypeA, dns.RcodeNameError, true, "", ". SOA -", ""},
		{"198.18.2.5", "www.google.com.", dns.TypeA, 0, false, "", ggNS, ggGlue},
		{"198.18.2.6", "www.google.com.", dns.TypeA, 0, false, "", ggNS, ggGlue},
		{"198.18.2.5", "nothing.com.", dns.TypeA, dns.RcodeNameError, true, "", "com. SOA -", ""},
		{"198.18.2.5", "example.org.", dns.TypeA, dns.RcodeRefused, false, "", "", ""},
		{"198.18.2.5", "b.gtld-servers.net.", dns.TypeA, 0, true, "b.gtld-servers.net. A 198.18.2.6", "", ""},
		{"203.0.113.10", "www.google.com.", dns.TypeA, 0, true, "www.google.com. A 203.0.113.80", "", ""},
		{"203.0.113.11", "www.google.com.", dns.TypeA, 0, true, "www.google.com. A 203.0.113.80", "", ""},
		{"203.0.113.10", "www.google.com.", dns.TypeAAAA, 0, true, "", "google.com. SOA -", ""},
		{
			"203.0.113.10", "images.google.com.", dns.TypeA, 0, true,
			"images.google.com. CNAME www.google.com., www.google.com. A 203.0.113.80", "", "",
		},
		{"203.0.113.10", "images.google.com.", dns.TypeCNAME, 0, true, "images.google.com. CNAME www.google.com.", "", ""},
		{"203.0.113.10", "nobody.google.com.", dns.TypeA, dns.RcodeNameError, true, "", "google.com. SOA -", ""},
		{"203.0.113.10", "com.", dns.TypeNS, dns.RcodeRefused, false, "", "", ""},
	}
	for _, tt := range tests {
		for _, tcp := range []bool{false, true} {
			q := dnsclient.Query{Question: dns.Question{Name: tt.name, Qtype: tt.qtype}, TCP: tcp}
			r, err := client.Exchange(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(tt.server), 53), q)
			if err != nil {
				t.Errorf("%s about %s: %v", tt.server, tt.name, err)
				continue
			}
			m := r.Msg
			extra := m.Extra
			if len(extra) > 0 && m.IsEdns0() != nil {
				extra = extra[:len(extra)-1]
			}
			if m.Rcode != tt.rcode || m.Authoritative != tt.auth || text(m.Answer) != tt.answer || text(m.Ns) != tt.ns || text(extra) != tt.ex {
				t.Errorf("%s about %s %s, TCP %v:\n%v", tt.server, tt.name, dns.TypeToString[tt.qtype], tcp, m)
			}
		}
	}
}

// A negative answer holds for as long as the zone says (RFC 2308 3).
func TestNegativeTTL(t *testing.T) {
	t.Parallel()
	z, err := readZone("google.com.")
	if err != nil {
		t.Fatal(err)
	}
	if ttl := z.negative().Header().Ttl; ttl != 60 {
		t.Errorf("the TTL is %d s, not the SOA's minimum", ttl)
	}
}

// An answer is no longer than the client takes over UDP (RFC 6891 6.2.3).
func TestUDPSize(t *testing.T) {
	t.Parallel()
	for want, size := range map[int]uint16{512: 100, 1000: 1000, 1232: 4096} {
		m := new(dns.Msg).SetEdns0(size, false)
		if got := udpSize(m); got != want {
			t.Errorf("EDNS says %d, and an answer may have %d bytes, not %d", size, got, want)
		}
	}
	if got := udpSize(new(dns.Msg)); got != 512 {
		t.Errorf("without EDNS an answer may have %d bytes", got)
	}
}

// Names between a record and the origin exist, without records (RFC 8020 2), and what is
// not a question about the Internet is refused.
func TestZoneCorners(t *testing.T) {
	t.Parallel()
	z, err := readZone("google.com.")
	if err != nil {
		t.Fatal(err)
	}
	rr, err := dns.NewRR("a.b.c.google.com. 60 IN A 203.0.113.81")
	if err != nil {
		t.Fatal(err)
	}
	z.add(rr)
	s := &nameServer{zones: []*zone{z}}
	ask := func(name string, change func(*dns.Msg)) *dns.Msg {
		q := new(dns.Msg).SetQuestion(name, dns.TypeA)
		change(q)
		return s.reply(q)
	}
	asIs := func(*dns.Msg) {}
	for _, tt := range []struct {
		name    string
		change  func(*dns.Msg)
		answers int
		rcode   int
	}{
		{"a.b.c.google.com.", asIs, 1, dns.RcodeSuccess},
		{"b.c.google.com.", asIs, 0, dns.RcodeSuccess},
		{"x.c.google.com.", asIs, 0, dns.RcodeNameError},
		{"www.google.com.", func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }, 0, dns.RcodeRefused},
		{"www.google.com.", func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }, 0, dns.RcodeNotImplemented},
	} {
		if m := ask(tt.name, tt.change); len(m.Answer) != tt.answers || m.Rcode != tt.rcode {
			t.Errorf("%s: %v", tt.name, m)
		}
	}
}
