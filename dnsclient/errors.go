package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/tinystack/tinystack/internal/counter"
)

// failure counts and tells why there is no answer, as a *net.DNSError.
func (a *asked) failure(err error) error {
	e := &net.DNSError{
		Err: err.Error(), Name: a.query.Question.Name, Server: a.server.String(),
		IsTemporary: true, UnwrapErr: err,
	}
	count := &a.client.stats.Failures
	switch ended := a.ctx.Err(); {
	case errors.Is(ended, context.Canceled):
		e.Err, e.UnwrapErr = "canceled", context.Cause(a.ctx)
	case ended != nil:
		e.Err, e.UnwrapErr = a.silence(), context.Cause(a.ctx)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Err = "the server closed the connection without a whole answer"
	}
	if ended := a.ctx.Err(); errors.Is(ended, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		e.IsTimeout = true
		count = &a.client.stats.Timeouts
	}
	counter.Inc(count)
	traceOf(a.ctx).failed(FailEvent{a.query.Question, a.server, a.network(), e})
	return e
}

// silence says that no answer came, and what came in its place.
func (a *asked) silence() string {
	s := fmt.Sprintf("no answer over %s within %v", a.network(), time.Since(a.began).Round(time.Millisecond))
	switch a.dropped {
	case 0:
		return s
	case 1:
		return fmt.Sprintf("%s, but a message that is none: %s", s, a.lastDrop)
	}
	return fmt.Sprintf("%s, but %d messages that are none, the last: %s", s, a.dropped, a.lastDrop)
}
