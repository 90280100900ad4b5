package dnsclient

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// message is an answer in the form of dig's: sections begin with ";; ", the first is
// the answer, and the first line has the flags and the response code.
func message(q dns.Question, text string) *dns.Msg {
	m := &dns.Msg{Question: []dns.Question{q}}
	m.Response = true
	section := &m.Answer
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); line {
		case "":
		case "aa":
			m.Authoritative = true
		case "nxdomain":
			m.Rcode = dns.RcodeNameError
		case ";; authority":
			section = &m.Ns
		case ";; additional":
			section = &m.Extra
		default:
			*section = append(*section, rr(line))
		}
	}
	return m
}

// String tells what was found in a line, and below it what was dropped.
func (f *finding) String() string {
	kinds := []string{"lame", "failed", "answer", "alias", "nodata", "nxdomain", "referral"}
	var b strings.Builder
	b.WriteString(kinds[f.kind])
	if len(f.aliases) > 0 {
		fmt.Fprintf(&b, " by %d to %s", len(f.aliases), f.name)
	}
	for _, rr := range f.records {
		fmt.Fprintf(&b, " %s", strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	if f.soa != nil {
		fmt.Fprintf(&b, " soa %s", f.soa.Hdr.Name)
	}
	if f.cut != nil {
		fmt.Fprintf(&b, " %s is served by %s", f.cut.zone, strings.Join(f.cut.names(), " "))
		for _, rr := range f.cut.glue {
			fmt.Fprintf(&b, " %s", addressOf(rr))
		}
	}
	for _, u := range f.unused {
		fmt.Fprintf(&b, "\n%s: %s", strings.Join(strings.Fields(u.record.String()), " "), u.reason)
	}
	return b.String()
}

// classified is what is to be made of answers.
var classified = map[string]struct {
	zone, q string
	qtype   uint16
	text    string
	want    string
}{
	"an answer": {
		"example.", "www.example.", dns.TypeA, "aa\nwww.example. A 192.0.2.80",
		"answer 192.0.2.80",
	},
	"an answer in other letters": {
		"example.", "www.example.", dns.TypeA, "aa\nWWW.EXAMPLE. A 192.0.2.80\n;; authority\nEXAMPLE. NS NS.example.\n;; additional\nns.EXAMPLE. A 192.0.2.1",
		"answer 192.0.2.80 example. is served by ns.example. 192.0.2.1",
	},
	"an answer of a server that is not authoritative": {
		"example.", "www.example.", dns.TypeA, "www.example. A 192.0.2.80",
		"lame",
	},
	"an alias and its end": {
		"example.", "www.example.", dns.TypeA, "aa\nhost.example. A 192.0.2.80\nwww.example. CNAME Host.example.",
		"answer by 1 to host.example. 192.0.2.80",
	},
	"an alias to elsewhere, whose end is not believed": {
		"example.", "www.example.", dns.TypeA, "aa\nwww.example. CNAME host.test.\nhost.test. A 203.0.113.66",
		"alias by 1 to host.test.\nhost.test. 3600 IN A 203.0.113.66: a record that is not in the server's zone",
	},
	"an alias to elsewhere that is said not to exist": {
		"example.", "www.example.", dns.TypeA, "aa\nnxdomain\nwww.example. CNAME host.test.\n;; authority\ntest. SOA a.test. b.test. 1 2 3 4 5",
		"alias by 1 to host.test.\ntest. 3600 IN SOA a.test. b.test. 1 2 3 4 5: a record that is not in the server's zone",
	},
	"an alias in the zone to what does not exist": {
		"example.", "www.example.", dns.TypeA, "aa\nnxdomain\nwww.example. CNAME host.example.\n;; authority\nexample. SOA a.test. b.test. 1 2 3 4 5",
		"nxdomain by 1 to host.example. soa example.",
	},
	"an alias and another that nobody can tell from the first": {
		"example.", "www.example.", dns.TypeA, "aa\nwww.example. CNAME a.example.\nwww.example. CNAME b.example.\nb.example. A 192.0.2.1",
		"alias by 1 to a.example.\nwww.example. 3600 IN CNAME b.example.: a record that nobody asked for\nb.example. 3600 IN A 192.0.2.1: a record that nobody asked for",
	},
	"the alias itself, asked for": {
		"example.", "www.example.", dns.TypeCNAME, "aa\nwww.example. CNAME www.example.",
		"answer www.example.",
	},
	"a denial": {
		"example.", "www.example.", dns.TypeA, "aa\nnxdomain\n;; authority\nexample. SOA a.test. b.test. 1 2 3 4 5",
		"nxdomain soa example.",
	},
	"a denial of a server that is not authoritative": {
		"example.", "www.example.", dns.TypeA, "nxdomain\n;; authority\nexample. SOA a.test. b.test. 1 2 3 4 5",
		"lame",
	},
	"a denial with the SOA of the zone above": {
		"example.", "www.example.", dns.TypeA, "aa\nnxdomain\n;; authority\n. SOA a.test. b.test. 1 2 3 4 5",
		"nxdomain\n. 3600 IN SOA a.test. b.test. 1 2 3 4 5: a record that is not in the server's zone",
	},
	"a denial with the SOA of a zone beside": {
		"example.", "www.example.", dns.TypeA, "aa\nnxdomain\n;; authority\nw.example. SOA a.test. b.test. 1 2 3 4 5",
		"nxdomain",
	},
	// RFC 2308 2.2: the three types.
	"no data, type 1": {
		"example.", "www.example.", dns.TypeA,
		"aa\n;; authority\nexample. SOA a.test. b.test. 1 2 3 4 5\nexample. NS ns1.example.\n;; additional\nns1.example. A 192.0.2.1",
		"nodata soa example. example. is served by ns1.example. 192.0.2.1",
	},
	"no data, type 2": {
		"example.", "www.example.", dns.TypeA, "aa\n;; authority\nexample. SOA a.test. b.test. 1 2 3 4 5",
		"nodata soa example.",
	},
	"no data, type 3": {
		"example.", "www.example.", dns.TypeA, "aa",
		"nodata",
	},
	"nothing": {
		"example.", "www.example.", dns.TypeA, "",
		"lame",
	},
	"a referral": {
		"example.", "www.a.example.", dns.TypeA,
		";; authority\na.example. NS ns.a.example.\na.example. NS ns.test.\n;; additional\nns.a.example. A 192.0.2.1\nns.a.example. AAAA 2001:db8::1",
		"referral a.example. is served by ns.a.example. ns.test. 192.0.2.1 2001:db8::1",
	},
	"a referral that claims authority": {
		"example.", "www.a.example.", dns.TypeA, "aa\n;; authority\na.example. NS ns.a.example.",
		"referral a.example. is served by ns.a.example.",
	},
	"glue of another zone": {
		"example.", "www.a.example.", dns.TypeA,
		";; authority\na.example. NS www.google.com.\n;; additional\nwww.google.com. A 203.0.113.66",
		"referral a.example. is served by www.google.com.\nwww.google.com. 3600 IN A 203.0.113.66: a record that is not in the server's zone",
	},
	"the zone's own servers, from one that is none": {
		"example.", "www.a.example.", dns.TypeA, ";; authority\nexample. NS ns.example.",
		"lame\nexample. 3600 IN NS ns.example.: a referral to the zone itself or further up",
	},
	"a referral to the root": {
		"example.", "www.a.example.", dns.TypeA, ";; authority\n. NS a.root-servers.net.\n;; additional\na.root-servers.net. A 198.41.0.4",
		"lame\n. 3600 IN NS a.root-servers.net.: a referral to the zone itself or further up\na.root-servers.net. 3600 IN A 198.41.0.4: a record that is not in the server's zone",
	},
	"a referral aside": {
		"example.", "www.a.example.", dns.TypeA, ";; authority\nb.example. NS ns.test.\nwww.google.com. NS ns.test.",
		"lame\nwww.google.com. 3600 IN NS ns.test.: a record that is not in the server's zone\nb.example. 3600 IN NS ns.test.: a referral to a zone that was not asked about",
	},
	"two referrals": {
		"example.", "www.a.example.", dns.TypeA, ";; authority\na.example. NS ns1.test.\nwww.a.example. NS ns2.test.\na.example. NS ns3.test.\na.example. NS NS1.test.",
		"referral a.example. is served by ns1.test. ns3.test.\nwww.a.example. 3600 IN NS ns2.test.: a referral to a zone that was not asked about",
	},
	"a referral of the DS, which is here": {
		"example.", "a.example.", dns.TypeDS, ";; authority\na.example. NS ns.test.",
		"lame\na.example. 3600 IN NS ns.test.: a referral to a zone that was not asked about",
	},
	"a record of another class": {
		"example.", "www.example.", dns.TypeA, "aa\nwww.example. CH A 192.0.2.1",
		"nodata\nwww.example. 3600 CH A 192.0.2.1: a record that is not of class IN",
	},
	"poison in every section": {
		"example.", "www.example.", dns.TypeA,
		"aa\nwww.example. A 192.0.2.80\nwww.google.com. A 203.0.113.66\n;; authority\ngoogle.com. NS ns.example.\n;; additional\nwww.google.com. A 203.0.113.66",
		"answer 192.0.2.80\nwww.google.com. 3600 IN A 203.0.113.66: a record that is not in the server's zone\n" +
			"google.com. 3600 IN NS ns.example.: a record that is not in the server's zone\n" +
			"www.google.com. 3600 IN A 203.0.113.66: a record that is not in the server's zone",
	},
	"what nobody asked for": {
		"example.", "www.example.", dns.TypeA, "aa\nwww.example. A 192.0.2.80\nother.example. A 192.0.2.81",
		"answer 192.0.2.80\nother.example. 3600 IN A 192.0.2.81: a record that nobody asked for",
	},
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for name, c := range classified {
		f := classify(question(c.q, c.qtype), c.zone, message(question(c.q, c.qtype), c.text))
		if got := f.String(); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// Of what is an error nothing is believed.
func TestClassifyErrors(t *testing.T) {
	t.Parallel()
	q := question("www.example.", dns.TypeA)
	for rcode, want := range map[int]kind{
		dns.RcodeServerFailure: kindFailed, dns.RcodeFormatError: kindFailed, dns.RcodeNotImplemented: kindFailed,
		dns.RcodeYXDomain: kindFailed, dns.RcodeBadVers: kindFailed,
		dns.RcodeRefused: kindLame, dns.RcodeNotAuth: kindLame,
	} {
		m := message(q, "aa\nwww.example. A 192.0.2.80\n;; authority\nexample. NS ns.example.")
		m.Rcode = rcode
		if f := classify(q, "example.", m); f.kind != want || f.cut != nil || len(f.records) > 0 {
			t.Errorf("%s: %v, want %d and nothing else", dns.RcodeToString[rcode], f, want)
		}
	}
}

// A zone has as many servers as are of use, however many there are in the message.
func TestClassifyExcess(t *testing.T) {
	t.Parallel()
	q := question("www.example.", dns.TypeA)
	m := message(q, "")
	for i := range 100 {
		m.Ns = append(m.Ns, rr(fmt.Sprintf("example. NS ns%d.example.", i)))
		m.Extra = append(m.Extra, rr(fmt.Sprintf("ns0.example. A 192.0.2.%d", i+1)))
	}
	f := classify(q, ".", m)
	if len(f.cut.ns) != maxZoneServers || len(f.cut.glue) != maxGlue || len(f.unused) != 200-maxZoneServers-maxGlue {
		t.Errorf("kept %d servers and %d addresses, dropped %d", len(f.cut.ns), len(f.cut.glue), len(f.unused))
	}
}
