package udp

import (
	"net"
	"net/netip"
	"os"
)

// Read reads a datagram, its sender ignored; what does not fit in b is lost.
// A datagram may be empty: then n is 0 and err is nil.
func (c *Conn) Read(b []byte) (n int, err error) {
	n, _, err = c.read(b, "read")
	return n, err
}

// ReadFrom reads a datagram and returns its sender, a *net.UDPAddr. What does
// not fit in b is lost.
func (c *Conn) ReadFrom(b []byte) (n int, addr net.Addr, err error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, udpAddr(from), nil
}

// ReadFromUDP is ReadFrom with another return type.
func (c *Conn) ReadFromUDP(b []byte) (n int, addr *net.UDPAddr, err error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, udpAddr(from), nil
}

// ReadFromUDPAddrPort is ReadFrom without an allocation.
func (c *Conn) ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error) {
	return c.read(b, "recvfrom")
}

// read waits for a datagram and takes it.
func (c *Conn) read(b []byte, call string) (n int, from netip.AddrPort, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.await(call); err != nil {
		return 0, netip.AddrPort{}, err
	}
	n, from, event := c.queue.pop(b)
	c.story.read(from, event)
	return n, from, nil
}

// await waits for a datagram, with the lock held. Closing comes before the deadline, that before
// an ICMP error, and that before datagrams, as on the kernel's sockets.
func (c *Conn) await(call string) (err error) {
	for {
		switch {
		case c.closed:
			err = net.ErrClosed
		case c.readDeadline.Passed():
			err = os.ErrDeadlineExceeded
		case c.err != nil:
			err = os.NewSyscallError(call, c.takeErr())
		case c.queue.n > 0:
			return nil
		default:
			c.arrived.Wait()
			continue
		}
		return c.opError("read", err)
	}
}
