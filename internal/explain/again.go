package explain

import (
	"context"
	"net/url"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// pause is how long the user looks at the page before the second visit.
const pause = 200 * time.Millisecond

// again visits the URL a second time, and tells what the caches are good for.
func (s *story) again(ctx context.Context, u *url.URL) error {
	time.Sleep(pause)
	s.page.gap()
	s.page.printf("%s\n", s.page.style(bold, "Again: the same URL a moment later; ms are since Enter was hit again"))
	s.page.start, s.spans = s.now(), nil
	err := s.trip(ctx, u)
	s.waterfall()
	return err
}

// remembers returns what a cache has of a name, though nobody asked it.
func (c *nameCache) remembers(name string) (e dnsclient.Entry, ok bool) {
	if c.cache == nil {
		return e, false
	}
	for _, e := range c.cache.Snapshot() {
		if e.Name == name && e.Type == dns.TypeA && !e.Stale {
			return e, true
		}
	}
	return e, false
}
