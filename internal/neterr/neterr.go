// Package neterr builds the errors that the kernel's sockets give in package net.
package neterr

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Op wraps err as package net does: io.EOF stays bare, an errno is named after
// the system call, all is put in a *net.OpError. A nil err stays nil.
func Op(op, network string, local, remote net.Addr, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if errno, ok := err.(syscall.Errno); ok {
		call := op
		switch op {
		case "dial":
			call = "connect"
		case "listen":
			call = "bind"
		}
		err = os.NewSyscallError(call, errno)
	}
	return &net.OpError{Op: op, Net: network, Source: local, Addr: remote, Err: err}
}
