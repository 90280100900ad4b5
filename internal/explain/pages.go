package explain

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// stored is a response that the browser has kept (RFC 9111 3).
type stored struct {
	status int
	header http.Header
	body   []byte
	at     time.Time // when it came, or was found to be still the same
}

// cacheUse is what a stored response is good for.
type cacheUse uint8

const (
	useNone   cacheUse = iota // there is none
	useIfSame                 // the server must say first that it has not changed
	useAsIs                   // it is fresh
)

// keep returns the response as it is kept, nil if it may not be, or could not be used.
func keep(status int, h http.Header, body []byte, now time.Time) *stored {
	s := &stored{status, h, body, now}
	d := directives(h)
	_, never := d["no-store"]
	_, fresh := s.lifetime()
	if never || status != http.StatusOK || !fresh && h.Get("Etag") == "" && h.Get("Last-Modified") == "" {
		return nil
	}
	return s
}

// directives are those of Cache-Control, with their values (RFC 9111 5.2).
func directives(h http.Header) map[string]string {
	d := map[string]string{}
	for _, line := range h.Values("Cache-Control") {
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			d[strings.ToLower(name)] = strings.Trim(value, `"`)
		}
	}
	return d
}

// lifetime is for how long the response is fresh, in seconds (RFC 9111 4.2.1).
func (s *stored) lifetime() (n int, ok bool) {
	d := directives(s.header)
	if _, ask := d["no-cache"]; ask {
		return 0, false
	}
	n, err := strconv.Atoi(d["max-age"])
	return n, err == nil && n > 0
}

// use says what the response is good for at a time (RFC 9111 4).
func (s *stored) use(now time.Time) cacheUse {
	if s == nil {
		return useNone
	}
	if n, ok := s.lifetime(); ok && now.Sub(s.at) < time.Duration(n)*time.Second {
		return useAsIs
	}
	return useIfSame
}

// ask makes a request one for the case that the page has changed (RFC 9111 4.3.1).
func (s *stored) ask(h http.Header) {
	if tag := s.header.Get("Etag"); tag != "" {
		h.Set("If-None-Match", tag)
	}
	if at := s.header.Get("Last-Modified"); at != "" {
		h.Set("If-Modified-Since", at)
	}
}

// renew takes over what a 304 says (RFC 9111 4.3.4).
func (s *stored) renew(h http.Header, now time.Time) {
	s.at = now
	for name, values := range h {
		s.header[name] = values
	}
}
