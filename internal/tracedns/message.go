package tracedns

import (
	"strings"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/trace"
)

// What an answer is, as in [trace.DNS].Result.
const (
	resultAnswer   = "answer"
	resultReferral = "referral"
	resultNegative = "negative"
	resultError    = "error"
)

// The rules that answers follow.
const (
	ruleAuthoritative trace.Rule = "authoritative answer: the server has the zone, RFC 1034 4.3.2 3a"
	ruleRecursive     trace.Rule = "answer of a resolver, which asked others or its cache, RFC 1034 4.3.1"
	ruleReferral      trace.Rule = "referral: the name is in a zone below, whose servers know more, RFC 1034 4.3.2 3b"
	ruleNoData        trace.Rule = "the name has no such record, and the SOA says for how long, RFC 2308 2.2"
	ruleNXDomain      trace.Rule = "the name does not exist, and the SOA says for how long, RFC 2308 2.1"
	ruleTruncated     trace.Rule = "truncated: too long for UDP, RFC 2181 9"
	ruleError         trace.Rule = "the server can't or won't answer, RFC 1035 4.1.1"
)

// questionOf is what m asks.
func questionOf(m *dns.Msg) *trace.DNS {
	d := &trace.DNS{ID: m.Id}
	if len(m.Question) == 1 {
		d.Name, d.Type = m.Question[0].Name, dns.Type(m.Question[0].Qtype).String()
	}
	return d
}

// answerOf is what m answers, and the rule that it follows.
func answerOf(m *dns.Msg) (*trace.DNS, trace.Rule) {
	d := questionOf(m)
	d.Code = dns.RcodeToString[m.Rcode]
	records := m.Answer
	var rule trace.Rule
	switch {
	case m.Truncated:
		d.Result, rule = resultError, ruleTruncated
	case m.Rcode == dns.RcodeNameError:
		d.Result, rule, records = resultNegative, ruleNXDomain, append(records, m.Ns...)
	case m.Rcode != dns.RcodeSuccess:
		d.Result, rule = resultError, ruleError
	case len(m.Answer) > 0:
		d.Result, rule = resultAnswer, ruleRecursive
		if m.Authoritative {
			rule = ruleAuthoritative
		}
	case has(m.Ns, dns.TypeNS) && !has(m.Ns, dns.TypeSOA):
		d.Result, rule, records = resultReferral, ruleReferral, m.Ns
		d.Glue = texts(m.Extra)
	default:
		d.Result, rule, records = resultNegative, ruleNoData, m.Ns
	}
	d.Answer = texts(records)
	if len(records) > 0 {
		d.TTL = records[0].Header().Ttl
	}
	return d, rule
}

func has(records []dns.RR, rrtype uint16) bool {
	for _, rr := range records {
		if rr.Header().Rrtype == rrtype {
			return true
		}
	}
	return false
}

// texts is the records as in a zone file, with one space between the fields; EDNS's is none.
func texts(records []dns.RR) (lines []string) {
	for _, rr := range records {
		if rr.Header().Rrtype != dns.TypeOPT {
			lines = append(lines, strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	return trace.Bounded(lines)
}
