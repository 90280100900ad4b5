package dnsclient

import (
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// What "localhost" is.
var (
	localhost4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	localhost6 = netip.IPv6Loopback()
)

// special answers the questions that no server is to be asked, for their answer is
// laid down; nil for all others.
func special(q dns.Question) *Answer {
	switch last := lastLabel(q.Name); {
	case last == "localhost": // RFC 6761 6.3
		return addressAnswer(q, localhost4, localhost6)
	case last == "invalid", last == "onion": // RFC 6761 6.4, RFC 7686 2
		return &Answer{Rcode: dns.RcodeNameError, Cached: true}
	}
	return nil
}

// lastLabel is the top-level domain that a canonical name is in.
func lastLabel(name string) string {
	name = strings.TrimSuffix(name, ".")
	return name[strings.LastIndexByte(name, '.')+1:]
}

// addressAnswer is the answer for a name that has some addresses and nothing else.
func addressAnswer(q dns.Question, addrs ...netip.Addr) *Answer {
	a := &Answer{Cached: true}
	for _, addr := range addrs {
		if rr := addressRecord(q.Name, addr); rr.Header().Rrtype == q.Qtype {
			a.Records = append(a.Records, rr)
		}
	}
	return a
}

// localTTL is the TTL of what this host says by itself: no cache is to keep it.
const localTTL = 0

func addressRecord(name string, addr netip.Addr) dns.RR {
	h := dns.RR_Header{Name: name, Class: dns.ClassINET, Ttl: localTTL}
	if addr.Is4() {
		h.Rrtype = dns.TypeA
		return &dns.A{Hdr: h, A: net.IP(addr.AsSlice())}
	}
	h.Rrtype = dns.TypeAAAA
	return &dns.AAAA{Hdr: h, AAAA: net.IP(addr.AsSlice())}
}
