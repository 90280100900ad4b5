package explain

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tinystack/tinystack/trace"
)

// tellExchange tells of a request and its response; from is where its events begin.
func (s *story) tellExchange(x *exchange, t *tab, from int) {
	s.page.station(x.began, "GET "+x.url.RequestURI())
	if x.use == useAsIs {
		n, _ := x.kept.lifetime()
		left := n - int(x.began.Sub(x.kept.at).Seconds())
		s.page.say("The browser's own cache has it, and it is fresh for %s more (Cache-Control: %s): nothing is sent at all.",
			seconds(left), x.header.Get("Cache-Control"))
		return
	}
	flow := s.during(t, from)
	s.tellRequest(x, flow)
	s.tellResponse(x, flow)
	s.tellRounds(t, flow)
	s.tellLosses(flow)
	s.tellKept(x)
}

// during returns the segments of the connection that were sent from an event on.
func (s *story) during(t *tab, from int) (list []*segment) {
	events, _ := s.log.since(from)
	if len(events) == 0 {
		return nil
	}
	for _, g := range s.log.flow(t.id()) {
		if g.sent.ID >= events[0].ID {
			list = append(list, g)
		}
	}
	return list
}

// withData are the segments of one end that carry data.
func withData(flow []*segment, host bool) (list []*segment) {
	for _, g := range flow {
		if g.host == host && g.tcp().Data > 0 {
			list = append(list, g)
		}
	}
	return list
}

// numbers are the packets' numbers, as "7" or "7 to 12".
func numbers(list []*segment) string {
	low, high := 0, 0
	for _, g := range list {
		if g.n != 0 && (low == 0 || g.n < low) {
			low = g.n
		}
		high = max(high, g.n)
	}
	if low == high {
		return fmt.Sprintf("packet %d", low)
	}
	return fmt.Sprintf("packets %d to %d", low, high)
}

func (s *story) tellRequest(x *exchange, flow []*segment) {
	sent := withData(flow, true)
	bytes := uint32(0)
	for _, g := range sent { // some may have been sent again
		bytes = max(bytes, g.end()-sent[0].tcp().Seq)
	}
	s.page.item("request", "GET %s HTTP/1.1, Host: %s, and some lines more: %d bytes %s", x.url.RequestURI(), x.url.Host, bytes, whole("[%s]", numbers(sent)))
	if x.use == useIfSame {
		s.page.item("", "The browser has the page, but must ask whether it has changed: If-None-Match: %s", x.request.Get("If-None-Match"))
	}
}

func (s *story) tellResponse(x *exchange, flow []*segment) {
	got := withData(flow, false)
	text := fmt.Sprintf("%d %s", x.status, http.StatusText(x.status))
	switch {
	case x.status == http.StatusNotModified:
		text += ": what the browser has is still right, and no body comes"
	case x.cut:
		text += fmt.Sprintf(", the first %d bytes, more than which the browser takes of none", len(x.body))
	default:
		text += fmt.Sprintf(", %d bytes of %s", len(x.body), strings.SplitN(x.header.Get("Content-Type"), ";", 2)[0])
	}
	s.page.item("response", "%s, in %s %s", text, plural(len(got), "segment"), whole("[%s, after %s]", numbers(got), ms(x.end.Sub(x.began))))
}

// tellKept says what the browser may do with the response the next time (RFC 9111).
func (s *story) tellKept(x *exchange) {
	control, tag := x.header.Get("Cache-Control"), x.header.Get("Etag")
	switch {
	case x.kept == nil:
		s.page.item("cache", "the browser does not keep it")
		return
	case control == "":
		s.page.item("cache", "the browser keeps it, without a word of how long")
		return
	}
	n, fresh := x.kept.lifetime()
	if fresh {
		s.page.item("cache", "%s: for %s the browser need not ask", control, seconds(n))
		return
	}
	s.page.item("cache", "%s: the browser keeps it, but asks each time whether it is still the one with the ETag %s", control, tag)
}

// tellBroken says that a response did not come, or not whole.
func (s *story) tellBroken(x *exchange, err error) {
	s.page.station(x.began, "GET "+x.url.RequestURI())
	s.page.say("The response did not come, or not whole: %v.", err)
}

// last returns the last event up to an ID that matches, nil if none does.
func last(events []*trace.Event, upTo trace.ID, match func(*trace.Event) bool) (found *trace.Event) {
	for _, e := range events {
		if e.ID <= upTo && match(e) {
			found = e
		}
	}
	return found
}
