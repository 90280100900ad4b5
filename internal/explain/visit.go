package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// trip visits the URL, and where it is sent from there.
func (s *story) trip(ctx context.Context, u *url.URL) error {
	for range maxRedirects {
		next, err := s.visit(ctx, u)
		if err != nil || next == nil {
			return err
		}
		u = next
	}
	s.page.say("Enough: a browser follows no more redirects than some, or it might go on for ever.")
	return nil
}

// visit goes to a URL; next is where that says to go instead.
func (s *story) visit(ctx context.Context, u *url.URL) (next *url.URL, err error) {
	s.tellURL(u)
	addr, err := s.findAddress(ctx, u)
	if err != nil {
		return nil, err
	}
	t, err := s.connect(ctx, u, addr)
	if err != nil {
		return nil, err
	}
	defer t.close()
	first, err := s.load(ctx, t, u)
	if err != nil {
		return nil, err
	}
	s.closeTab(ctx, t)
	return s.redirect(first)
}

// connect opens the connection, and tells of the route and of the handshake.
func (s *story) connect(ctx context.Context, u *url.URL, addr netip.Addr) (*tab, error) {
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%v has no port %s", addr, portOf(u))
	}
	t, began := s.browser.tab(netip.AddrPortFrom(addr, uint16(port))), s.now()
	_, from := s.log.since(0)
	err = t.open(ctx)
	s.span("TCP connect", began)
	s.tellRoute(from)
	return t, s.tellConnection(began, from, t, err)
}

// reconnect opens a connection to the server again, where there will be no other request on the
// one before.
func (s *story) reconnect(ctx context.Context, t *tab) error {
	s.page.station(s.now(), "The connection ends, and another one is needed")
	s.page.say("%s", cmp.Or(t.ends, "The server may close it after each response (RFC 9112 9.3)."))
	t.close()
	s.awaitClose(ctx, t)
	s.tellClose(t)
	began := s.now()
	_, from := s.log.since(0)
	err := t.open(ctx)
	s.span("TCP connect", began)
	return s.tellConnection(began, from, t, err)
}

// tellConnection tells of the handshake, or of why there is none, which err says.
func (s *story) tellConnection(began time.Time, from int, t *tab, err error) error {
	if err != nil {
		s.tellNoConnection(began, from, t.to, err)
		return err
	}
	s.tellHandshake(began, t)
	return nil
}

// load asks for the page and for what it consists of.
func (s *story) load(ctx context.Context, t *tab, u *url.URL) (*exchange, error) {
	first, err := s.fetch(ctx, t, u)
	if err != nil {
		return nil, err
	}
	if first.status != http.StatusOK && first.status != http.StatusNotModified ||
		!strings.HasPrefix(first.header.Get("Content-Type"), "text/html") {
		return first, nil
	}
	list := parts(first.body, u)
	if len(list) > 0 {
		s.page.say("The page names %s more: the browser asks for them next, one after the other over the same connection.", plural(len(list), "part"))
	}
	for _, part := range list {
		if _, err := s.fetch(ctx, t, part); err != nil {
			return first, err
		}
	}
	return first, nil
}

// fetch asks for one page and tells of it.
func (s *story) fetch(ctx context.Context, t *tab, u *url.URL) (*exchange, error) {
	_, from := s.log.since(0)
	x, err := t.get(ctx, u)
	if errors.Is(err, errConnGone) {
		if err := s.reconnect(ctx, t); err != nil {
			return x, err
		}
		_, from = s.log.since(0)
		x, err = t.get(ctx, u)
	}
	if err != nil {
		s.tellBroken(x, err)
		return x, err
	}
	s.spans = append(s.spans, span{"GET " + u.RequestURI(), x.began, x.end, true})
	s.tellExchange(x, t, from)
	return x, nil
}

// redirect is where a response sends the browser, nil if it does not.
func (s *story) redirect(x *exchange) (*url.URL, error) {
	to := x.header.Get("Location")
	if x.status/100 != 3 || to == "" {
		return nil, nil
	}
	next, err := x.url.Parse(to)
	if err != nil {
		return nil, fmt.Errorf("the server sends on to %q: %w", to, err)
	}
	s.page.say("The server sends the browser on to %s.", next)
	return parseURL(next.String())
}
