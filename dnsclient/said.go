package dnsclient

import (
	"errors"

	"github.com/miekg/dns"
)

// maxAliases is the most CNAMEs between a name and its records.
const maxAliases = 16

// What is wrong with aliases.
var (
	errAliasLoop      = errors.New("the name's aliases go round in a circle")
	errTooManyAliases = errors.New("the name has too many aliases in a row")
)

func isAliasError(err error) bool {
	return errors.Is(err, errAliasLoop) || errors.Is(err, errTooManyAliases)
}

// DropRecord is why a record in an answer is not used: no alias leads to its name,
// or it is of another type.
const DropRecord DropReason = "a record that nobody asked for"

// said is what an answer says about a question.
type said struct {
	aliases  []dns.RR // CNAMEs, in order from the question's name on
	name     string   // at their end
	records  []dns.RR // of that name and the type asked for
	soa      *dns.SOA // of the zone that has none; may be nil
	nxdomain bool     // the name does not exist
}

// read finds what an answer says about q, whose name is canonical. Of the answer
// section it uses what lies on the way through the aliases, in whatever order, and
// gives the rest to drop.
func read(m *dns.Msg, q dns.Question, drop func(dns.RR)) (s said, err error) {
	s.nxdomain = m.Rcode == dns.RcodeNameError
	if s.aliases, s.name, err = walk(aliasesOf(m.Answer, q), q.Name); err != nil {
		return s, err
	}
	used := map[dns.RR]bool{}
	for _, rr := range s.aliases {
		used[rr] = true
	}
	for _, rr := range m.Answer {
		h := rr.Header()
		switch {
		case h.Rrtype == q.Qtype && h.Class == q.Qclass && dns.CanonicalName(h.Name) == s.name:
			s.records = append(s.records, rr)
		case !used[rr]:
			drop(rr)
		}
	}
	if len(s.records) == 0 {
		s.soa = soaOf(m.Ns, s.name)
	}
	return s, nil
}

// aliasesOf finds the aliases in an answer, by name; of several, which must not be
// (RFC 2181 10.1), the first counts. There are none for who asks for aliases.
func aliasesOf(answer []dns.RR, q dns.Question) map[string]*dns.CNAME {
	found := map[string]*dns.CNAME{}
	if q.Qtype == dns.TypeCNAME {
		return found
	}
	for _, rr := range answer {
		cname, ok := rr.(*dns.CNAME)
		if !ok || cname.Hdr.Class != q.Qclass {
			continue
		}
		if name := dns.CanonicalName(cname.Hdr.Name); found[name] == nil {
			found[name] = cname
		}
	}
	return found
}

// walk follows aliases from a name on to the end.
func walk(aliases map[string]*dns.CNAME, name string) (way []dns.RR, end string, err error) {
	seen := map[string]bool{name: true}
	for cname := aliases[name]; cname != nil; cname = aliases[name] {
		way = append(way, cname)
		name = dns.CanonicalName(cname.Target)
		switch {
		case seen[name]:
			return way, name, errAliasLoop
		case len(way) > maxAliases:
			return way, name, errTooManyAliases
		}
		seen[name] = true
	}
	return way, name, nil
}

// soaOf finds the SOA of a zone that the name could be in.
func soaOf(authority []dns.RR, name string) *dns.SOA {
	for _, rr := range authority {
		if soa, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(dns.CanonicalName(soa.Hdr.Name), name) {
			return soa
		}
	}
	return nil
}

// whole reports whether nothing is left to be asked: there are records, or the word
// that there are none. With aliases alone their end is yet to be looked up.
func (s *said) whole() bool {
	return len(s.records) > 0 || len(s.aliases) == 0 || s.nxdomain || s.soa != nil
}
