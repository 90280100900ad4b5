package dnsclient

import "github.com/miekg/dns"

// Minimise says how much of the question the iterative resolver shows to servers
// that can't answer it anyway (QNAME minimisation, RFC 9156).
type Minimise uint8

const (
	// MinimiseRelaxed asks for one label more at a time. Where that fails or finds
	// no such name, the whole question is asked: some servers deny names that have
	// nothing but names below them, and some answer type A alone wrongly.
	MinimiseRelaxed Minimise = iota
	// MinimiseStrict takes such an answer as it is: below a name that does not
	// exist is nothing (RFC 8020).
	MinimiseStrict
	// MinimiseOff sends the whole question to every server.
	MinimiseOff
)

const (
	// minimiseCount is the most questions that are minimised for one name, the RFC's
	// MAX_MINIMISE_COUNT, so that a name of a hundred labels is not a hundred questions.
	minimiseCount = 10
	// minimiseOneLabel is how many of them add a single label, MINIMISE_ONE_LAB.
	minimiseOneLabel = 4
	// hiddenType is asked for in place of the question's type: the one that stands
	// out least, and that every server answers (RFC 9156 2.1).
	hiddenType = dns.TypeA
)

// minimiser chooses the names to ask for on the way down to one name.
type minimiser struct {
	q     dns.Question
	off   bool
	steps int
}

// next returns what to ask for, given the longest part of the name that is known, a
// zone or a name within it; and whether that is the whole question.
func (m *minimiser) next(known string) (q dns.Question, whole bool) {
	labels, shown := dns.CountLabel(m.q.Name), dns.CountLabel(known)
	hidden := labels - shown
	if m.off || hidden == 0 || (hidden == 1 && atParent(m.q.Qtype)) { // RFC 9156 3 (3)
		return m.q, true
	}
	shown += m.labels(hidden)
	m.steps++
	for shown < labels && underscored(m.q.Name, shown) && underscored(m.q.Name, shown+1) {
		shown++ // labels with an underscore are no administrative boundaries (2.3)
	}
	if shown == labels && (m.q.Qtype == hiddenType || atParent(m.q.Qtype)) {
		return m.q, true
	}
	return dns.Question{Name: lastLabels(m.q.Name, shown), Qtype: hiddenType, Qclass: m.q.Qclass}, false
}

// labels returns how many of the hidden labels the next question shows: one at
// first, then what is left in proportion, the remainder last (RFC 9156 2.3).
func (m *minimiser) labels(hidden int) int {
	switch {
	case m.steps < minimiseOneLabel:
		return 1
	case m.steps < minimiseCount:
		return max(1, hidden/(minimiseCount-m.steps))
	default:
		return hidden
	}
}

// atParent reports whether records of the type are on the parent's side of a zone
// cut (RFC 4035 2.4).
func atParent(qtype uint16) bool { return qtype == dns.TypeDS }

// underscored reports whether the n'th label from the end begins with an underscore.
func underscored(name string, n int) bool { return lastLabels(name, n)[0] == '_' }
