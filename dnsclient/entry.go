package dnsclient

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Kind is what an entry of the cache says.
type Kind uint8

// Kinds of entries.
const (
	Positive Kind = iota + 1 // there are records
	NoData                   // the name exists, without records of the type (RFC 2308 2.2)
	NXDomain                 // the name does not exist, nor any below it (RFC 8020)
	Failure                  // the question could not be answered lately (RFC 9520)
)

// String returns the kind in a word.
func (k Kind) String() string {
	switch k {
	case Positive:
		return "positive"
	case NoData:
		return "nodata"
	case NXDomain:
		return "nxdomain"
	case Failure:
		return "failure"
	}
	return "none"
}

// Rank is how much data is to be trusted (RFC 2181 5.4.1): of two that are both
// fresh, the higher one stays in the cache.
type Rank uint8

// Ranks, the least trusted first.
const (
	RankAdditional Rank = iota + 1 // glue, and other additional records
	RankReferral                   // the NS records of a referral
	RankAnswer                     // an answer of a server that is not authoritative
	RankAuthority                  // the authority section of an authoritative answer
	RankAuthAnswer                 // the answer section of an authoritative answer
)

// String returns the rank in a word.
func (r Rank) String() string {
	switch r {
	case RankAdditional:
		return "additional"
	case RankReferral:
		return "referral"
	case RankAnswer:
		return "answer"
	case RankAuthority:
		return "authority"
	case RankAuthAnswer:
		return "authoritative answer"
	}
	return "none"
}

// Entry is what the cache knows of a name and a type, as of when it was asked.
type Entry struct {
	Name string // as CanonicalName has it
	Type uint16 // dns.TypeNone of NXDomain, which is about all types
	Kind Kind
	// Records are those of the name and type if Kind is Positive, else the zone's SOA
	// if there was one, or none. Their TTL is what is left.
	Records []dns.RR
	Rank    Rank
	Source  netip.AddrPort // the server that said so
	TTL     time.Duration  // how long it is fresh yet; not above 0 when stale
	Stale   bool           // it is no longer fresh (RFC 8767)
	Err     error          // of Failure: what failed
}

// StaleTTL is the TTL that stale records are given (RFC 8767 4).
const StaleTTL = 30 * time.Second

// view is the item as its users see it at a time: their own copy of the records,
// with the TTL that is left, from which whole seconds are taken as they pass.
func (i *item) view(now time.Time) Entry {
	e := i.Entry
	e.TTL = i.expires.Sub(now)
	e.Stale = e.TTL <= 0
	ttl := e.TTL
	if e.Stale {
		ttl = StaleTTL
	}
	e.Records = copyRecords(e.Records)
	for _, rr := range e.Records {
		rr.Header().Ttl = uint32((ttl + time.Second - 1) / time.Second)
	}
	return e
}

func copyRecords(records []dns.RR) []dns.RR {
	if len(records) == 0 {
		return nil
	}
	list := make([]dns.RR, len(records))
	for i, rr := range records {
		list[i] = dns.Copy(rr)
	}
	return list
}
