package udp

import (
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/tinystack/tinystack/internal/ephemeral"
	"github.com/tinystack/tinystack/internal/random"
)

// table finds the socket for a local address and port. Its key has the zero
// address for sockets that listen on all.
type table struct {
	mu     sync.RWMutex
	closed bool
	conns  map[netip.AddrPort]*Conn
	ports  map[uint16]int // number of sockets on a port
	rng    *random.Source
}

// bind enters c for its local address, and picks its port if that is 0.
func (t *table) bind(c *Conn, addr netip.Addr, port uint16) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	free := func(port uint16) bool { return t.free(netip.AddrPortFrom(wildcard(addr), port)) }
	if port == 0 {
		var ok bool
		if port, ok = ephemeral.Pick(t.rng, free); !ok {
			return syscall.EADDRINUSE
		}
	} else if !free(port) {
		return syscall.EADDRINUSE
	}
	c.local = netip.AddrPortFrom(addr, port)
	t.conns[c.key()] = c
	t.ports[port]++
	return nil
}

// free reports whether a socket may be bound to the key: all addresses overlap
// with each, as on Linux.
func (t *table) free(key netip.AddrPort) bool {
	if !key.Addr().IsValid() {
		return t.ports[key.Port()] == 0
	}
	return t.conns[key] == nil && t.conns[netip.AddrPortFrom(netip.Addr{}, key.Port())] == nil
}

func (t *table) remove(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conns[c.key()] != c {
		return
	}
	delete(t.conns, c.key())
	port := c.local.Port()
	if t.ports[port]--; t.ports[port] == 0 {
		delete(t.ports, port)
	}
}

// lookup finds the socket that takes datagrams from remote to local: the one
// bound to that address, else the one bound to all. A connected one takes its
// peer's only.
func (t *table) lookup(local, remote netip.AddrPort) *Conn {
	t.mu.RLock()
	defer t.mu.RUnlock()
	c := t.conns[local]
	if c == nil {
		c = t.conns[netip.AddrPortFrom(netip.Addr{}, local.Port())]
	}
	if c == nil || c.remote.IsValid() && c.remote != remote {
		return nil
	}
	return c
}

// all returns the sockets, in no order.
func (t *table) all() []*Conn {
	t.mu.RLock()
	defer t.mu.RUnlock()
	conns := make([]*Conn, 0, len(t.conns))
	for _, c := range t.conns {
		conns = append(conns, c)
	}
	return conns
}

// close refuses further sockets.
func (t *table) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// wildcard returns the zero address for an unspecified one.
func wildcard(addr netip.Addr) netip.Addr {
	if addr.IsUnspecified() {
		return netip.Addr{}
	}
	return addr
}
