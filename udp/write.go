package udp

import (
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/internal/neterr"
	"github.com/tinystack/tinystack/packet"
)

// maxPayload is what the length field leaves; the network layer may take less
// (IPv4 65507 bytes).
const maxPayload = packet.MaxSize - HeaderLen

// Write sends b as one datagram to the peer of a connected socket. Errors are
// *net.OpError: EMSGSIZE above 65507 bytes on IPv4, ECONNREFUSED if an earlier
// datagram found no listener, EDESTADDRREQ if the socket is not connected.
func (c *Conn) Write(b []byte) (int, error) {
	err := c.writable("write")
	if err == nil && c.route == nil {
		err = syscall.EDESTADDRREQ
	}
	if err == nil {
		err = c.send(c.route, c.remote.Port(), b, len(b))
	}
	if err != nil {
		return 0, c.opError("write", err)
	}
	return len(b), nil
}

// WriteTo sends b as one datagram to addr, which must be a *net.UDPAddr; the
// unspecified address is this host. On a connected socket it returns
// net.ErrWriteToConnected.
func (c *Conn) WriteTo(b []byte, addr net.Addr) (int, error) {
	a, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, &net.OpError{Op: "write", Net: "udp", Source: c.laddr, Addr: addr, Err: syscall.EINVAL}
	}
	return c.WriteToUDP(b, a)
}

// WriteToUDP is WriteTo with another argument type.
func (c *Conn) WriteToUDP(b []byte, addr *net.UDPAddr) (int, error) {
	if addr == nil {
		return 0, &net.OpError{Op: "write", Net: "udp", Source: c.laddr, Err: syscall.EINVAL}
	}
	return c.WriteToUDPAddrPort(b, addr.AddrPort())
}

// WriteToUDPAddrPort is WriteTo without an allocation.
func (c *Conn) WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	if err := c.writeTo(b, toHost(c.local.Addr(), unmap(addr))); err != nil {
		if errno, ok := err.(syscall.Errno); ok {
			err = os.NewSyscallError("sendto", errno)
		}
		return 0, neterr.Op("write", "udp", c.laddr, udpAddr(addr), err)
	}
	return len(b), nil
}

func (c *Conn) writeTo(b []byte, to netip.AddrPort) error {
	if c.remote.IsValid() {
		return net.ErrWriteToConnected
	}
	if err := c.writable("sendto"); err != nil {
		return err
	}
	if !to.Addr().IsValid() || to.Port() == 0 {
		return syscall.EINVAL
	}
	return c.sendTo(b, len(b), to)
}

// sendTo sends datagrams of size bytes each, as send does, to an address.
func (c *Conn) sendTo(b []byte, size int, to netip.AddrPort) error {
	if c.route != nil {
		return c.send(c.route, to.Port(), b, size)
	}
	err := c.trySendTo(b, size, to)
	if err == syscall.EADDRNOTAVAIL && c.lastRoute.Swap(nil) != nil {
		err = c.trySendTo(b, size, to) // the address that was selected before is gone
	}
	return err
}

func (c *Conn) trySendTo(b []byte, size int, to netip.AddrPort) error {
	route, err := c.routeTo(to.Addr())
	if err != nil {
		return err
	}
	return c.send(route, to.Port(), b, size)
}

// writable returns what forbids sending now.
func (c *Conn) writable(call string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return net.ErrClosed
	case c.writeDeadline.Passed():
		return os.ErrDeadlineExceeded
	case c.err != nil:
		return os.NewSyscallError(call, c.takeErr())
	}
	return nil
}

// routeTo finds the way to an address, at once if the last datagram went there.
func (c *Conn) routeTo(addr netip.Addr) (packet.Route, error) {
	if last := c.lastRoute.Load(); last != nil && (*last).Remote() == addr {
		return *last, nil
	}
	route, err := c.layer.net.Route(wildcard(c.local.Addr()), addr)
	if err != nil {
		return nil, err
	}
	c.lastRoute.Store(&route)
	return route, nil
}

// send sends a datagram, or if size is less than b, datagrams of size bytes back to back (the
// last one may have fewer) in one packet, EMSGSIZE if that can't be; the checksum is completed
// below, in hardware's place if need be, where a sum of zero becomes 0xffff (RFC 768).
func (c *Conn) send(route packet.Route, port uint16, b []byte, size int) error {
	if len(b) > maxPayload || size < len(b) && !splits(route, size) {
		return syscall.EMSGSIZE
	}
	p := packet.NewOut()
	defer p.Release()
	p.Protocol, p.TTL = Protocol, uint8(c.ttl.Load())
	p.Queue = c.queueTo(netip.AddrPortFrom(route.Remote(), port))
	p.Csum, p.CsumOffset = packet.CsumPartial, checksumOffset
	p.Body[0] = b
	count := uint64(1)
	if size < len(b) {
		p.GSO, p.SegSize = packet.GSOUDP, uint16(size)
		_, count = segments(p.Offload, len(b))
	}
	if c.layer.trace.On() {
		p.Mark = c.wrote(route, port, len(b))
	}
	length := HeaderLen + len(b)
	Header{
		SrcPort:  c.local.Port(),
		DstPort:  port,
		Length:   uint16(length),
		Checksum: pseudoSum(route.Local(), route.Remote(), length),
	}.AppendTo(p.Prepend(HeaderLen)[:0])
	switch err := route.Send(p); {
	case err == syscall.EMSGSIZE && count > 1: // each is sent, and counted, on its own now
		return err
	case err != nil:
		counter.Add(&c.layer.stats.OutErrors, count)
		return err
	}
	counter.Add(&c.layer.stats.OutDatagrams, count)
	return nil
}
