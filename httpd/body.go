package httpd

import (
	"io"
	"net/http"
	"time"
)

// body is a request's body whose read deadline moves from piece to piece.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	timeout time.Duration
	due     time.Time // when the deadline is to be moved
	left    int       // of the piece that the deadline is for
}

// newBody returns b with a deadline, which also holds for what net/http reads of
// a body that the handler left. A timeout not above 0 is none.
func newBody(w http.ResponseWriter, b io.ReadCloser, timeout time.Duration) io.ReadCloser {
	if timeout <= 0 {
		return b
	}
	r := &body{ReadCloser: b, control: http.NewResponseController(w), timeout: timeout}
	r.move()
	return r
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.move()
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	if err == io.EOF {
		// Nothing more is asked of the client: it may wait for its answer.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (b *body) move() {
	b.left = piece
	now := time.Now()
	if now.Before(b.due) {
		return
	}
	b.due = now.Add(b.timeout / refresh)
	_ = b.control.SetReadDeadline(now.Add(b.timeout))
}
