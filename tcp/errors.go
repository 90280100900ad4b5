package tcp

import (
	"net"
	"syscall"

	"github.com/tinystack/tinystack/internal/neterr"
)

// Why a connection ends, in the errors that the kernel's sockets give.
const (
	errRefused  = syscall.ECONNREFUSED
	errReset    = syscall.ECONNRESET
	errTimedOut = syscall.ETIMEDOUT
	errPipe     = syscall.EPIPE
)

// opError wraps err as package net does.
func opError(op string, local, remote net.Addr, err error) error {
	return neterr.Op(op, "tcp", local, remote, err)
}
