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

// story is a run: the lab, the browser in it, and the text.
type story struct {
	lab     *lab.Lab
	log     *log
	browser *browser
	page    *page
	taps    taps // nil: nothing is captured
	spans   []span
	began   time.Time

	mostRounds  int // of a response
	initialCwnd int // bytes; 0: not known
}

// Run takes the trip and tells of it, on w. Where the trip fails the story says how, and the
// error is why: a *[URLError], a *[ConfigError], a *net.DNSError, a *net.OpError of the
// connection, ctx's, or that of w.
func Run(ctx context.Context, cfg Config, w io.Writer) error {
	u, err := parseURL(cfg.URL)
	if err != nil {
		return err
	}
	if err := cfg.Change.check(); err != nil {
		return &ConfigError{err}
	}
	s, err := newStory(cfg, w)
	if err != nil {
		return err
	}
	defer s.lab.Close()
	err = s.tell(ctx, cfg, u)
	if end := s.extras(cfg, w); end != nil {
		return end
	}
	if s.page.err != nil {
		return s.page.err
	}
	return err
}

func newStory(cfg Config, w io.Writer) (*story, error) {
	if cfg.JSON {
		w = io.Discard
	}
	s := &story{log: newLog(), page: &page{w: w, color: cfg.Color, start: time.Now()}}
	s.began = s.page.start
	var err error
	if s.lab, err = cfg.Change.newLab(cfg.Seed, s.log); err != nil {
		return nil, err
	}
	if s.browser, err = newBrowser(s.lab); err == nil && cfg.Pcap != nil {
		s.taps, err = newTaps(s.lab.Wire("lan"))
	}
	if err != nil {
		s.lab.Close()
		return nil, err
	}
	return s, nil
}

// tripLimit is how long a trip may take: whoever waits so long for a page goes away.
const tripLimit = 30 * time.Second

// tell takes the trip, or both, and tells of them; where something is changed, also how the
// plain trip would have gone, which is taken at the same time.
func (s *story) tell(ctx context.Context, cfg Config, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, tripLimit)
	defer cancel()
	var plain <-chan summary
	if cfg.Change.String() != "" {
		plain = plainTrip(ctx, cfg.Seed, u)
	}
	s.intro(u)
	err := s.trip(ctx, u)
	s.waterfall()
	if plain != nil {
		s.compare(cfg.Change.String(), <-plain, s.summary(err))
	}
	if err == nil && cfg.Again {
		err = s.again(ctx, u)
	}
	return err
}

// extras writes what there is besides the story.
func (s *story) extras(cfg Config, w io.Writer) error {
	s.page.start = s.began // of all numbers
	if cfg.Ladder {
		s.ladder()
	}
	if cfg.Why != 0 {
		if err := s.why(cfg.Why); err != nil {
			return &ConfigError{err}
		}
	}
	if cfg.Pcap != nil {
		if err := s.writePcap(cfg.Pcap); err != nil {
			return err
		}
	}
	if cfg.JSON {
		return s.writeJSON(w)
	}
	return nil
}

// ConfigError is a field of [Config] that is out of range.
type ConfigError struct{ error }

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
