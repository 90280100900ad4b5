package main

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// connects opens a connection, has a byte echoed, and closes it, again and again.
func connects(w *worker) error {
	for !w.over() {
		start := time.Now()
		if err := connectOnce(); err != nil {
			return err
		}
		w.took(time.Since(start))
	}
	return nil
}

// connectOnce uses sockets that block in the kernel, not package net's: what Go's poller and scheduler
// do for a new connection would be a fifth of what is measured.
func connectOnce() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	if err := bound(fd); err != nil {
		return err
	}
	to := unix.SockaddrInet4{Port: echoPort, Addr: serverPrefix.Addr().As4()}
	if _, err := restarted(func() (int, error) { return 0, unix.Connect(fd, &to) }); err != nil {
		return fmt.Errorf("connect, for %v at most: %w", patience, err)
	}
	b := []byte{'x'}
	if _, err := restarted(func() (int, error) { return unix.Write(fd, b) }); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	switch n, err := restarted(func() (int, error) { return unix.Read(fd, b) }); {
	case err != nil:
		return fmt.Errorf("read, for %v at most: %w", patience, err)
	case n == 0:
		return io.ErrUnexpectedEOF
	}
	return nil
}

// restarted makes a call again for as long as a signal, which the Go runtime sends itself, ends it. The kernel does not
// where a call's time is bounded.
func restarted(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != unix.EINTR {
			return n, err
		}
	}
}

// bound bounds the time that each call on a socket waits, which fails with EINPROGRESS or EAGAIN then.
func bound(fd int) error {
	timeout := unix.NsecToTimeval(patience.Nanoseconds())
	for _, option := range []int{unix.SO_SNDTIMEO, unix.SO_RCVTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &timeout); err != nil {
			return fmt.Errorf("timeout of a socket: %w", err)
		}
	}
	return nil
}
