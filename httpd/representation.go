package httpd

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// maxRanges is how many ranges a request may ask for; one that asks for more
// gets all (RFC 9110 section 14.2).
const maxRanges = 32

// representation is what a GET of a resource gets, before it is compressed.
type representation struct {
	ctype    string
	modified time.Time // zero: not known
	etag     string    // with its quotes; "": none
	size     int64     // where content's Seek says it ends
	content  io.ReadSeeker
}

// serve answers GET and HEAD, with ranges and preconditions.
func (c *representation) serve(w *writer, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", c.ctype)
	if c.etag != "" {
		h.Set("ETag", c.etag)
	}
	trimRange(r)
	if !compressible(c.ctype, c.size) {
		c.send(w, r)
		return
	}
	h.Add("Vary", "Accept-Encoding")
	// A range is one of the bytes as they are.
	if r.Header.Get("Range") == "" && acceptsGzip(r.Header.Values("Accept-Encoding")) {
		c.serveGzip(w, r)
		return
	}
	c.send(w, r)
}

func (c *representation) send(w http.ResponseWriter, r *http.Request) {
	modified := c.modified
	// RFC 9110 section 8.8.2.1: never later than the response's Date.
	if now := time.Now(); modified.After(now) {
		modified = now
	}
	http.ServeContent(w, r, "", modified, c.content)
}

// trimRange leaves the request's Range only if it is to be heeded.
func trimRange(r *http.Request) {
	const bytesUnit = "bytes="
	v := r.Header.Get("Range")
	if v == "" {
		return
	}
	known := len(v) >= len(bytesUnit) && strings.EqualFold(v[:len(bytesUnit)], bytesUnit)
	// RFC 9110 section 14.2: no range but of a GET, and no unit that is not known.
	if r.Method != http.MethodGet || !known || strings.Count(v, ",") >= maxRanges {
		r.Header.Del("Range")
		return
	}
	r.Header.Set("Range", bytesUnit+v[len(bytesUnit):]) // units know no case; net/http's do
}
