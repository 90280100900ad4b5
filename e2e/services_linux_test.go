package e2e

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// dial connects the kernel's socket to a port of the stack.
func dial(t *testing.T, network, port string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout(network, net.JoinHostPort(stackIP, port), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func TestServices(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	up(t, "--services")
	t.Run("echo over TCP", testEchoTCP)
	t.Run("discard over TCP", testDiscardTCP)
	t.Run("chargen over TCP", testChargenTCP)
	t.Run("echo over UDP", testEchoUDP)
	t.Run("chargen over UDP", testChargenUDP)
	t.Run("a UDP port nobody has", testNobodyUDP)
}

func testEchoTCP(t *testing.T) {
	c := dial(t, "tcp", "7")
	sent := random(4 << 20)
	go func() {
		_, _ = c.Write(sent)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back, %v; want the %d sent, nil", len(got), err, len(sent))
	}
}

func testDiscardTCP(t *testing.T) {
	c := dial(t, "tcp", "9")
	if _, err := c.Write(random(4 << 20)); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); err != nil || len(got) != 0 {
		t.Errorf("%d bytes came back, %v; want none, nil", len(got), err)
	}
}

func testChargenTCP(t *testing.T) {
	if n, err := io.CopyN(io.Discard, dial(t, "tcp", "19"), 4<<20); err != nil {
		t.Errorf("%d bytes, then %v; want no end", n, err)
	}
}

func testEchoUDP(t *testing.T) {
	c := dial(t, "udp", "7")
	for _, size := range []int{0, 1, 1472, 1473, 5000, 60000} { // from 1473 on in fragments
		sent, got := random(size), make([]byte, 65535)
		if _, err := c.Write(sent); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(got); err != nil || !bytes.Equal(got[:n], sent) {
			t.Errorf("of %d bytes %d came back, %v", size, n, err)
		}
	}
}

func testChargenUDP(t *testing.T) {
	c := dial(t, "udp", "19")
	if _, err := c.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1000)); err != nil || n > 512 {
		t.Errorf("answer of %d bytes, %v; want up to 512, nil", n, err)
	}
}

func testNobodyUDP(t *testing.T) {
	c := dial(t, "udp", "10")
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("read: %v, want ECONNREFUSED", err)
	}
}

// Without the flag nobody is at the services' ports.
func TestServicesAreOff(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	up(t)
	for _, port := range []string{"7", "9", "19"} {
		_, err := net.DialTimeout("tcp", net.JoinHostPort(stackIP, port), patience)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("port %s: %v, want ECONNREFUSED", port, err)
		}
	}
}
