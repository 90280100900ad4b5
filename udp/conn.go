package udp

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/internal/deadline"
	"github.com/tinystack/tinystack/internal/neterr"
	"github.com/tinystack/tinystack/packet"
)

var (
	_ net.Conn       = (*Conn)(nil)
	_ net.PacketConn = (*Conn)(nil)
)

// Conn is a UDP socket: a net.PacketConn and, if it was made by [Layer.Dial],
// connected, a net.Conn. Its methods are those of *net.UDPConn, with the errors
// that the kernel's sockets give. Several goroutines may call them.
type Conn struct {
	layer  *Layer
	local  netip.AddrPort // its address may be unspecified
	remote netip.AddrPort // the zero value unless connected

	laddr, raddr *net.UDPAddr // what LocalAddr and RemoteAddr return

	route     packet.Route                 // of a connected socket
	lastRoute atomic.Pointer[packet.Route] // of the last datagram of one that is not

	ttl      atomic.Uint32 // hops; 0: the network layer's
	outQueue atomic.Uint32 // of the device's, where a connected socket's datagrams leave

	mu            sync.Mutex
	arrived       sync.Cond // what a reader waits for: a datagram, an error, the end
	queue         queue
	limit         int // of queue.bytes
	drops         uint64
	err           error // of an earlier datagram, for the next call: an Errno or an *ICMPError
	reportICMP    bool
	story         story
	closed        bool
	readDeadline  *deadline.Deadline
	writeDeadline *deadline.Deadline
}

// Listen opens a socket on a local address, on all if that is unspecified or the
// zero Addr. Port 0 picks one. Errors are *net.OpError, wrapping
// EADDRINUSE, EADDRNOTAVAIL if the address is not this host's, or net.ErrClosed.
func (l *Layer) Listen(local netip.AddrPort) (*Conn, error) {
	c := l.newConn()
	if err := l.bind(c, local); err != nil {
		return nil, neterr.Op("listen", "udp", nil, udpAddr(local), err)
	}
	return c, nil
}

// Dial opens a socket that is connected to remote: it sends there and receives
// from there alone; unspecified, remote is this host. An unspecified or zero local
// address picks the one that suits, port 0 picks a port. Errors are *net.OpError,
// wrapping those of Listen, ENETUNREACH, or what else the network layer says.
func (l *Layer) Dial(local, remote netip.AddrPort) (*Conn, error) {
	c, err := l.dial(local, remote)
	if err != nil {
		var source net.Addr
		if local.IsValid() {
			source = udpAddr(local)
		}
		return nil, neterr.Op("dial", "udp", source, udpAddr(remote), err)
	}
	return c, nil
}

func (l *Layer) dial(local, remote netip.AddrPort) (*Conn, error) {
	remote = toHost(local.Addr().Unmap(), unmap(remote))
	if err := l.checkLocal(local.Addr()); err != nil {
		return nil, bindError(err)
	}
	route, err := l.net.Route(wildcard(local.Addr().Unmap()), remote.Addr())
	if err != nil {
		return nil, err
	}
	c := l.newConn()
	c.route, c.remote, c.raddr = route, remote, udpAddr(remote)
	if err := l.bind(c, netip.AddrPortFrom(route.Local(), local.Port())); err != nil {
		return nil, bindError(err)
	}
	c.outQueue.Store(uint32(uint8(c.local.Port()))) // any, until the peer answers on its own
	return c, nil
}

func (l *Layer) newConn() *Conn {
	c := &Conn{layer: l, limit: l.cfg.ReadBuffer}
	c.arrived.L = &c.mu
	c.readDeadline = deadline.New(&c.mu, c.arrived.Broadcast)
	c.writeDeadline = deadline.New(&c.mu, func() {}) // a write waits for nobody whom this could wake
	return c
}

// bind makes c receive what is sent to local.
func (l *Layer) bind(c *Conn, local netip.AddrPort) error {
	if err := l.checkLocal(local.Addr()); err != nil {
		return err
	}
	if err := l.table.bind(c, local.Addr().Unmap(), local.Port()); err != nil {
		return err
	}
	c.laddr = udpAddr(c.local)
	return nil
}

func (l *Layer) checkLocal(addr netip.Addr) error {
	if addr := wildcard(addr.Unmap()); addr.IsValid() && !l.net.IsLocal(addr) {
		return syscall.EADDRNOTAVAIL
	}
	return nil
}

// bindError names the system call that would have failed in Dial.
func bindError(err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return os.NewSyscallError("bind", errno)
	}
	return err
}

// key is what the table has the socket under.
func (c *Conn) key() netip.AddrPort {
	return netip.AddrPortFrom(wildcard(c.local.Addr()), c.local.Port())
}

// deliver queues count datagrams of seg bytes each, which lie in payload.
func (c *Conn) deliver(in *packet.In, from netip.AddrPort, payload []byte, seg int, count uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := &c.layer.stats
	switch {
	case c.closed:
		counter.Add(&stats.NoPorts, count)
		c.layer.drop(in, &stats.InClosed, count)
		return
	case c.queue.bytes >= c.limit:
		c.drops += count
		c.layer.discard(in, &stats.RcvbufErrors, count)
		return
	}
	c.queue.push(in, from, payload, seg)
	counter.Add(&stats.InDatagrams, count)
	if count > 1 {
		c.arrived.Broadcast()
		return
	}
	c.arrived.Signal()
}

// fail leaves an error for the next call, or for the one that waits, and reports
// whether the socket is to be told of it.
func (c *Conn) fail(of *packet.Control) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.reportICMP:
		c.err = &ICMPError{From: of.From, Type: of.Type, Code: of.Code, Err: of.Err}
	case passing(of):
		return false
	default:
		c.err = of.Err
	}
	c.arrived.Broadcast()
	return true
}

// takeErr returns the error that is pending, once.
func (c *Conn) takeErr() (err error) {
	err, c.err = c.err, nil
	return err
}

// Close closes the socket; calls that wait return net.ErrClosed, and datagrams
// not read yet are lost.
func (c *Conn) Close() error {
	if !c.shut() {
		return c.opError("close", net.ErrClosed)
	}
	return nil
}

// shut closes the socket and reports whether it was open.
func (c *Conn) shut() bool {
	c.layer.table.remove(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.closed = true
	c.queue.clear()
	c.readDeadline.Stop()
	c.writeDeadline.Stop()
	c.arrived.Broadcast()
	return true
}

func (c *Conn) opError(op string, err error) error {
	return neterr.Op(op, "udp", c.laddr, c.RemoteAddr(), err)
}

func udpAddr(a netip.AddrPort) *net.UDPAddr { return net.UDPAddrFromAddrPort(a) }

// unmap turns an IPv4 address in IPv6's clothes into itself.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// toHost returns where a datagram from local to the given address goes. Unspecified,
// that is this host: local itself, or loopback where local leaves the choice.
func toHost(local netip.Addr, to netip.AddrPort) netip.AddrPort {
	local = wildcard(local)
	switch addr := to.Addr(); {
	case !addr.IsUnspecified():
		return to
	case local.IsValid():
		return netip.AddrPortFrom(local, to.Port())
	case addr.Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to.Port())
	default:
		return netip.AddrPortFrom(netip.IPv6Loopback(), to.Port())
	}
}
