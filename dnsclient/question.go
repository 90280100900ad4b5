package dnsclient

import (
	"net"

	"github.com/miekg/dns"
)

// checkQuestion returns q with its name canonical, or why it can't be resolved: of a
// class that is not IN there are no servers known, and types such as ANY are for
// talk with one server (RFC 6895 3.1).
func checkQuestion(q dns.Question) (dns.Question, error) {
	name, err := CanonicalName(q.Name)
	if err != nil {
		return q, err
	}
	q.Name = name
	if q.Qclass == 0 {
		q.Qclass = dns.ClassINET
	}
	if q.Qclass != dns.ClassINET || isMeta(q.Qtype) {
		unsupported := &ExtendedError{Code: dns.ExtendedErrorCodeNotSupported, Text: "class or type"}
		return q, &net.DNSError{Err: unsupported.Error(), Name: name, UnwrapErr: unsupported}
	}
	return q, nil
}

// isMeta reports whether no record has the type.
func isMeta(qtype uint16) bool {
	return qtype == dns.TypeNone || qtype == dns.TypeOPT || qtype >= 128 && qtype <= 255
}
