package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// connectTLS connects, and agrees on TLS.
func (g *getter) connectTLS(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := g.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address) // as connect did
	secure := tls.Client(c, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(tlsError{err}, c.Close())
	}
	return &recorder{Conn: secure}, nil
}

// tlsError is that the server and we did not agree on TLS.
type tlsError struct{ error }

func (e tlsError) Unwrap() error { return e.error }
