package explain

import (
	"cmp"
	"context"
	"io"
	"net/url"
	"time"
)

// story is a run: where it goes, the browser there, and the text.
type story struct {
	world   world
	log     *log
	browser *browser
	page    *page
	taps    *taps // nil: nothing is captured
	spans   []span
	began   time.Time

	mostRounds  int // of a response
	initialCwnd int // bytes; 0: not known
}

// Run takes the trip and tells of it, on w. Where the trip fails the story says how, and the
// error is why: a *[URLError], a *[ConfigError], a *net.DNSError, a *net.OpError of the
// connection, ctx's, or that of w.
func Run(ctx context.Context, cfg Config, w io.Writer) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	u, err := parseURL(cfg.URL)
	if err != nil {
		return err
	}
	s, err := newStory(cfg, w)
	if err != nil {
		return err
	}
	defer s.close()
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
	s := &story{page: &page{w: w, color: cfg.Color, start: time.Now()}}
	s.began = s.page.start
	var err error
	if cfg.Own != nil {
		s.log = newLog(onOwnWire(cfg.Own.Device))
		s.world, err = newOwnWorld(cfg.Own, s.log)
	} else {
		s.log = newLog(onLabWire)
		s.world, err = newLabWorld(cfg.Change, cfg.Seed, s.log)
	}
	if err != nil {
		return nil, err
	}
	if s.browser, err = newBrowser(s.world); err == nil && cfg.Pcap != nil {
		s.taps, err = s.world.taps()
	}
	if err != nil {
		s.world.close()
		return nil, err
	}
	return s, nil
}

func (s *story) close() {
	if s.taps != nil {
		s.taps.close()
	}
	s.world.close()
}

// tripLimit is how long a trip may take unless told: whoever waits so long for a page goes away.
const tripLimit = 30 * time.Second

// tell takes the trip, or both, and tells of them; where something is changed, also how the
// plain trip would have gone, which is taken at the same time.
func (s *story) tell(ctx context.Context, cfg Config, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(cfg.Limit, tripLimit))
	defer cancel()
	var plain <-chan summary
	change := cfg.Change.String()
	if change != "" && cfg.Own == nil {
		plain = plainTrip(ctx, cfg.Seed, u)
	}
	s.intro(u)
	if change != "" && cfg.Own != nil {
		s.page.gap()
		s.page.say("Changed: %s.", change)
	}
	err := s.trip(ctx, u)
	s.waterfall()
	if plain != nil {
		s.compare(change, <-plain, s.summary(err))
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
	s.world.intro(s.page)
}
