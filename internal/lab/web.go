package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tinystack/tinystack/internal/tracehttp"
)

//go:embed site
var siteFiles embed.FS

// webThink is how long the web server takes to begin its answer.
const webThink = 2 * time.Millisecond

// modified is when the site was last changed.
var modified = time.Date(1998, time.September, 27, 9, 0, 0, 0, time.UTC)

// page is a file of the site.
type page struct {
	body   []byte
	header http.Header
}

// site is the pages by their path.
var site = sync.OnceValues(func() (map[string]*page, error) {
	pages := map[string]*page{}
	for path, p := range map[string]struct{ file, mime, cache string }{
		"/":          {"site/index.html", "text/html; charset=utf-8", "no-cache"}, // kept, but asked about each time
		"/style.css": {"site/style.css", "text/css; charset=utf-8", "public, max-age=3600"},
		"/logo.svg":  {"site/logo.svg", "image/svg+xml", "public, max-age=86400"},
	} {
		body, err := siteFiles.ReadFile(p.file)
		if err != nil {
			return nil, err
		}
		pages[path] = newPage(body, p.mime, p.cache)
	}
	doodle, err := waves()
	pages["/doodle.png"] = newPage(doodle, "image/png", "public, max-age=31536000, immutable")
	return pages, err
})

func newPage(body []byte, mime, cache string) *page {
	sum := sha256.Sum256(body)
	return &page{body, http.Header{
		"Content-Type":  {mime},
		"Cache-Control": {cache},
		"Etag":          {fmt.Sprintf(`"%x"`, sum[:8])},
	}}
}

// waves draws a picture of some 57 KB, for which slow start takes three round trips. It is
// not compressed, so that its bytes do not depend on the compressor.
func waves() ([]byte, error) {
	const width, height = 160, 120
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			crest := height/2 + int(20*math.Sin(float64(x)/12)) + int(9*math.Sin(float64(x)/5))
			c := color.NRGBA{R: 0xe8, G: 0xf0, B: 0xfe, A: 0xff}
			if y > crest {
				c = color.NRGBA{R: 0x42, G: 0x85, B: uint8(0xf4 - (y-crest)/2), A: 0xff}
			}
			m.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, m)
	return b.Bytes(), err
}

// serveWeb is www.google.com.
func (n *Node) serveWeb() error {
	pages, err := site()
	if err != nil {
		return err
	}
	ln, err := n.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           tracehttp.Handler(n.events, &web{pages}),
		ConnContext:       tracehttp.ConnContext,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
	}
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state { // its goroutine is one of the node's
		case http.StateNew:
			n.services.Add(1)
		case http.StateClosed, http.StateHijacked:
			n.services.Done()
		}
	}
	n.serve(func() error { return server.Serve(ln) }, func() error { return closeServer(server, ln) })
	return nil
}

// closeServer closes the server, and the listener, which it may not know yet.
func closeServer(server *http.Server, ln net.Listener) error {
	err := server.Close()
	if e := ln.Close(); err == nil && !errors.Is(e, net.ErrClosed) {
		err = e
	}
	return err
}

// web answers requests for the site's pages.
type web struct{ pages map[string]*page }

// ServeHTTP answers one request. [http.ServeContent] does ranges and what is asked only
// if it has changed (RFC 9110 section 13).
func (s *web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sleep(r.Context(), webThink)
	w.Header().Set("Server", "tinystack-lab")
	if r.Host == "google.com" {
		w.Header().Set("Location", "http://www.google.com"+r.URL.RequestURI())
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	p := s.pages[r.URL.Path]
	switch {
	case p == nil:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET or HEAD, please", http.StatusMethodNotAllowed)
		return
	}
	for name, values := range p.header {
		w.Header()[name] = values
	}
	http.ServeContent(w, r, "", modified, bytes.NewReader(p.body))
}

// sleep waits, or until nobody waits for the answer any more.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
