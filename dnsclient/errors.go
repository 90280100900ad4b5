package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"

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

// What is wrong with an answer.
var (
	errTruncated = errors.New("the answer is truncated, over TCP too")
	errLame      = errors.New("the server neither answers nor asks others")
)

// misbehaving is the error of a server's answer that is of no use.
func misbehaving(q dns.Question, server netip.AddrPort, err error) error {
	e := &net.DNSError{Err: err.Error(), Name: q.Name, IsTemporary: true}
	e.UnwrapErr = &ExtendedError{Code: dns.ExtendedErrorCodeOther, Text: err.Error(), Err: err}
	if server.IsValid() {
		e.Server = server.String()
	}
	return e
}

// refusal is the error of a server that answered with an error code, with the
// reason that it gives, if it does.
func refusal(q dns.Question, r *Reply) error {
	text := "the server answered " + rcodeName(r.Msg.Rcode)
	ext := extendedError(r.Msg)
	if ext == nil {
		ext = &ExtendedError{Code: dns.ExtendedErrorCodeOther, Text: r.Server.String() + " answered " + rcodeName(r.Msg.Rcode)}
	} else {
		text += ": " + ext.Error()
	}
	return &net.DNSError{
		Err: text, Name: q.Name, Server: r.Server.String(), UnwrapErr: ext,
		IsTemporary: r.Msg.Rcode == dns.RcodeServerFailure,
	}
}

func rcodeName(rcode int) string {
	if name, ok := dns.RcodeToString[rcode]; ok {
		return name
	}
	return fmt.Sprintf("RCODE%d", rcode)
}

// maxExtraText is how much is kept of the text that a server sends for people.
const maxExtraText = 200

// extendedError is the reason that a message gives for its error, made safe to be
// printed; nil if there is none.
func extendedError(m *dns.Msg) *ExtendedError {
	opt := m.IsEdns0()
	if opt == nil {
		return nil
	}
	for _, o := range opt.Option {
		if ede, ok := o.(*dns.EDNS0_EDE); ok {
			text := strings.Map(printable, ede.ExtraText)
			return &ExtendedError{Code: ede.InfoCode, Text: text[:min(len(text), maxExtraText)]}
		}
	}
	return nil
}

// printable replaces what is not printable ASCII.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

// noServers is the error where nobody can be asked.
func noServers(q dns.Question) error {
	ext := &ExtendedError{Code: dns.ExtendedErrorCodeNoReachableAuthority, Text: "no name servers are configured"}
	return &net.DNSError{Err: ext.Text, Name: q.Name, IsTemporary: true, UnwrapErr: ext}
}

// canceled is the error of who waits no longer.
func canceled(ctx context.Context, q dns.Question) error {
	return &net.DNSError{
		Err: ctx.Err().Error(), Name: q.Name, IsTemporary: true, UnwrapErr: context.Cause(ctx),
		IsTimeout: errors.Is(ctx.Err(), context.DeadlineExceeded),
	}
}

// cachedFailure is the error of a question that was not asked, for it failed lately.
func cachedFailure(q dns.Question, failure error) error {
	e := net.DNSError{Err: failure.Error(), Name: q.Name, IsTemporary: true}
	var was *net.DNSError
	if errors.As(failure, &was) {
		e = *was
	}
	e.UnwrapErr = &ExtendedError{Code: dns.ExtendedErrorCodeCachedError, Text: e.Err, Err: failure}
	return &e
}
