package dnsclient

import "github.com/tinystack/tinystack/internal/counter"

// IterativeStats are an iterative resolver's counters.
type IterativeStats struct {
	FrontStats

	Queries           uint64 // questions put to servers
	MergedQueries     uint64 // questions whose answer came for another one's sake
	Lookups           uint64 // questions for the address of a server
	Referrals         uint64 // referrals followed
	Lame              uint64 // answers of servers that are none of the zone's
	Refused           uint64 // answers that are an error
	Unanswered        uint64 // questions to a server without an answer
	MinimiseFallbacks uint64 // questions that were shown whole after a part of it failed

	// What ended a question that would have been too much work.
	LimitQueries uint64 // too many queries
	LimitDepth   uint64 // too many lookups for the sake of each other
	LimitCycle   uint64 // a lookup for its own sake
	LimitLookups uint64 // too many servers of one zone without an address

	// Why records were dropped; see [DropReason].
	DropRecord    uint64
	DropBailiwick uint64
	DropUpward    uint64
	DropReferral  uint64
	DropClass     uint64
	DropExcess    uint64
	DropAddress   uint64
}

// Stats returns the counters as they are now.
func (r *Iterative) Stats() IterativeStats { return counter.Snapshot(&r.stats) }

// drops is the counter of records dropped for a reason.
func (s *IterativeStats) drops(reason DropReason) *uint64 {
	switch reason {
	case DropBailiwick:
		return &s.DropBailiwick
	case DropUpward:
		return &s.DropUpward
	case DropReferral:
		return &s.DropReferral
	case DropClass:
		return &s.DropClass
	case DropExcess:
		return &s.DropExcess
	case DropAddress:
		return &s.DropAddress
	}
	return &s.DropRecord
}
