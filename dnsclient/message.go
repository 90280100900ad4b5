package dnsclient

import (
	"net"
	"strconv"

	"github.com/miekg/dns"
)

// headerLen is the length of a message's header (RFC 1035 4.1.1).
const headerLen = 12

// CanonicalName returns a name as the cache and the comparisons here have it: fully
// qualified, in lower case, each byte written in the one way that dns.Msg writes
// it. An error is a *net.DNSError that says "no such host", for a name that can't
// be sent can't exist: one with a label of over 63 bytes, or of over 255 in all, or with
// an escape that is no byte.
func CanonicalName(name string) (string, error) {
	var wire [255]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), wire[:], 0, nil, false)
	if badEscape(name) { // of which package dns makes another byte
		name = ""
	}
	if err == nil && name != "" {
		name, _, err = dns.UnpackDomainName(wire[:n], 0)
	}
	if err != nil || name == "" {
		return "", &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return dns.CanonicalName(name), nil
}

// badEscape reports whether there is a \DDD of over 255 (RFC 1035 5.1).
func badEscape(name string) bool {
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			continue
		}
		i++
		ddd := name[min(i, len(name)):min(i+3, len(name))]
		if n, err := strconv.ParseUint(ddd, 10, 16); len(ddd) == 3 && err == nil && n > 255 {
			return true
		}
	}
	return false
}

// message is the query as it is sent.
func (q *Query) message(id uint16) *dns.Msg {
	m := &dns.Msg{Question: []dns.Question{q.Question}}
	m.Id = id
	m.RecursionDesired = q.Recursion
	m.CheckingDisabled, m.AuthenticatedData = q.CheckingDisabled, q.AuthenticData
	if !q.NoEDNS {
		m.SetEdns0(uint16(q.UDPSize), q.DNSSEC)
	}
	return m
}

// refusesEDNS reports whether an answer is that of a server which does not know
// EDNS: an error, and no OPT record in it (RFC 6891 7).
func refusesEDNS(m *dns.Msg) bool {
	return (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) && m.IsEdns0() == nil
}
