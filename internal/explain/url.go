package explain

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// URLError is why a URL has no story. It is the user's to mend.
type URLError struct {
	URL         string
	Reason      string
	Unsupported bool // it may be right, but its scheme is not to be had here
}

func (e *URLError) Error() string { return fmt.Sprintf("%q: %s", e.URL, e.Reason) }

// parseURL reads what was typed, as a browser's address line does: without a scheme it is http.
func parseURL(typed string) (*url.URL, error) {
	bad := func(reason string) error { return &URLError{URL: typed, Reason: reason} }
	text := strings.TrimSpace(typed)
	if text == "" {
		return nil, bad("there is no URL; try http://www.google.com/")
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, bad("it is no URL: " + reasonOf(err))
	case u.Scheme == "https":
		return nil, &URLError{typed, "https is HTTP over TLS, which is not there; its name and its TCP are as those of http://" + u.Host + "/", true}
	case u.Scheme != "http":
		return nil, &URLError{typed, "the scheme " + u.Scheme + " is not there, only http", true}
	case u.Hostname() == "":
		return nil, bad("it names no host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, bad("the port is not one of 1 to 65535")
		}
	}
	if u.Path == "" {
		u.Path = "/" // RFC 9110 4.2.3
	}
	u.Fragment = "" // it stays in the browser (RFC 9110 4.2.5)
	return u, nil
}

// reasonOf is err without the URL, which is said before.
func reasonOf(err error) string {
	if e, ok := err.(*url.Error); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// portOf is the port of a URL, http's own if it has none.
func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return "80"
}

// tellURL says what the parts of the URL are for.
func (s *story) tellURL(u *url.URL) {
	s.page.station(s.now(), "The URL")
	port := "80, as http has it (RFC 9110 4.2.1)"
	if u.Port() != "" {
		port = u.Port() + ", as the URL has it"
	}
	s.page.item("scheme", "http: ask in HTTP, over a TCP connection, in the clear")
	s.page.item("host", "%s: whom to ask; packets need its address", u.Hostname())
	s.page.item("port", "%s: which program there", port)
	s.page.item("path", "%s: what to ask it for", u.RequestURI())
}
