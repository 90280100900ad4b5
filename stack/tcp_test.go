package stack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
)

// The kinds of link that TCP must work over.
var links = map[string]link.PairConfig{
	"plain":    {},
	"offloads": {Features: offloads},
	"small":    {MTU: 576},
}

func TestConn(t *testing.T) {
	t.Parallel()
	for name, cfg := range links {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) { return pipe(t, cfg) })
		})
	}
}

// pipe makes the two ends of a connection between two hosts.
func pipe(t *testing.T, cfg link.PairConfig) (c1, c2 net.Conn, stop func(), err error) {
	a, b := two(t, cfg)
	stop = func() { a.Close(); b.Close() }
	ln, err := b.Listen("tcp", ":80")
	if err != nil {
		return nil, nil, stop, err
	}
	if c1, err = a.Dial("tcp", "198.18.0.2:80"); err != nil {
		return nil, nil, stop, err
	}
	c2, err = ln.Accept()
	return c1, c2, stop, err
}

func listen(t testing.TB, s *stack.Stack, address string) net.Listener {
	t.Helper()
	ln, err := s.Listen("tcp", address)
	must(t, err)
	return ln
}

// echo sends back what comes on each connection, and closes when it ends.
func echo(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			io.Copy(c, c)
		}()
	}
}

// A transfer each way at once arrives whole, over every kind of link, through a
// router, and over loopback; what was written before Close is delivered.
func TestTCPTransfer(t *testing.T) {
	for name, cfg := range links {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := two(t, cfg)
				testTransfer(t, b, a, "198.18.0.2:7")
			})
		})
	}
	t.Run("router", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, _, b := three(t)
			testTransfer(t, b, a, "198.19.0.2:7")
		})
	})
	t.Run("loopback", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStack(t, stack.Config{})
			testTransfer(t, s, s, "127.1.2.3:7")
		})
	})
}

func testTransfer(t *testing.T, server, client *stack.Stack, address string) {
	go echo(listen(t, server, ":7"))
	c := dial(t, client, "tcp", address)
	c.SetDeadline(time.Now().Add(time.Hour))
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		c.Write(data)
		c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	h := sha256.New()
	n, err := io.Copy(h, c)
	if want := sha256.Sum256(data); err != nil || !bytes.Equal(h.Sum(nil), want[:]) {
		t.Errorf("%d of %d bytes came back, %v, and not the same", n, len(data), err)
	}
	must(t, c.Close())
}

func TestTCPRefused(t *testing.T) { synctest.Test(t, testTCPRefused) }

func testTCPRefused(t *testing.T) {
	a, _ := two(t, link.PairConfig{})
	for _, address := range []string{"198.18.0.2:80", "localhost:80", "198.18.0.1:80"} {
		_, err := a.Dial("tcp", address)
		var e *net.OpError
		if !errors.Is(err, syscall.ECONNREFUSED) || !errors.As(err, &e) || e.Op != "dial" {
			t.Errorf("%s: %v, want ECONNREFUSED", address, err)
		}
	}
}

func TestTCPDialCanceled(t *testing.T) { synctest.Test(t, testTCPDialCanceled) }

func testTCPDialCanceled(t *testing.T) {
	a, _ := two(t, link.PairConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	start := time.Now()
	_, err := a.DialContext(ctx, "tcp", "198.18.0.99:80") // nobody is there
	if e, ok := err.(net.Error); !ok || !e.Timeout() || time.Since(start) != 5*time.Second {
		t.Errorf("after %v: %v, want a timeout after 5s", time.Since(start), err)
	}
}

// The addresses of listeners are as package net has them.
func TestListenAddresses(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{})
	for address, want := range map[string]string{
		":80": "0.0.0.0:80", "0.0.0.0:81": "0.0.0.0:81", "localhost:82": "127.0.0.1:82",
	} {
		ln, err := s.Listen("tcp4", address)
		if err != nil || ln.Addr().String() != want || ln.Addr().Network() != "tcp" {
			t.Errorf("%q: %v, want %s", address, err, want)
		}
	}
	if ln, err := s.Listen("tcp", ""); err != nil || ln.Addr().(*net.TCPAddr).Port == 0 {
		t.Errorf("no address: %v", err)
	}
	if _, err := s.Listen("tcp", ":80"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port in use: %v", err)
	}
	if _, err := s.Listen("tcp", "203.0.113.1:80"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("somebody else's address: %v", err)
	}
	_, err := s.Listen("tcp6", ":80")
	wantUnknown(t, "listen", "tcp6", err)
	var wrong *net.AddrError
	if _, err := s.Listen("udp", ":80"); !errors.As(err, &wrong) {
		t.Errorf("Listen on udp: %v", err)
	}
	if _, err := s.Listen("tcp", "127.0.0.1"); !errors.As(err, &wrong) {
		t.Errorf("no port: %v", err)
	}
}

// Closing the stack wakes all TCP's callers too, tells the peer, and leaves no
// goroutine.
func TestTCPClose(t *testing.T) { synctest.Test(t, testTCPClose) }

func testTCPClose(t *testing.T) {
	a, b := two(t, link.PairConfig{})
	ln := listen(t, b, ":80")
	client := dial(t, a, "tcp", "198.18.0.2:80")
	server, err := ln.Accept()
	must(t, err)
	idle := listen(t, a, ":81")
	errs := make(chan error, 4)
	go func() { errs <- second(client.Read(make([]byte, 1))) }()
	go func() { errs <- second(client.Write(make([]byte, 64<<20))) }() // more than both buffers
	go func() { errs <- second(idle.Accept()) }()
	go func() { errs <- second(a.Dial("tcp", "198.18.0.99:80")) }()
	synctest.Wait()
	must(t, a.Close())
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			t.Errorf("a call that waited: %v", err)
		}
	}
	server.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(io.Discard, server); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer got %v, want ECONNRESET", err)
	}
	if _, err := a.Listen("tcp", ":82"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Listen: %v", err)
	}
	if _, err := a.Dial("tcp", "198.18.0.2:80"); err == nil {
		t.Error("Dial succeeded")
	}
	if got := a.Conns(); len(got) != 0 {
		t.Errorf("%d connections are left", len(got))
	}
}

func second[T any](_ T, err error) error { return err }

func TestConns(t *testing.T) { synctest.Test(t, testConns) }

func testConns(t *testing.T) {
	a, b := two(t, link.PairConfig{})
	go echo(listen(t, b, ":80"))
	c := dial(t, a, "tcp", "198.18.0.2:80")
	got := a.Conns()
	if len(got) != 1 || got[0].Remote != netip.MustParseAddrPort("198.18.0.2:80") || got[0].Local.String() != c.LocalAddr().String() {
		t.Fatalf("%+v", got)
	}
	if s := a.Stats().TCP; s.ActiveOpens != 1 || s.CurrEstab != 1 {
		t.Errorf("%+v", s)
	}
}
