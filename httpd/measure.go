package httpd

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	helloBody   = []byte("hello\n")
	helloLength = []string{strconv.Itoa(len(helloBody))}
)

// hello is the cheapest answer that net/http gives.
func hello(w *writer) {
	h := w.Header()
	h["Content-Type"] = plainText
	h["Content-Length"] = helloLength
	_, _ = w.Write(helloBody) // a lost connection is net/http's to notice
}

// maxBytes is the most that /bytes/ serves.
const maxBytes = 1 << 40

// serveBytes answers /bytes/{count}: byte i of count is i mod 251.
func serveBytes(w *writer, r *http.Request, count string) {
	n, ok := parseCount(count)
	if !ok {
		http.Error(w, fmt.Sprintf("/bytes/{n}: n is 0 to %d, or with KiB, MiB or GiB: /bytes/10MiB", int64(maxBytes)),
			http.StatusBadRequest)
		return
	}
	s := representation{
		ctype:   "application/octet-stream",
		etag:    fmt.Sprintf(`"mod251-%d"`, n),
		size:    n,
		content: &pattern{size: n},
	}
	s.serve(w, r)
}

// parseCount reads a number of bytes up to maxBytes, in digits, which KiB, MiB
// or GiB may follow.
func parseCount(s string) (n int64, ok bool) {
	shift := 0
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if digits, found := strings.CutSuffix(s, unit); found {
			s, shift = digits, 10*(i+1)
		}
	}
	v, err := strconv.ParseUint(s, 10, 63)
	if err != nil || v > maxBytes>>shift {
		return 0, false
	}
	return int64(v << shift), true
}

// period is that of pattern: prime, so that no shift by a segment goes unnoticed.
const period = 251

// periods is the pattern for any piece, from any of its phases on.
var periods = func() (b [period + piece]byte) {
	for i := range b {
		b[i] = byte(i % period)
	}
	return b
}()

// pattern is an io.ReadSeeker of size bytes, of which byte i is i mod 251.
type pattern struct {
	size, offset int64
}

// next returns the next bytes, at most n of them and at most a piece; none at
// the end. They are not to be written to.
func (p *pattern) next(n int) []byte {
	start := int(p.offset % period)
	n = int(min(int64(n), piece, max(p.size-p.offset, 0)))
	p.offset += int64(n)
	return periods[start : start+n]
}

func (p *pattern) Read(b []byte) (int, error) {
	if p.offset >= p.size {
		return 0, io.EOF
	}
	return copy(b, p.next(len(b))), nil
}

func (p *pattern) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.offset
	case io.SeekEnd:
		offset += p.size
	}
	if offset < 0 {
		return 0, errors.New("httpd: seek before the start")
	}
	p.offset = offset
	return offset, nil
}

// uploads are the buffers that bodies are read into.
var uploads = sync.Pool{New: func() any { return new([4 * piece]byte) }}

// upload reads the body to its end and says how long it was, its SHA-256 and how
// long it took. It keeps nothing.
func (s *site) upload(w *writer, r *http.Request) {
	if s.cfg.MaxUpload > 0 {
		r.Body = http.MaxBytesReader(w.ResponseWriter, r.Body, s.cfg.MaxUpload)
	}
	buf := uploads.Get().(*[4 * piece]byte)
	defer uploads.Put(buf)
	sum := sha256.New()
	start := time.Now()
	n, err := io.CopyBuffer(sum, struct{ io.Reader }{r.Body}, buf[:])
	if err != nil {
		uploadFailed(w, err)
		return
	}
	h := w.Header()
	h["Content-Type"] = plainText
	h.Set("Cache-Control", "no-store")
	fmt.Fprintf(w, "bytes: %d\nsha256: %x\nseconds: %.6f\n", n, sum.Sum(nil), time.Since(start).Seconds())
}

func uploadFailed(w *writer, err error) {
	var tooLarge *http.MaxBytesError
	status := http.StatusBadRequest
	switch {
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		status = http.StatusRequestTimeout
	}
	w.Header().Set("Connection", "close") // the rest of the body is not worth reading
	fail(w, status)
}
