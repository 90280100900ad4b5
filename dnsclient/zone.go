package dnsclient

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

const (
	// dnsPort is where servers are asked.
	dnsPort = 53
	// maxTries is how often a server that does not answer may be asked the same (RFC
	// 9520 3.1).
	maxTries = 3
	// maxLookups is how many of a zone's servers are looked up that came without an
	// address, so that a referral to many does not have us flood whoever knows them, or
	// has to say that there are no such names (the NXNS attack).
	maxLookups = 4
)

var (
	errNotServer = errors.New("it is no server of the zone")
	errRefused   = errors.New("a server refused to answer")
)

// asking is a question to the servers of one zone.
type asking struct {
	t       *task
	cut     *cut
	q       dns.Question
	whole   bool // it is the whole question
	waiting trail

	servers []candidate
	tries   map[netip.Addr]int
	probed  bool     // one that rests was asked
	looked  []string // the names that were looked up
	limited bool     // there were more
	refused error    // what was wrong with the last answer that was none
	silent  error    // why there was no answer at all, the last time
}

// askZone asks the servers of a zone until one gives an answer.
func (t *task) askZone(c *cut, q dns.Question, whole bool, waiting trail) (*finding, error) {
	a := &asking{t: t, cut: c, q: q, whole: whole, waiting: waiting, tries: map[netip.Addr]int{}}
	a.servers = t.r.addresses(c)
	for {
		server, ok := a.next()
		if !ok {
			return nil, a.failure()
		}
		if f, err := a.ask(server); f != nil || err != nil {
			return f, err
		}
	}
}

// next chooses the server to ask: the best that was not, else one whose address is
// yet to be found out, else the best of those that did not answer, else a single one
// of those that rest.
func (a *asking) next() (candidate, bool) {
	for {
		awake, resting := a.t.r.peers.order(a.servers, a.cut.zone, time.Now())
		if s, ok := a.first(awake, 1); ok {
			return s, true
		}
		if a.lookUp() {
			continue
		}
		if s, ok := a.first(awake, maxTries); ok || a.probed {
			return s, ok
		}
		a.probed = true
		return a.first(resting, 1)
	}
}

// first returns the first server that was tried less often.
func (a *asking) first(servers []candidate, tries int) (candidate, bool) {
	i := slices.IndexFunc(servers, func(c candidate) bool { return a.tries[c.addr] < tries })
	if i < 0 {
		return candidate{}, false
	}
	return servers[i], true
}

// lookUp finds the addresses of one more server, and reports whether there was one to
// look up. The address of a server within its own zone can only come along with the
// referral.
func (a *asking) lookUp() bool {
	for _, name := range a.cut.names() {
		if inZone(a.cut.zone, name) || slices.Contains(a.looked, name) || a.hasAddress(name) {
			continue
		}
		if len(a.looked) == maxLookups {
			a.limit()
			return false
		}
		a.looked = append(a.looked, name)
		for _, qtype := range a.t.r.addressTypes() {
			a.addServer(name, qtype)
		}
		return true
	}
	return false
}

func (a *asking) limit() {
	if !a.limited {
		a.limited = true
		counter.Inc(&a.t.r.stats.LimitLookups)
	}
}

func (a *asking) hasAddress(name string) bool {
	return slices.ContainsFunc(a.servers, func(c candidate) bool { return c.name == name })
}

// addServer asks for a server's addresses. Of a failure no more is kept than that, for
// it may be of one that is remembered, whose own cause was another, and so on.
func (a *asking) addServer(name string, qtype uint16) {
	answer, err := a.t.lookUp(inet(name, qtype), a.waiting)
	if err != nil {
		e := &net.DNSError{Err: "no address was found of its server " + name, Name: a.q.Name, IsTemporary: true}
		if bound := boundOf(err); bound != nil {
			e.Err, e.UnwrapErr = e.Err+": "+bound.Error(), bound
		}
		a.silent = e
		return
	}
	a.servers = append(a.servers, a.t.r.candidates(name, answer.Records)...)
}

// ask asks one server. There is neither an answer nor an error if another one is to
// be asked.
func (a *asking) ask(s candidate) (*finding, error) {
	t := a.t
	if err := t.spend(a.q); err != nil {
		return nil, err
	}
	a.tries[s.addr]++
	server := netip.AddrPortFrom(s.addr, dnsPort)
	traceOf(t.ctx).step(StepEvent{
		Question: a.q, For: a.waiting[len(a.waiting)-1], Depth: len(a.waiting) - 1,
		Zone: a.cut.zone, Name: s.name, Server: server,
	})
	r, err := t.r.query(t.ctx, server, a.q)
	switch {
	case t.ctx.Err() != nil:
		return nil, canceled(t.ctx, a.q)
	case err != nil:
		a.unanswered(s, err)
		return nil, nil
	}
	return a.read(s, r), nil
}

// unanswered takes note of a server that did not answer. One that can't be reached
// at all is not tried again.
func (a *asking) unanswered(s candidate, err error) {
	a.silent = err
	if e := (*net.DNSError)(nil); errors.As(err, &e) && !e.IsTimeout {
		a.tries[s.addr] = maxTries
	}
}

// read returns what is believed of an answer; nil if it is none.
func (a *asking) read(s candidate, r *Reply) *finding {
	f := classify(a.q, a.cut.zone, r.Msg)
	f.source = r.Server
	a.t.r.sift(f)
	for _, u := range f.unused {
		counter.Inc(a.t.r.stats.drops(u.reason))
		traceOf(a.t.ctx).dropped(DropEvent{a.q, r.Server, r.Network, u.reason, u.record})
	}
	switch f.kind {
	case kindLame:
		counter.Inc(&a.t.r.stats.Lame)
		a.refused = misbehaving(a.q, r.Server, errNotServer)
		if a.whole { // a part of the question may be what it does not understand
			a.t.r.peers.setLame(s.addr, a.cut.zone)
		}
	case kindFailed:
		counter.Inc(&a.t.r.stats.Refused)
		if a.refused = refusal(a.q, r); r.Msg.Truncated {
			a.refused = misbehaving(a.q, r.Server, errTruncated)
		}
	case kindReferral:
		counter.Inc(&a.t.r.stats.Referrals)
		traceOf(a.t.ctx).referral(ReferralEvent{a.q, r.Server, f.cut.zone, f.cut.names(), f.cut.glue})
		return f
	default:
		return f
	}
	a.tries[s.addr] = maxTries
	traceOf(a.t.ctx).failed(FailEvent{a.q, r.Server, r.Network, a.refused})
	return nil
}

// failure is the error when no server of the zone answered.
func (a *asking) failure() error {
	ext := &ExtendedError{Code: dns.ExtendedErrorCodeNoReachableAuthority, Text: "of the zone " + a.cut.zone}
	e := &net.DNSError{
		Err:  "no address is known of a server of the zone " + a.cut.zone,
		Name: a.q.Name, IsTemporary: true, UnwrapErr: ext,
	}
	var last *net.DNSError
	if errors.As(cmp.Or(a.refused, a.silent), &last) {
		if ext.Err = last; a.refused != nil {
			ext.Err = errors.Join(errRefused, last)
		}
		e.Err = "no server of the zone " + a.cut.zone + " answered: " + last.Err
		e.Server, e.IsTimeout = last.Server, last.IsTimeout
	}
	return e
}
