package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

// maxGetRedirects is how often -L goes on, as with curl.
const maxGetRedirects = 50

// getter fetches one URL.
type getter struct {
	getPlan
	stdout, stderr io.Writer
	dial           func(ctx context.Context, network, address string) (net.Conn, error)
	lookup         func(ctx context.Context, host string) (netip.Addr, error)
	header         []string // of all responses, as -i has it

	mu     sync.Mutex // the transport dials, writes and reads on goroutines that may outlast a fetch given up
	result getResult
}

// get opens the network, fetches, and closes it.
func get(ctx context.Context, p getPlan, stdout, stderr io.Writer) error {
	g := &getter{getPlan: p, stdout: stdout, stderr: stderr}
	r, err := g.request(ctx)
	if err != nil {
		return err
	}
	v, err := openVantage(p.netConfig, p.via, g.complaints())
	if err != nil {
		return err
	}
	g.dial, g.lookup = v.dial, v.lookup
	return errors.Join(g.during(ctx, v, r), v.Close())
}

// complaints is where to say what may be wrong, with -s nowhere.
func (g *getter) complaints() io.Writer {
	if g.silent {
		return io.Discard
	}
	return g.stderr
}

// during runs while the network does; if that fails, the fetch was interrupted by it, which tells nothing more.
func (g *getter) during(ctx context.Context, v *vantage, r *http.Request) error {
	var failed error
	if err := v.during(ctx, func(ctx context.Context) { failed = g.run(r.WithContext(ctx)) }); err != nil {
		return err
	}
	return failed
}

// request makes the request, which is what can be wrong about the command line.
func (g *getter) request(ctx context.Context) (*http.Request, error) {
	u, err := url.Parse(g.url)
	switch {
	case err != nil:
		return nil, codeError{exitURL, err}
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, codeError{exitScheme, fmt.Errorf("the scheme %s is not there, only http and https", u.Scheme)}
	case u.Hostname() == "":
		return nil, codeError{exitURL, fmt.Errorf("%q names no host", g.url)}
	}
	method, body := http.MethodGet, strings.Join(g.data, "&")
	switch {
	case g.method != "":
		method = g.method
	case g.head:
		method = http.MethodHead
	case len(g.data) > 0:
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, g.url, strings.NewReader(body))
	if err != nil {
		return nil, usagef("%w", err)
	}
	r.Header.Set("User-Agent", g.agent)
	r.Header.Set("Accept", "*/*")
	if len(g.data) > 0 {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r, g.addHeaders(r)
}

// addHeaders adds what -H has; a name without a value takes that line away.
func (g *getter) addHeaders(r *http.Request) error {
	for _, line := range g.headers {
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case !ok || name == "":
			return usagef("--header %q is not NAME: VALUE", line)
		case strings.EqualFold(name, "host"):
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	return nil
}

// run fetches, prints what -w wants, and gives what went wrong curl's exit code.
func (g *getter) run(r *http.Request) error {
	if g.maxTime > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), g.maxTime)
		defer cancel()
		r = r.WithContext(ctx)
	}
	g.result = getResult{began: time.Now(), method: r.Method, url: r.URL.String()}
	err := g.fetch(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.result.done = time.Now()
	if err != nil {
		g.result.code = g.exit(errors.Join(r.Context().Err(), err)) // whose cause, a signal, is what net/http returns
	}
	io.WriteString(g.stdout, g.result.format(g.format))
	switch {
	case err == nil:
		return nil
	case g.silent && !g.show, g.result.code == exitInterrupted:
		return codeError{code: g.result.code}
	}
	return codeError{g.result.code, err}
}

func (g *getter) fetch(r *http.Request) error {
	t := &http.Transport{
		DialContext: g.connect, DialTLSContext: g.connectTLS, DisableCompression: true, MaxResponseHeaderBytes: maxGetHeader,
	}
	defer t.CloseIdleConnections()
	client := http.Client{Transport: told{g, t}, CheckRedirect: g.redirect}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	g.result.response(resp)
	if g.fail && resp.StatusCode >= 400 {
		return codeError{exitHTTP, fmt.Errorf("the server answered %s", resp.Status)}
	}
	return g.write(resp)
}

// redirect is where -L goes on to, and ends without it.
func (g *getter) redirect(_ *http.Request, via []*http.Request) error {
	switch {
	case !g.follow:
		return http.ErrUseLastResponse
	case len(via) > maxGetRedirects:
		return fmt.Errorf("sent on more than %d times", maxGetRedirects)
	}
	g.result.redirects++
	return nil
}

// connect looks the host up and connects.
func (g *getter) connect(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if g.connTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, g.connTime)
		defer cancel()
	}
	addr, err := g.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	g.note(func(r *getResult) { r.lookedUp = time.Now() })
	to := net.JoinHostPort(addr.String(), port)
	g.say("  Trying %s...", to)
	c, err := g.dial(ctx, network, to)
	if err != nil {
		return nil, err
	}
	g.note(func(r *getResult) {
		r.connected, r.local, r.remote = time.Now(), c.LocalAddr(), c.RemoteAddr()
		r.connects++
	})
	g.say("Connected to %s (%v) port %s", host, addr, port)
	return &recorder{Conn: c}, nil
}

// write writes the response where it is to go.
func (g *getter) write(resp *http.Response) error {
	name := g.output
	if g.remoteName {
		if name = path.Base(resp.Request.URL.Path); name == "/" || name == "." {
			return codeError{exitWrite, errors.New("the URL has no name for a file")}
		}
	}
	switch {
	case name == "" && terminal(g.stdout):
		return g.writeTo(&textOnly{w: g.stdout}, resp)
	case name == "" || name == "-":
		return g.writeTo(g.stdout, resp)
	}
	file, err := os.Create(name)
	if err != nil {
		return codeError{exitWrite, err}
	}
	err = g.writeTo(file, resp)
	if e := file.Close(); e != nil {
		err = errors.Join(err, codeError{exitWrite, e})
	}
	return err
}

func (g *getter) writeTo(w io.Writer, resp *http.Response) error {
	if g.include || g.head {
		if _, err := io.WriteString(w, strings.Join(g.header, "\r\n")+"\r\n"); err != nil {
			return codeError{exitWrite, err}
		}
	}
	return g.copyBody(w, resp.Body)
}

// copyBody tells errors of writing from those of reading.
func (g *getter) copyBody(w io.Writer, body io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		g.result.size += int64(n)
		if _, e := w.Write(buf[:n]); e != nil {
			return codeError{exitWrite, e}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
