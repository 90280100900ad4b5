package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinystack/tinystack/internal/nstest"
)

// webServer is where www.google.com is in zones.
const webServer = "192.0.2.80"

// pictureSize is more than a sender may have under way at first.
const pictureSize = 200_000

// website is a web server on the kernel's sockets.
type website struct {
	t  *testing.T
	mu sync.Mutex
	// What the kernel says of each connection that was asked over, by its client.
	conns map[string]*unix.TCPInfo
}

// startWeb has a page of three parts, after the second of which the server closes the
// connection, and pages that go wrong.
func startWeb(t *testing.T) *website {
	t.Helper()
	nstest.Up(t, "lo", netip.MustParsePrefix(webServer+"/32"))
	ln, err := net.Listen("tcp4", webServer+":80")
	if err != nil {
		t.Fatal(err)
	}
	site := &website{t: t, conns: map[string]*unix.TCPInfo{}}
	server := &http.Server{Handler: site.pages(), ConnContext: func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, site, c)
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(ln) // its error is that it was closed
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		<-done
	})
	return site
}

func (s *website) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Etag", `"one"`)
		if r.Header.Get("If-None-Match") == `"one"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, `<html><link rel=stylesheet href=/style.css><img src=/picture></html>`)
	})
	mux.HandleFunc("/style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("Content-Type", "text/css")
		w.Header().Set("Transfer-Encoding", "identity") // it ends with the connection
		fmt.Fprint(w, "body { color: black }")
	})
	mux.HandleFunc("/picture", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		fmt.Fprint(w, strings.Repeat("x", pictureSize))
	})
	mux.HandleFunc("/reset", func(_ http.ResponseWriter, r *http.Request) {
		_ = s.conn(r).SetLinger(0)
		_ = s.conn(r).Close()
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, "short")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/never", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(patience):
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r)
		mux.ServeHTTP(w, r)
	})
}

func (s *website) conn(r *http.Request) *net.TCPConn { return r.Context().Value(s).(*net.TCPConn) }

// note asks the kernel about the connection of a request.
func (s *website) note(r *http.Request) {
	raw, err := s.conn(r).SyscallConn()
	if err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := raw.Control(func(fd uintptr) {
		if s.conns[r.RemoteAddr], err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err != nil {
			s.t.Error(err)
		}
	}); err != nil {
		s.t.Error(err)
	}
}

// info returns what the kernel says of the connection of the client's port.
func (s *website) info(client string) *unix.TCPInfo {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.conns[client]
	if i == nil {
		s.t.Fatalf("no connection of %s: %v", client, s.conns)
	}
	return i
}
