package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
)

// Exit codes of get besides explain's, as curl has them.
const (
	exitPartial     = 18 // less came than was announced
	exitHTTP        = 22 // -f, and the status is 400 or more
	exitWrite       = 23 // what came can't be written
	exitTLS         = 35 // no agreement on TLS
	exitEmptyReply  = 52
	exitSend        = 55
	exitCertificate = 60 // is not to be trusted
)

// exit is curl's exit code for an error of a fetch.
func (g *getter) exit(err error) int {
	if code := getExit(err); code != exitFailure || g.result.connects == 0 {
		return code
	}
	return exitReceive // what came is no HTTP, or its header too long
}

// getExit is curl's exit code for an error, exitFailure if it has none.
func getExit(err error) int {
	var (
		coded codeError
		op    *net.OpError
		name  *net.DNSError
		cert  *tls.CertificateVerificationError
		bad   tlsError
	)
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, context.DeadlineExceeded): // the user's limit, whatever it was that took so long
		return exitTimeout
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &name):
		return exitNoName
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &op) && op.Timeout(): // it is the stack that gave up
		return exitTimeout
	case errors.As(err, &cert):
		return exitCertificate
	case errors.As(err, &bad):
		return exitTLS
	case op != nil && op.Op == "write":
		return exitSend
	case errors.Is(err, io.ErrUnexpectedEOF):
		return exitPartial
	case errors.Is(err, io.EOF):
		return exitEmptyReply
	}
	return urlExit(err)
}
