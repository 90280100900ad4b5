package lab

import (
	"io"
	"net"
	"time"

	"github.com/tinystack/tinystack/tcp"
)

// Conn is a TCP connection of an application that takes some time before each call, as
// any does on a real host: so that in virtual time, where it would act at the very
// moment at which its data came, what it does comes after what the stack does.
type Conn struct {
	*tcp.Conn
	pace time.Duration
}

// Read reads from the connection.
func (c *Conn) Read(b []byte) (int, error) {
	time.Sleep(c.pace)
	return c.Conn.Read(b)
}

// Write writes to the connection.
func (c *Conn) Write(b []byte) (int, error) {
	time.Sleep(c.pace)
	return c.Conn.Write(b)
}

// ReadFrom writes what it reads from r, in the connection's pace.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

// WriteTo writes to w what it reads, in the connection's pace.
func (c *Conn) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{c})
}

// CloseWrite ends the stream to the peer.
func (c *Conn) CloseWrite() error {
	time.Sleep(c.pace)
	return c.Conn.CloseWrite()
}

// Close closes the connection.
func (c *Conn) Close() error {
	time.Sleep(c.pace)
	return c.Conn.Close()
}

// listener accepts connections with a pace.
type listener struct {
	net.Listener
	pace time.Duration
}

func (ln *listener) Accept() (net.Conn, error) {
	c, err := ln.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{c.(*tcp.Conn), ln.pace}, nil
}
