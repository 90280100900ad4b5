package httpd

import (
	"io"
	"math"
	"net/http"
	"os"
	"time"
)

const (
	// piece is what must move within a timeout. It is as much as one TCP
	// super-segment holds.
	piece = 64 << 10
	// refresh: a deadline is moved when this fraction of its timeout has passed,
	// not on every call.
	refresh = 8
)

// writer is a response under way. It moves the write deadline from piece to
// piece, so that a stalled client is dropped and a slow one is not, and counts
// for the log. It hands files on as files, for sendfile.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration // not above 0: none
	due     time.Time     // when the deadline is to be moved

	status int // 0: not sent yet
	bytes  int64
}

func newWriter(w http.ResponseWriter, timeout time.Duration) *writer {
	return &writer{ResponseWriter: w, control: http.NewResponseController(w), timeout: timeout}
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(p []byte) (n int, err error) {
	w.begin()
	for {
		part := p[n:min(len(p), n+piece)]
		w.move()
		m, err := w.ResponseWriter.Write(part)
		n += m
		w.bytes += int64(m)
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// ReadFrom is Write of all that src has.
func (w *writer) ReadFrom(src io.Reader) (n int64, err error) {
	w.begin()
	all, ok := src.(*io.LimitedReader)
	if !ok {
		all = &io.LimitedReader{R: src, N: math.MaxInt64}
	}
	for all.N > 0 {
		w.move()
		want := min(all.N, piece)
		got, err := w.sendPiece(all.R, want)
		n += got
		all.N -= got
		if err != nil || got < want {
			return n, err
		}
	}
	return n, nil
}

// sendPiece sends up to n bytes of src, fewer if it has no more.
func (w *writer) sendPiece(src io.Reader, n int64) (sent int64, err error) {
	switch s := src.(type) {
	case *pattern:
		var m int
		m, err = w.ResponseWriter.Write(s.next(int(n)))
		sent = int64(m)
	case snapshot:
		sent, err = io.Copy(w.ResponseWriter, &io.LimitedReader{R: s.File, N: n})
	default:
		sent, err = io.Copy(w.ResponseWriter, &io.LimitedReader{R: src, N: n})
	}
	w.bytes += sent
	return sent, err
}

func (w *writer) begin() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

// move gives the next piece its time. A ResponseWriter that knows no deadlines
// has none.
func (w *writer) move() {
	if w.timeout <= 0 {
		return
	}
	now := time.Now()
	if now.Before(w.due) {
		return
	}
	w.due = now.Add(w.timeout / refresh)
	_ = w.control.SetWriteDeadline(now.Add(w.timeout))
}

// snapshot is a file that ends where it ended when it was opened, so that what
// is appended meanwhile is not sent under the old ETag.
type snapshot struct {
	*os.File
	size int64
}

func (s snapshot) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		offset, whence = s.size+offset, io.SeekStart
	}
	return s.File.Seek(offset, whence)
}
