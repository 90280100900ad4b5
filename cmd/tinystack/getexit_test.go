package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// getFrom fetches from a server on this host's loopback, and returns the exit code.
func getFrom(t *testing.T, ctx context.Context, url string, set func(*getFlags)) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	g := newGetter(url, &out, &errs)
	if set != nil {
		set(&g.getFlags)
	}
	r, err := g.request(ctx)
	if err != nil {
		t.Fatal(err)
	}
	code = report(&errs, g.run(r))
	return out.String(), errs.String(), code
}

// newGetter is a getter on this host's loopback.
func newGetter(url string, stdout, stderr io.Writer) *getter {
	g := &getter{getPlan: getPlan{url: url}, stdout: stdout, stderr: stderr, dial: new(net.Dialer).DialContext}
	g.lookup = func(context.Context, string) (netip.Addr, error) { return netip.MustParseAddr("127.0.0.1"), nil }
	return g
}

// saying is the URL of a server that reads a request's header, says text, and ends.
func saying(t *testing.T, text string, end func(*net.TCPConn)) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, text)
		end(c.(*net.TCPConn))
		c.Close()
	}()
	return "http://" + ln.Addr().String() + "/"
}

func finish(*net.TCPConn) {}

// readingConn is a connection that closes whole when all that is wanted was read.
type readingConn struct {
	net.Conn
	want  int
	whole chan struct{}
}

func (c *readingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.want -= n; n > 0 && c.want == 0 {
		close(c.whole)
	}
	return n, err
}

// getReset fetches from a server that says text, and resets the connection once the client has read it.
func getReset(t *testing.T, text string) (stderr string, code int) {
	t.Helper()
	whole := make(chan struct{})
	if text == "" {
		close(whole)
	}
	var errs bytes.Buffer
	g := newGetter(saying(t, text, func(c *net.TCPConn) {
		select {
		case <-whole:
		case <-t.Context().Done():
		}
		_ = c.SetLinger(0)
	}), io.Discard, &errs)
	g.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		return &readingConn{Conn: c, want: len(text), whole: whole}, err
	}
	r, err := g.request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	code = report(&errs, g.run(r))
	return errs.String(), code
}

// What a server does wrong has curl's exit code for it.
func TestGetFromBadServers(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, tt := range map[string]struct {
		says string
		code int
	}{
		"whole":                   {ok + "Content-Length: 2\r\n\r\nhi", exitOK},
		"until the end":           {ok + "\r\nhi", exitOK},
		"less than announced":     {ok + "Content-Length: 9\r\n\r\nhi", exitPartial},
		"a chunk is missing":      {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", exitPartial},
		"nothing":                 {"", exitEmptyReply},
		"no HTTP":                 {"220 mail.example ESMTP\r\n", exitReceive},
		"a header without an end": {ok + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 400), exitReceive},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, stderr, code := getFrom(t, t.Context(), saying(t, tt.says, finish), nil)
			if code != tt.code || (code == 0) != (stderr == "") {
				t.Errorf("code %d, want %d; it said %q", code, tt.code, stderr)
			}
		})
	}
	for name, says := range map[string]string{
		"reset at once":            "",
		"reset within the header":  ok + "Content-Le",
		"reset within the body":    ok + "Content-Length: 9\r\n\r\nhi",
		"reset of an endless body": ok + "\r\nhi",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if stderr, code := getReset(t, says); code != exitReceive || stderr == "" {
				t.Errorf("code %d, want %d; it said %q", code, exitReceive, stderr)
			}
		})
	}
}

// A fetch that is interrupted does not wait for the dial, whose end is then nobody's: with -race this is seen.
func TestGetInterruptedInDial(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	g := newGetter("http://host.example/", &out, &errs)
	g.verbose, g.format = true, "%{exitcode} %{local_ip}"
	g.dial = func(context.Context, string, string) (net.Conn, error) {
		interrupt()
		c, server := net.Pipe()
		server.Close()
		return c, nil
	}
	r, err := g.request(ctx)
	if err != nil {
		t.Fatal(err)
	}
	code := report(&errs, g.run(r))
	if code != exitInterrupted || !strings.HasPrefix(out.String(), "130") {
		t.Errorf("code %d, wrote %q", code, &out)
	}
}

// If the device fails the fetch ends, and the error is the device's, not that somebody interrupted it.
func TestGetDeviceFails(t *testing.T) {
	t.Parallel()
	wait := make(chan struct{})
	t.Cleanup(func() { close(wait) })
	g := newGetter(saying(t, "", func(*net.TCPConn) { <-wait }), io.Discard, io.Discard)
	r, err := g.request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the device broke")
	v := &vantage{during: func(ctx context.Context, f func(context.Context)) error {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		f(ctx)
		return broken
	}}
	if err := g.during(t.Context(), v, r); err != broken || exitCode(err) != exitFailure {
		t.Errorf("%v, exit code %d", err, exitCode(err))
	}
}

// A server that says nothing, or the user, ends it in time; -s makes it silent, -S not.
func TestGetEnds(t *testing.T) {
	t.Parallel()
	wait := make(chan struct{})
	t.Cleanup(func() { close(wait) })
	silent := func() string { return saying(t, "HTTP/1.1 200 OK\r\n\r\nhi", func(*net.TCPConn) { <-wait }) }
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, stderr, code := getFrom(t, short, silent(), nil); code != exitTimeout || stderr == "" {
		t.Errorf("timed out: code %d, %q", code, stderr)
	}
	if _, stderr, code := getFrom(t, short, silent(), func(f *getFlags) { f.silent = true }); code != exitTimeout || stderr != "" {
		t.Errorf("-s: code %d, %q", code, stderr)
	}
	if _, stderr, code := getFrom(t, short, silent(), func(f *getFlags) { f.silent, f.show = true, true }); code != exitTimeout || stderr == "" {
		t.Errorf("-sS: code %d, %q", code, stderr)
	}
	interrupted, interrupt := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, interrupt)
	if _, stderr, code := getFrom(t, interrupted, silent(), nil); code != exitInterrupted || stderr != "" {
		t.Errorf("interrupted: code %d, %q", code, stderr)
	}
}

// A certificate that nobody vouches for is not trusted, and what is no TLS is none.
func TestGetTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	if _, stderr, code := getFrom(t, t.Context(), s.URL, nil); code != exitCertificate {
		t.Errorf("code %d, %q", code, stderr)
	}
	plain := saying(t, "HTTP/1.1 400 Bad Request\r\n\r\n", finish)
	if _, stderr, code := getFrom(t, t.Context(), strings.Replace(plain, "http", "https", 1), nil); code != exitTLS {
		t.Errorf("code %d, %q", code, stderr)
	}
}

// The header is shown as it came, in its order and case, with what came before it, even if it
// comes byte by byte.
func TestGetShowsHeaderAsItCame(t *testing.T) {
	t.Parallel()
	const header = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 Fine\r\nzebra: 1\r\nContent-length: 2\r\naPPle:  2\r\nzebra: 3\r\n\r\n"
	byByte := saying(t, "", func(c *net.TCPConn) {
		for i := range len(header) {
			_, _ = io.WriteString(c, header[i:i+1])
		}
		_, _ = io.WriteString(c, "\n\n")
	})
	for _, url := range []string{saying(t, header+"\n\n", finish), byByte} {
		stdout, stderr, code := getFrom(t, t.Context(), url, func(f *getFlags) { f.include, f.verbose = true, true })
		if code != 0 || stdout != header+"\n\n" {
			t.Errorf("code %d, wrote %q, want %q", code, stdout, header+"\n\n")
		}
		shown := "< " + strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(header, "\r\n", "\n< "), "< \n", "<\n"), "< ")
		if !strings.HasSuffix(stderr, shown) {
			t.Errorf("-v says %q, want at its end %q", stderr, shown)
		}
	}
}

// The recorder keeps the header of one response, and of those before it that are not the last.
func TestRecorder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ says, want string }{
		{"HTTP/1.1 200 OK\nA: b\n\nA: not this\n\n", "HTTP/1.1 200 OK|A: b|"},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.1 100 Continue||HTTP/1.1 404 Not Found|"},
		{"HTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 100\r\n", "HTTP/1.1 101 Switching|"},
		{"HTTP/1.1 200", ""},
		{"\n", ""},
		{"", ""},
	} {
		var r recorder
		r.see([]byte(tt.says))
		if got := strings.Join(r.header(), "|"); got != tt.want {
			t.Errorf("of %q it keeps %q, want %q", tt.says, got, tt.want)
		}
		if r.begin(); len(r.header()) != 0 || r.done {
			t.Errorf("it remembers %q", r.header())
		}
	}
}
