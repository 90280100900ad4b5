package neterr

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

var (
	local  net.Addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	remote net.Addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2}
)

// The texts are those that package net gives for the kernel's sockets.
func TestTextAndIdentity(t *testing.T) {
	t.Parallel()
	tests := []struct {
		op   string
		err  error
		text string
	}{
		{"read", syscall.ECONNRESET, "read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer"},
		{"write", syscall.EPIPE, "write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe"},
		{"dial", syscall.ECONNREFUSED, "dial tcp 127.0.0.1:1->127.0.0.1:2: connect: connection refused"},
		{"listen", syscall.EADDRINUSE, "listen tcp 127.0.0.1:1->127.0.0.1:2: bind: address already in use"},
		{"read", net.ErrClosed, "read tcp 127.0.0.1:1->127.0.0.1:2: use of closed network connection"},
		{"read", os.ErrDeadlineExceeded, "read tcp 127.0.0.1:1->127.0.0.1:2: i/o timeout"},
		{"read", os.NewSyscallError("recvfrom", syscall.ECONNREFUSED), "read tcp 127.0.0.1:1->127.0.0.1:2: recvfrom: connection refused"},
	}
	for _, test := range tests {
		err := Op(test.op, "tcp", local, remote, test.err)
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != test.op || op.Source != local || op.Addr != remote {
			t.Errorf("%v: not the OpError wanted: %#v", test.err, err)
		}
		if !errors.Is(err, test.err) || err.Error() != test.text {
			t.Errorf("got %q, want %q, which wraps %v", err, test.text, test.err)
		}
	}
}

func TestStaysBare(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, io.EOF} {
		if got := Op("read", "tcp", local, remote, err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		os.ErrDeadlineExceeded: true,
		syscall.ETIMEDOUT:      true,
		syscall.ECONNRESET:     false,
		net.ErrClosed:          false,
	} {
		if got := Op("read", "tcp", local, remote, err).(net.Error).Timeout(); got != want {
			t.Errorf("%v: Timeout is %v", err, got)
		}
	}
}
