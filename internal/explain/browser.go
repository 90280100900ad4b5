package explain

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/internal/tracedns"
	"github.com/tinystack/tinystack/internal/tracehttp"
	"github.com/tinystack/tinystack/trace"
)

// Limits of what the browser does.
const (
	maxBody      = 16 << 20 // bytes of a page
	maxParts     = 16       // that a page consists of
	maxRedirects = 5
)

// browser is a small one, with a cache of names and one of pages, and one connection.
type browser struct {
	host  host
	trace *trace.Node
	names *dnsclient.Cache
	pages map[string]*stored
}

func newBrowser(w world) (*browser, error) {
	names, err := dnsclient.NewCache(dnsclient.CacheConfig{})
	return &browser{w.host(), w.node(nodeBrowser), names, map[string]*stored{}}, err
}

// lookup returns the first address of a host.
func (b *browser) lookup(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap(), nil
	}
	name, err := dnsclient.CanonicalName(host)
	if err != nil {
		return netip.Addr{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if e, ok := b.names.Get(tracedns.Context(ctx, b.trace), name, dns.TypeA); ok && e.Kind == dnsclient.Positive {
		return address(e.Records, host)
	}
	q := dns.Question{Name: name, Qtype: dns.TypeA, Qclass: dns.ClassINET}
	answer, err := b.host.Resolver().Resolve(ctx, q)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, rr := range answer.Records { // aliases and addresses are sets of their own
		b.names.PutRecords(ctx, []dns.RR{rr}, dnsclient.RankAnswer, netip.AddrPort{})
	}
	return address(answer.Records, host)
}

func address(records []dns.RR, host string) (netip.Addr, error) {
	for _, rr := range records {
		if a, ok := rr.(*dns.A); ok {
			addr, _ := netip.AddrFromSlice(a.A.To4())
			return addr, nil
		}
	}
	return netip.Addr{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// tab is a connection of the browser's, and what is asked over it.
type tab struct {
	browser *browser
	to      netip.AddrPort
	conn    connection
	ends    string // why there will be no other request on the connection; "": nobody said so
	http    *http.Transport
	client  http.RoundTripper
}

// tab returns one without a connection.
func (b *browser) tab(to netip.AddrPort) *tab { return &tab{browser: b, to: to} }

// open opens a connection to the server, in place of one that is closed.
func (t *tab) open(ctx context.Context) error {
	c, err := t.browser.host.DialContext(ctx, "tcp", t.to.String())
	if err != nil {
		return err
	}
	t.conn, t.ends = c.(connection), ""
	used := false
	t.http = &http.Transport{
		DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			if used {
				return nil, errConnGone
			}
			used = true
			return t.conn, nil
		},
	}
	t.client = tracehttp.Transport(t.browser.host.Trace(), t.http)
	return nil
}

// errConnGone is what a request ends with that would need another connection: the server has
// closed this one.
var errConnGone = errors.New("the server has closed the connection")

// id is the connection as the host's events have it.
func (t *tab) id() trace.Conn {
	local, remote := t.conn.LocalAddr().(*net.TCPAddr).AddrPort(), t.conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	return trace.Conn{
		Protocol: "tcp",
		Local:    netip.AddrPortFrom(local.Addr().Unmap(), local.Port()),
		Remote:   netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()),
	}
}

// exchange is a request, and the response to it.
type exchange struct {
	url        *url.URL
	request    http.Header
	began, end time.Time
	status     int
	header     http.Header
	body       []byte
	cut        bool     // there is more of the body, which the browser did not read
	use        cacheUse // of what the browser had
	kept       *stored  // nil: the response may not be kept
}

// get asks for a page, unless the browser has it and need not ask.
func (t *tab) get(ctx context.Context, u *url.URL) (*exchange, error) {
	x := &exchange{url: u, began: time.Now()}
	have := t.browser.pages[u.String()]
	x.use = have.use(x.began)
	if x.use == useAsIs {
		x.end, x.status, x.header, x.body, x.kept = x.began, have.status, have.header, have.body, have
		return x, nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return x, err
	}
	r.Header.Set("User-Agent", "tinystack")
	r.Header.Set("Accept", "*/*")
	if x.use == useIfSame {
		have.ask(r.Header)
	}
	x.request = r.Header
	return x, t.do(r, x, have)
}

func (t *tab) do(r *http.Request, x *exchange, have *stored) error {
	resp, err := t.client.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	x.status, x.header = resp.StatusCode, resp.Header
	if x.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1)); err != nil {
		return err
	}
	x.end = time.Now()
	switch {
	case len(x.body) > maxBody:
		x.body, x.cut = x.body[:maxBody], true
		t.ends = "The browser has enough of the response, and breaks off."
		return nil
	case resp.Close:
		t.ends = "The response said that it is the last one on the connection (RFC 9112 9.3)."
	}
	if x.status == http.StatusNotModified && have != nil {
		have.renew(x.header, x.end)
		x.header, x.body, x.kept = have.header, have.body, have
		return nil
	}
	if x.kept = keep(x.status, x.header, x.body, x.end); x.kept != nil {
		t.browser.pages[x.url.String()] = x.kept
	}
	return nil
}

// close ends the connection as a browser does that needs it no longer.
func (t *tab) close() {
	t.http.CloseIdleConnections()
	_ = t.conn.Close() // the transport has, unless the connection never was its own
}
