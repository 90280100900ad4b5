package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// waitUnread waits until f, if it is a pipe, has no reader any more; it returns
// false if it can't tell.
func waitUnread(f *os.File) bool {
	for {
		poll := []unix.PollFd{{Fd: int32(f.Fd())}}
		switch n, err := unix.Poll(poll, -1); {
		case err == unix.EINTR:
		case err != nil || n != 1:
			return false
		default:
			return poll[0].Revents&unix.POLLERR != 0
		}
	}
}
