package explain

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/tinystack/tinystack/internal/lab"
)

// Config is what a run is about. URL is all it needs.
type Config struct {
	// URL is what is typed: http://HOST[:PORT][/PATH], or without the scheme.
	URL string
	// Color has the text use colours.
	Color bool
	// Seed is the lab's.
	Seed uint64
	// Lose are the packets to lose.
	Lose Losses
}

// story is a run: the lab, the browser in it, and the text.
type story struct {
	lab     *lab.Lab
	log     *log
	browser *browser
	page    *page
	spans   []span
}

// Run takes the trip and tells of it, on w. Where the trip fails the story says how, and the
// error is why: a *[URLError], a *net.DNSError, a *net.OpError of the connection, ctx's, or
// that of w.
func Run(ctx context.Context, cfg Config, w io.Writer) error {
	u, err := parseURL(cfg.URL)
	if err != nil {
		return err
	}
	s, err := newStory(cfg, w)
	if err != nil {
		return err
	}
	defer s.lab.Close()
	s.intro(u)
	err = s.trip(ctx, u)
	s.waterfall()
	if s.page.err != nil {
		return s.page.err
	}
	return err
}

func newStory(cfg Config, w io.Writer) (*story, error) {
	l, err := lab.New(lab.Config{Seed: cfg.Seed})
	if err != nil {
		return nil, err
	}
	s := &story{lab: l, log: newLog(), page: &page{w: w, color: cfg.Color, start: time.Now()}}
	s.log.lose = cfg.Lose.chooser(cfg.Seed)
	l.Trace().Subscribe(s.log.add)
	wire := l.Wire("lan")
	if err := wire.Impair(s.log.loseDoomed(wire.Impairment())); err != nil {
		l.Close()
		return nil, err
	}
	if s.browser, err = newBrowser(l); err != nil {
		l.Close()
		return nil, err
	}
	return s, nil
}

func (s *story) now() time.Time { return time.Now() }

// intro says where all this happens.
func (s *story) intro(u *url.URL) {
	s.page.printf("%s\n\n", s.page.style(bold, "What happens when "+u.String()+" is typed into a browser"))
	s.page.say("In the lab: a small Internet in this process, whose hosts, routers and servers are tinystacks of their own. " +
		"The packets are real; ms are since Enter was hit.")
	s.page.printf("\n")
	s.page.row("browser, OS -- home router -- ISP -- backbone -- Google's edge -- www")
	s.page.row("                               |         |            |")
	s.page.row("                           resolver  root, com    google.com's DNS")
}

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
	s.closeTab(t)
	return s.redirect(first)
}

// connect opens the connection and tells of the handshake.
func (s *story) connect(ctx context.Context, u *url.URL, addr netip.Addr) (*tab, error) {
	port, err := netip.ParseAddrPort(netip.AddrPortFrom(addr, 0).Addr().String() + ":" + portOf(u))
	if err != nil {
		return nil, fmt.Errorf("%v has no port %s", addr, portOf(u))
	}
	began := s.now()
	_, from := s.log.since(0)
	t, err := s.browser.connect(ctx, port)
	s.span("TCP connect", began)
	s.tellRoute(from)
	if err != nil {
		s.tellNoConnection(began, from, port, err)
		return nil, err
	}
	s.tellHandshake(began, t)
	return t, nil
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
	if err != nil {
		s.tellBroken(x, err)
		return x, err
	}
	s.spans = append(s.spans, span{"GET " + u.RequestURI(), x.began, x.end})
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
