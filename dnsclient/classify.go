package dnsclient

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// kind is what the answer of a zone's server means.
type kind uint8

const (
	// kindLame: the server is none of the zone's, whatever else it may know.
	kindLame kind = iota
	// kindFailed: it says that it can't answer.
	kindFailed
	// kindAnswer: there are records of the type.
	kindAnswer
	// kindAlias: the name stands for another, of which the question is to be asked.
	kindAlias
	// kindNoData: the name exists, records of the type do not.
	kindNoData
	// kindNXDomain: the name does not exist, nor do names below it.
	kindNXDomain
	// kindReferral: the servers of a zone further down know more.
	kindReferral
)

// finding is what is believed of an answer, and what is not.
type finding struct {
	q      dns.Question
	source netip.AddrPort // the server
	kind   kind
	said
	// cut is who serves a zone: one further down in a referral, else, where the
	// answer tells, the very zone.
	cut *cut
	// unused are the records that are not believed.
	unused []unused
}

// unused is a record that is not believed, and why.
type unused struct {
	record dns.RR
	reason DropReason
}

// Reasons to drop a record of an authoritative server's answer.
const (
	DropBailiwick DropReason = "a record that is not in the server's zone"
	DropUpward    DropReason = "a referral to the zone itself or further up"
	DropReferral  DropReason = "a referral to a zone that was not asked about"
	DropClass     DropReason = "a record that is not of class IN"
	DropExcess    DropReason = "a record more than are kept"
	DropAddress   DropReason = "an address that no server can have"
)

// classify tells what the answer m to q means, given that who sent it was asked as
// a server of zone. Such a server is believed only what is in that zone: a record
// of another is dropped in whatever section it is (RFC 5452 6).
func classify(q dns.Question, zone string, m *dns.Msg) *finding {
	f := &finding{q: q, kind: kindFailed}
	switch {
	case m.Rcode == dns.RcodeRefused || m.Rcode == dns.RcodeNotAuth:
		f.kind = kindLame
		return f
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError, m.Truncated:
		return f
	}
	m = f.believe(zone, m)
	// An error is that of aliases which lead nowhere. So far they are the answer.
	f.said, _ = read(m, q, func(rr dns.RR) { f.drop(rr, DropRecord) })
	if m.Authoritative {
		f.judge(zone, m)
	} else {
		f.judgeReferral(zone, m)
	}
	if f.cut != nil {
		f.addGlue(m.Extra)
	}
	f.dropServers(zone, m.Ns)
	return f
}

// believe returns the message with those of its records only that a server of zone
// may speak of.
func (f *finding) believe(zone string, m *dns.Msg) *dns.Msg {
	return &dns.Msg{
		MsgHdr: m.MsgHdr,
		Answer: f.believed(zone, m.Answer),
		Ns:     f.believed(zone, m.Ns),
		Extra:  f.believed(zone, m.Extra),
	}
}

func (f *finding) believed(zone string, section []dns.RR) []dns.RR {
	var believed []dns.RR
	for _, rr := range section {
		h := rr.Header()
		switch {
		case h.Rrtype == dns.TypeOPT: // of the message, not of a zone
		case h.Class != dns.ClassINET:
			f.drop(rr, DropClass)
		case inZone(zone, h.Name):
			believed = append(believed, rr)
		case h.Rrtype == dns.TypeNS && inZone(h.Name, zone):
			f.drop(rr, DropUpward)
		default:
			f.drop(rr, DropBailiwick)
		}
	}
	return believed
}

func (f *finding) drop(rr dns.RR, reason DropReason) {
	f.unused = append(f.unused, unused{rr, reason})
}

// judge finds the kind of an authoritative answer.
func (f *finding) judge(zone string, m *dns.Msg) {
	f.cut = f.findCut(slices.Concat(m.Ns, f.records), func(owner string) bool { return owner == zone })
	switch {
	case len(f.records) > 0:
		f.kind = kindAnswer
	case len(f.aliases) > 0 && f.soa == nil:
		// What is at their end is to be asked for by its name: even where it is in this
		// zone, the response code may not be about it (RFC 2308 2.2.1).
		f.kind, f.nxdomain = kindAlias, false
	case f.nxdomain:
		f.kind = kindNXDomain
	case f.soa == nil && f.refers(zone, m.Ns): // AA is wrong there, yet it occurs
	default:
		f.kind = kindNoData // RFC 2308 2.2, of whatever type
	}
}

// judgeReferral finds whether an answer without AA is a referral. Anything else, be
// it right, is not the answer of a server of the zone.
func (f *finding) judgeReferral(zone string, m *dns.Msg) {
	referral := len(m.Answer) == 0 && f.soa == nil && !f.nxdomain
	f.kind, f.said = kindLame, said{}
	if referral {
		f.refers(zone, m.Ns)
	}
}

// refers finds a referral to a zone on the way to the name: further down than this
// one, for any other could lead round in a circle.
func (f *finding) refers(zone string, authority []dns.RR) bool {
	c := f.findCut(authority, func(owner string) bool {
		return below(zone, owner) && inZone(owner, f.q.Name) && !(atParent(f.q.Qtype) && owner == f.q.Name)
	})
	if c == nil {
		return false
	}
	f.kind, f.cut = kindReferral, c
	return true
}

// dropServers drops the NS records that lead nowhere.
func (f *finding) dropServers(zone string, authority []dns.RR) {
	for _, rr := range authority {
		switch owner := dns.CanonicalName(rr.Header().Name); {
		case rr.Header().Rrtype != dns.TypeNS || f.cut != nil && owner == f.cut.zone:
		case owner == zone:
			f.drop(rr, DropUpward)
		default:
			f.drop(rr, DropReferral)
		}
	}
}
