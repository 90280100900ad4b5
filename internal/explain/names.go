package explain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/trace"
)

// findAddress finds the address of the URL's host, and tells how.
func (s *story) findAddress(ctx context.Context, u *url.URL) (netip.Addr, error) {
	host, began := u.Hostname(), s.now()
	if addr, err := netip.ParseAddr(host); err == nil {
		s.page.station(began, "The name")
		s.page.say("%s is an address already: there is no name to look up.", host)
		return addr, nil
	}
	_, from := s.log.since(0)
	addr, err := s.browser.lookup(ctx, host)
	s.span("DNS "+host, began)
	events, _ := s.log.since(from)
	name, e := dnsclient.CanonicalName(host)
	if e != nil {
		name = host
	}
	s.tellCaches(began, events, name)
	asked := s.tellRecursion(events)
	s.tellLostQuestions(events)
	s.tellFound(events, name, addr, err, asked)
	return addr, err
}

// tellCaches says which of the caches know the name.
func (s *story) tellCaches(at time.Time, events []*trace.Event, name string) {
	s.page.station(at, "The caches: who knows "+strings.TrimSuffix(name, ".")+" already?")
	for _, c := range s.world.caches() {
		e := first(events, func(e *trace.Event) bool {
			return e.Node == c.node && (e.Kind == trace.CacheHit || e.Kind == trace.CacheMiss) && e.DNS.Name == name
		})
		if e == nil {
			if known, ok := c.remembers(name); ok {
				s.page.row("%-12s%-38s %9s  has TTL %d s", c.label, c.whose, "not asked", int(known.TTL.Seconds()))
			}
			continue
		}
		verdict := s.page.style(red, "miss")
		if e.Kind == trace.CacheHit {
			verdict = s.page.style(green, "hit ") + " " + cached(e.DNS)
		}
		s.page.row("%-12s%-38s %s  %s", c.label, c.whose, rightAt(s.page.at(e.Time)), verdict)
	}
}

// rightAt is a time, right-aligned in its column.
func rightAt(t string) string { return fmt.Sprintf("%9s", t) }

// cached is what a cache knows.
func cached(d *trace.DNS) string {
	switch d.Result {
	case dnsclient.Positive.String():
		return fmt.Sprintf("TTL %d s", d.TTL)
	case dnsclient.Failure.String():
		return "it failed lately"
	}
	return fmt.Sprintf("none, %d s", d.TTL)
}

// first returns the first event that matches, nil if none does.
func first(events []*trace.Event, match func(*trace.Event) bool) *trace.Event {
	for _, e := range events {
		if match(e) {
			return e
		}
	}
	return nil
}

// recursionText is what a resolver does that begins at the root; who it is stands before.
const recursionText = "over UDP, port 53, and no server more than it must know (RFC 9156). " +
	"It begins at a root server, whose address it is born with. Who does not know the answer refers it to the servers of a zone " +
	"further down, with their addresses: glue, or they could not be found. " + portText

// portText is what keeps answers from being forged.
const portText = "Each question goes out from a random port with a random id, so that no stranger can forge the answer (RFC 5452)."

// tellRecursion tells whom the node asked whose work that is; false if nobody.
func (s *story) tellRecursion(events []*trace.Event) bool {
	about := s.world.recursion()
	var questions []*trace.Event
	for _, e := range events {
		if e.Kind == trace.Question && e.Node == about.node && !e.Conn.Local.IsValid() {
			questions = append(questions, e)
		}
	}
	if len(questions) == 0 {
		return false
	}
	s.page.station(questions[0].Time, about.title)
	s.page.say("%s", about.about)
	for _, q := range questions {
		s.tellQuestion(q, answerTo(events, q))
	}
	return true
}

// answerTo is the answer to a question that a node asked, nil if none came.
func answerTo(events []*trace.Event, q *trace.Event) *trace.Event {
	return first(events, func(e *trace.Event) bool {
		return e.Kind == trace.Answer && e.Node == q.Node && !e.Conn.Local.IsValid() && e.ID > q.ID &&
			e.DNS.Server == q.DNS.Server && (e.DNS.ID == q.DNS.ID || e.DNS.ID == 0)
	})
}

func (s *story) tellQuestion(q, a *trace.Event) {
	s.page.gap()
	s.page.row("%-60s%s", fmt.Sprintf("%s  %s %s?", s.whose(q.DNS.Server), q.DNS.Name, q.DNS.Type), rightAt(s.page.at(q.Time)))
	if a == nil {
		s.page.item("  no answer", "came")
		return
	}
	switch a.DNS.Result {
	case "referral":
		s.page.item("  referral", "%s: ask %s", ownerOf(a.DNS.Answer), values(a.DNS.Answer))
		s.page.item("  glue", "%s", pairs(a.DNS.Glue))
	case "answer":
		s.page.item("  answer", "%s; %s, TTL %d s", pairs(a.DNS.Answer), authority(a), a.DNS.TTL)
	case "negative":
		s.page.item("  negative", "%s: %s", a.DNS.Code, a.Rule)
	default:
		s.page.item("  error", "%s", strings.TrimSpace(a.DNS.Code+" "+a.Text))
	}
}

// authority says whether who answers has the zone.
func authority(a *trace.Event) string {
	if strings.HasPrefix(string(a.Rule), "authoritative") {
		return "authoritative"
	}
	return "a resolver's"
}

// whose says which server has an address.
func (s *story) whose(server string) string {
	ap, err := netip.ParseAddrPort(server)
	if err != nil {
		return server
	}
	role := s.world.role(ap.Addr())
	if role == "" {
		role = s.nameOf(ap.Addr())
	}
	return strings.TrimSpace(role + " " + ap.Addr().String())
}

// nameOf is the server's name that came with an address, "" if none did.
func (s *story) nameOf(addr netip.Addr) string {
	events, _ := s.log.since(0)
	for _, e := range events {
		if e.Kind != trace.Answer {
			continue
		}
		for _, r := range slices.Concat(e.DNS.Glue, e.DNS.Answer) {
			if field(r, 4) == addr.String() {
				return field(r, 0)
			}
		}
	}
	return ""
}

// Records are texts of five fields: owner, TTL, class, type and value.

func field(record string, n int) string {
	fields := strings.SplitN(record, " ", 5)
	if n >= len(fields) {
		return ""
	}
	return strings.TrimSuffix(fields[n], ".")
}

func ownerOf(records []string) string {
	if len(records) == 0 {
		return ""
	}
	return field(records[0], 0)
}

// values are what records say: "a, b".
func values(records []string) string {
	var list []string
	for _, r := range records {
		list = append(list, field(r, 4))
	}
	return strings.Join(list, ", ")
}

// pairs are records: "name type value, ...".
func pairs(records []string) string {
	var list []string
	for _, r := range records {
		list = append(list, field(r, 0)+" "+field(r, 3)+" "+field(r, 4))
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// tellLostQuestions tells of the datagrams that the host's wire lost.
func (s *story) tellLostQuestions(events []*trace.Event) {
	for _, e := range events {
		if e.Kind == trace.Sent && s.log.isLost(e) {
			s.page.gap()
			s.page.item("lost", "a datagram between %v and %v. UDP repairs nothing: who asked waits for a second, and asks again.", e.Packet.Src, e.Packet.Dst)
		}
	}
}

// tellFound says what came of it.
func (s *story) tellFound(events []*trace.Event, name string, addr netip.Addr, err error, asked bool) {
	var notFound *net.DNSError
	switch {
	case err == nil && asked:
		s.page.gap()
		s.page.say("%s: %s is %v, known at %s.", s.world.recursion().found, strings.TrimSuffix(name, "."), addr, s.page.at(s.now()))
	case err == nil:
		s.page.say("%s is %v; no name server had to be asked.", strings.TrimSuffix(name, "."), addr)
	case errors.As(err, &notFound) && notFound.IsNotFound:
		s.page.gap()
		s.page.say("There is no such name, and that is an answer too: the caches keep it, for as long as the SOA says (RFC 2308). " +
			"The browser shows an error; no packet goes to any web server.")
	default:
		s.page.gap()
		s.page.say("The name could not be looked up: %v.", err)
	}
}
