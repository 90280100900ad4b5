package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/miekg/dns"
)

// Resolver finds the answer to a question, wherever it is. The class is IN.
type Resolver interface {
	// Resolve returns the answer, which may be that there is none. Errors are
	// *net.DNSError; where more is known of the reason, errors.As finds an
	// *ExtendedError in them.
	Resolve(ctx context.Context, q dns.Question) (*Answer, error)
}

// Answer is what there is to a question. It belongs to whoever asked.
type Answer struct {
	Rcode int // dns.RcodeSuccess, or dns.RcodeNameError: the name at the end of the aliases does not exist
	// Records are the aliases in order from the question's name on, each a CNAME, and
	// the records asked for that are at their end.
	Records []dns.RR
	// Authority is the SOA that a negative answer comes with, where there is one.
	Authority []dns.RR
	Cached    bool // nobody was asked
	Stale     bool // nobody could be asked, and what was known is too old (RFC 8767)
}

// ExtendedError is a failure with the code that a server has for it (RFC 8914).
type ExtendedError struct {
	Code uint16 // one of dns.ExtendedErrorCode...
	Text string // more about it, for people; may be empty
	Err  error  // what it came from; may be nil
}

// Error returns what the code means, and the text.
func (e *ExtendedError) Error() string {
	meaning, ok := dns.ExtendedErrorCodeToString[e.Code]
	switch {
	case !ok:
		meaning = fmt.Sprintf("extended error %d", e.Code)
	case e.Code == dns.ExtendedErrorCodeOther && e.Text != "":
		return e.Text
	}
	if e.Text == "" {
		return meaning
	}
	return meaning + ": " + e.Text
}

// Unwrap returns Err.
func (e *ExtendedError) Unwrap() error { return e.Err }

// AsExtendedError returns the *ExtendedError in a resolver's error, or else the one
// that says as much: that nobody answered, or could be reached.
func AsExtendedError(err error) *ExtendedError {
	var ext *ExtendedError
	if errors.As(err, &ext) {
		return ext
	}
	var e *net.DNSError
	if !errors.As(err, &e) {
		return &ExtendedError{Code: dns.ExtendedErrorCodeOther, Text: err.Error(), Err: err}
	}
	ext = &ExtendedError{Code: dns.ExtendedErrorCodeNetworkError, Text: e.Err, Err: err}
	if e.IsTimeout {
		ext.Code = dns.ExtendedErrorCodeNoReachableAuthority
	}
	if e.Server != "" {
		ext.Text = e.Server + ": " + e.Err
	}
	return ext
}
