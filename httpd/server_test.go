package httpd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root := newServer(t, Config{WWW: dir}).owned
	for field, cfg := range map[string]Config{
		"MaxHeaderBytes": {MaxHeaderBytes: 1},
		"WWW":            {WWW: dir, Root: root},
		"no/such/dir":    {WWW: dir + "/no/such/dir"},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: error %v does not name it", field, err)
		}
	}
	s := newServer(t, Config{})
	if s.http.ReadHeaderTimeout != DefaultReadHeaderTimeout || s.http.IdleTimeout != DefaultIdleTimeout ||
		s.site.cfg.WriteTimeout != DefaultWriteTimeout || s.site.cfg.ReadTimeout != DefaultReadTimeout {
		t.Errorf("a zero Config has the timeouts of %+v", s.site.cfg)
	}
}

// talk sends the text and returns all that comes until the server closes.
func talk(t *testing.T, addr, send string) string {
	t.Helper()
	c := dial(t, addr)
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("%q: %v after %q", clip(send), err, b)
	}
	return string(b)
}

func TestRawRequests(t *testing.T) {
	t.Parallel()
	addr := listen(t, newServer(t, Config{MaxHeaderBytes: 4096}))
	const bye = "Host: a\r\nConnection: close\r\n\r\n"
	for _, c := range []struct{ send, want string }{
		{"GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n"},
		{"GET /hello HTTP/1.1\r\n" + bye, "HTTP/1.1 200 OK\r\n"},
		{"GET http://other/hello HTTP/1.1\r\n" + bye, "HTTP/1.1 200 OK\r\n"},
		{"GET http://other HTTP/1.1\r\n" + bye, "HTTP/1.1 200 OK\r\n"},
		{"HEAD /hello HTTP/1.1\r\n" + bye, "HTTP/1.1 200 OK\r\n"},
		{"OPTIONS * HTTP/1.1\r\n" + bye, "HTTP/1.1 204 No Content\r\nAllow: GET, HEAD, OPTIONS\r\n"},
		{"TRACE / HTTP/1.1\r\n" + bye, "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, OPTIONS\r\n"},
		{"CONNECT example.com:443 HTTP/1.1\r\n" + bye, "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, OPTIONS\r\n"},
		{"BREW /pot HTTP/1.1\r\n" + bye, "HTTP/1.1 405 Method Not Allowed\r\n"},
		{"GET /no HTTP/1.1\r\n" + bye, "HTTP/1.1 404 Not Found\r\n"},
		{"GET /hello HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"}, // no Host
		{"GET /hello HTTP/9.9\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported"},
		{"GET /hello HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" + bye, "HTTP/1.1 400 Bad Request"},
		{"GET /hello HTTP/1.1\r\nTransfer-Encoding: zip\r\n" + bye, "HTTP/1.1 501 "},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		{"GET /hello HTTP/1.1\r\nX: " + strings.Repeat("x", 9000) + "\r\n" + bye, "HTTP/1.1 431 "},
	} {
		if got := talk(t, addr, c.send); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q:\n%q, want\n%q", clip(c.send), got, c.want)
		}
	}
	if got := talk(t, addr, "HEAD /hello HTTP/1.1\r\n"+bye); !strings.HasSuffix(got, "\r\n\r\n") ||
		!strings.Contains(got, "Content-Length: 6\r\n") || !strings.Contains(got, "\r\nDate: ") {
		t.Errorf("HEAD: %q", got)
	}
}

func TestRequestsOnOneConnection(t *testing.T) {
	t.Parallel()
	addr := listen(t, newServer(t, Config{}))
	c := dial(t, addr)
	fmt.Fprint(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /welcome HTTP/1.1\r\nHost: a\r\n\r\n") // pipelined
	br := bufio.NewReader(c)
	var body string
	for range 2 {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		body = readAll(t, resp.Body)
	}
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	for _, want := range []string{"number 2 on this connection", "port " + port, "curl http://" + addr + "/hello", "only the TCP"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing in\n%s", want, body)
		}
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	var log, access bytes.Buffer
	var failing atomic.Bool
	s := newServer(t, Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)), AccessLog: &access,
		ConnInfo: func(net.Conn) (ConnInfo, bool) {
			if failing.Load() {
				panic("no such luck")
			}
			return ConnInfo{}, false
		},
	})
	addr := listen(t, s)
	for want, fail := range map[string]bool{"500 Internal Server Error": true, "200 OK": false} {
		failing.Store(fail)
		if got := talk(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 "+want) {
			t.Errorf("%q, want %s", got, want)
		}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "no such luck") || !strings.Contains(access.String(), `" 500 `) {
		t.Errorf("log %q, access log %q", log.String(), access.String())
	}
}

// Shutdown closes an idle connection, refuses new ones, and lets a response that
// is under way end.
func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	s := newServer(t, Config{})
	addr := listen(t, s)

	idle := bufio.NewReader(dialAndAsk(t, addr, "/hello"))
	if resp, err := http.ReadResponse(idle, nil); err != nil {
		t.Fatal(err)
	} else {
		readAll(t, resp.Body)
	}
	busy := bufio.NewReader(dialAndAsk(t, addr, "/bytes/64MiB")) // more than the sockets hold
	resp, err := http.ReadResponse(busy, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Shutdown(t.Context()) }()

	if _, err := idle.ReadByte(); err != io.EOF {
		t.Errorf("idle connection: %v, want EOF", err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("a new connection is accepted")
	}
	select {
	case err := <-done:
		t.Fatalf("Shutdown returned %v with a response under way", err)
	default:
	}
	if n, err := io.Copy(io.Discard, resp.Body); n != 64<<20 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	s := newServer(t, Config{})
	c := dialAndAsk(t, listen(t, s), "/bytes/1GiB")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the response ended cleanly")
	}
}

func dialAndAsk(t *testing.T, addr, path string) net.Conn {
	t.Helper()
	c := dial(t, addr)
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path)
	return c
}

// Who is around the handler sees the requests and responses, with the connection's context.
func TestAround(t *testing.T) {
	t.Parallel()
	type key struct{}
	var seen atomic.Value
	s := newServer(t, Config{
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, key{}, c) },
		Around: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen.Store(r.Context().Value(key{}))
				w.Header().Set("X-Around", "yes")
				h.ServeHTTP(w, r)
			})
		},
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(ln)
	resp, err := http.Get("http://" + ln.Addr().String() + "/hello")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if _, ok := seen.Load().(*net.TCPConn); !ok || resp.Header.Get("X-Around") != "yes" || resp.StatusCode != 200 {
		t.Errorf("the connection was %T; the response %v", seen.Load(), resp)
	}
}
