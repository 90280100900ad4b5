package udp

import (
	"net"
	"time"

	"github.com/tinystack/tinystack/internal/neterr"
)

// LocalAddr returns the socket's own address, a *net.UDPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.laddr }

// RemoteAddr returns the peer's address, a *net.UDPAddr, nil if not connected.
func (c *Conn) RemoteAddr() net.Addr {
	if c.raddr == nil {
		return nil
	}
	return c.raddr
}

// SetDeadline sets both deadlines; the zero time means none.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.set(func() {
		c.readDeadline.Set(t)
		c.writeDeadline.Set(t)
	})
}

// SetReadDeadline sets when calls that read fail with os.ErrDeadlineExceeded.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.set(func() { c.readDeadline.Set(t) })
}

// SetWriteDeadline sets when calls that write fail with os.ErrDeadlineExceeded.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.set(func() { c.writeDeadline.Set(t) })
}

// SetReadBuffer sets the memory in bytes that waiting datagrams may take, from
// 4096 to 1<<30; values outside are moved to the nearer end. Each datagram takes
// 128 bytes besides its data, and data takes up to four times its length.
func (c *Conn) SetReadBuffer(bytes int) error {
	return c.set(func() { c.limit = min(max(bytes, minReadBuffer), maxReadBuffer) })
}

// SetWriteBuffer has no effect: nothing is kept for later sending.
func (c *Conn) SetWriteBuffer(int) error { return c.set(func() {}) }

// set runs do with the lock held, unless the socket is closed.
func (c *Conn) set(do func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return neterr.Op("set", "udp", nil, c.laddr, net.ErrClosed)
	}
	do()
	return nil
}
