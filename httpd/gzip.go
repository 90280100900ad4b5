package httpd

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

const (
	minGzip = 1 << 10 // bytes; a smaller body takes one packet either way
	maxGzip = 8 << 20 // bytes; a larger one gains more by sendfile and ranges
)

// compressible reports whether a body is worth the work.
func compressible(ctype string, size int64) bool {
	if size < minGzip || size > maxGzip {
		return false
	}
	ctype, _, _ = strings.Cut(ctype, ";")
	switch ctype {
	case "application/json", "application/javascript", "application/xml", "application/wasm",
		"image/bmp", "image/x-icon", "image/vnd.microsoft.icon", "font/ttf", "font/otf":
		return true
	}
	return strings.HasPrefix(ctype, "text/") || strings.HasSuffix(ctype, "+xml") || strings.HasSuffix(ctype, "+json")
}

// acceptsGzip reads Accept-Encoding by RFC 9110 section 12.5.3: gzip is accepted,
// and not less than the plain body is.
func acceptsGzip(fields []string) bool {
	q := qualities(fields)
	gz := firstOf(q, "gzip", "x-gzip", "*") // x-gzip is gzip: section 8.4.1.3
	return gz > 0 && gz >= q["identity"]
}

// firstOf returns the weight of the first value that is in the list, 0 if none is.
func firstOf(list map[string]float64, values ...string) float64 {
	for _, v := range values {
		if q, ok := list[v]; ok {
			return q
		}
	}
	return 0
}

// qualities reads a list of values with weights (RFC 9110 section 12.4.2). A
// weight that can't be read is 0.
func qualities(fields []string) map[string]float64 {
	list := make(map[string]float64)
	for item := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		value, params, _ := strings.Cut(item, ";")
		q := 1.0
		for param := range strings.SplitSeq(params, ";") {
			name, weight, _ := strings.Cut(strings.TrimSpace(param), "=")
			if strings.EqualFold(name, "q") {
				q = weightOf(weight)
			}
		}
		if value = strings.ToLower(strings.TrimSpace(value)); value != "" {
			list[value] = q
		}
	}
	return list
}

func weightOf(s string) float64 {
	q, err := strconv.ParseFloat(s, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}

var compressors = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// serveGzip answers with the compressed representation, whose bytes and hence
// ETag are others (RFC 9110 section 8.8.3.3).
func (c *representation) serveGzip(w *writer, r *http.Request) {
	h := w.Header()
	h.Set("Content-Encoding", "gzip")
	if c.etag != "" {
		h.Set("ETag", strings.TrimSuffix(c.etag, `"`)+`-gzip"`)
	}
	g := &gzipWriter{ResponseWriter: w}
	c.send(g, r)
	if g.status != http.StatusOK || r.Method == http.MethodHead {
		return
	}
	// There is no Content-Length to tell the client that the file got shorter or
	// could not be read: only a broken connection does.
	if g.taken != c.size {
		panic(http.ErrAbortHandler)
	}
	g.close()
}

// gzipWriter compresses the body of a 200. It hides writer's ReadFrom.
type gzipWriter struct {
	http.ResponseWriter
	status int
	taken  int64
	z      *gzip.Writer
}

func (g *gzipWriter) WriteHeader(status int) {
	g.status = status
	h := g.Header()
	h.Del("Accept-Ranges") // not of this representation
	if status != http.StatusOK {
		h.Del("Content-Encoding")
	}
	g.ResponseWriter.WriteHeader(status)
}

func (g *gzipWriter) Write(p []byte) (int, error) {
	if g.status != http.StatusOK {
		return g.ResponseWriter.Write(p)
	}
	if g.z == nil {
		g.z = compressors.Get().(*gzip.Writer)
		g.z.Reset(g.ResponseWriter)
	}
	n, err := g.z.Write(p)
	g.taken += int64(n)
	return n, err
}

// close writes the trailer. A lost connection is net/http's to notice.
func (g *gzipWriter) close() {
	_ = g.z.Close()
	g.z.Reset(nil) // lets go of the response
	compressors.Put(g.z)
}
