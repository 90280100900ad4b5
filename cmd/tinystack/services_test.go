package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// startStream serves on the kernel's loopback and returns a client's connection.
func startStream(t *testing.T, serve streamService) *net.TCPConn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveStreams(ln, serve) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		ln.Close()
		if err := <-done; err != nil {
			t.Errorf("the service ended with %v, want nil once its listener is closed", err)
		}
	})
	return c.(*net.TCPConn)
}

func TestEchoStream(t *testing.T) {
	t.Parallel()
	c := startStream(t, echoStream)
	sent := bytes.Repeat([]byte("0123456789"), 10000)
	go func() {
		_, _ = c.Write(sent)
		_ = c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("echo gave %d bytes, %v; want the %d sent, nil", len(got), err, len(sent))
	}
}

func TestDiscardStream(t *testing.T) {
	t.Parallel()
	c := startStream(t, discardStream)
	if _, err := c.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || len(got) != 0 {
		t.Errorf("discard gave %d bytes, %v; want none, nil", len(got), err)
	}
}

// The client may send while the characters come: they are thrown away.
func TestChargenStream(t *testing.T) {
	t.Parallel()
	c := startStream(t, chargenStream)
	if _, err := c.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	// RFC 864's example starts so; the pattern is back at its start after 95 lines.
	got := make([]byte, 96*74)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	const first = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n"
	if line := string(got[:74]); line != first {
		t.Errorf("line 1 is %q, want %q", line, first)
	}
	if line, want := string(got[74:148]), first[1:72]+"h\r\n"; line != want {
		t.Errorf("line 2 is %q, want %q", line, want)
	}
	if line := string(got[95*74:]); line != first {
		t.Errorf("line 96 is %q, want the first again", line)
	}
}

// datagramPair serves on the kernel's loopback and returns a client's socket.
func datagramPair(t *testing.T, serve datagramService) (client net.Conn) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveDatagrams(pc, serve) }()
	client, err = net.Dial("udp", pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		pc.Close()
		if err := <-done; err != nil {
			t.Errorf("the service ended with %v, want nil once its socket is closed", err)
		}
	})
	return client
}

func ask(t *testing.T, c net.Conn, request []byte, wait time.Duration) ([]byte, error) {
	t.Helper()
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 65535)
	n, err := c.Read(b)
	return b[:n], err
}

func TestEchoDatagram(t *testing.T) {
	t.Parallel()
	c := datagramPair(t, echoDatagram)
	for _, size := range []int{1, 1472, 65507, 0} {
		sent := bytes.Repeat([]byte{'x'}, size)
		if got, err := ask(t, c, sent, 10*time.Second); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("echo of %d bytes gave %d, %v", size, len(got), err)
		}
	}
}

func TestDiscardDatagram(t *testing.T) {
	t.Parallel()
	c := datagramPair(t, discardDatagram)
	if got, err := ask(t, c, []byte("x"), 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("discard answered %q, %v", got, err)
	}
}

// A forged sender's address makes no traffic that was not there before: the
// answer is never longer than the request.
func TestChargenDatagramDoesNotAmplify(t *testing.T) {
	t.Parallel()
	answer := make([]byte, 65535)
	longest := 0
	for _, size := range []int{0, 1, 100, 512, 65507} {
		for range 2000 {
			n := chargenDatagram(answer, make([]byte, size))
			if n < 0 || n > min(size, 512) || !bytes.Equal(answer[:n], chargenLines[:n]) {
				t.Fatalf("a request of %d bytes was answered with %q", size, answer[:max(n, 0)])
			}
			longest = max(longest, n)
		}
	}
	if longest < 500 {
		t.Errorf("the longest of 10000 answers is %d bytes, want close to 512", longest)
	}
}

// Two services would else answer each other for ever.
func TestServicesDoNotAnswerEachOther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		port int
		want bool
	}{{7, true}, {19, true}, {9, false}, {40000, false}} {
		if got := isService(&net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: tt.port}); got != tt.want {
			t.Errorf("isService(port %d) = %v, want %v", tt.port, got, tt.want)
		}
	}
}
