package main

import (
	"context"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// takeTurn waits until no other run on this machine is in a download over a bad wire:
// all are in real time, and two would measure each other. The caller calls done after
// its own.
func takeTurn(ctx context.Context) (done func(), err error) {
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "tinystack-bench-wan.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	locked := make(chan error, 1)
	go func() { locked <- unix.Flock(int(f.Fd()), unix.LOCK_EX) }()
	select {
	case err = <-locked:
	case <-ctx.Done():
		go func() {
			<-locked
			f.Close()
		}()
		return nil, ctx.Err()
	}
	if err != nil {
		f.Close()
		return nil, os.NewSyscallError("flock", err)
	}
	return func() { f.Close() }, nil
}
