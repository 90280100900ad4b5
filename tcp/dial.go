package tcp

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"github.com/tinystack/tinystack/internal/ephemeral"
	"github.com/tinystack/tinystack/packet"
)

// Dial opens a connection. A zero local address or port is chosen. It waits until the
// connection is established, refused, timed out, or ctx ends.
func (l *Layer) Dial(ctx context.Context, local, remote netip.AddrPort) (*Conn, error) {
	c, err := l.dial(ctx, local, remote)
	if err != nil {
		var source net.Addr
		if local.IsValid() {
			source = net.TCPAddrFromAddrPort(local)
		}
		return nil, opError("dial", source, net.TCPAddrFromAddrPort(remote), err)
	}
	return c, nil
}

func (l *Layer) dial(ctx context.Context, local, remote netip.AddrPort) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.closed.Load() {
		return nil, net.ErrClosed
	}
	if remote.Port() == 0 {
		return nil, errRefused // nobody can listen there
	}
	route, err := l.net.Route(local.Addr(), remote.Addr())
	if err != nil {
		return nil, err
	}
	c, err := l.register(local.Port(), remote, route)
	if err != nil {
		return nil, err
	}
	if err := c.handshake(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// register enters a new connection in the table, on a free port unless one is given.
// It returns it locked.
func (l *Layer) register(port uint16, remote netip.AddrPort, r packet.Route) (c *Conn, err error) {
	try := func(port uint16) bool {
		t := tuple{netip.AddrPortFrom(r.Local(), port), remote}
		if l.listener(t.local) != nil || l.conns.get(t) != (entry{}) {
			return false
		}
		iss, tsOffset := l.secret.isn(t, l.clock.now())
		c = newConn(l, t, r, iss, tsOffset)
		c.queue = uint8(port) // any, until the peer answers on its own
		c.mu.Lock()
		return l.conns.add(t, entry{conn: c})
	}
	if port != 0 {
		if !try(port) {
			return nil, syscall.EADDRINUSE
		}
		return c, nil
	}
	if _, ok := ephemeral.Pick(l.random, try); !ok {
		return nil, syscall.EADDRNOTAVAIL
	}
	return c, nil
}

// handshake sends the SYN and waits for the outcome. The connection is locked, and is
// unlocked on return.
func (c *Conn) handshake(ctx context.Context) error {
	defer c.unlock()
	if c.layer.closed.Load() { // Close may have come too early to see this connection
		c.detach(entry{})
		return net.ErrClosed
	}
	var canceled error
	defer context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.unlock()
		canceled = ctx.Err()
		c.wakeWriters()
	})()
	now := c.layer.clock.now()
	c.dialed(ctx)
	c.tcb.connect(now)
	c.settle(now)
	for canceled == nil && (c.tcb.state == SynSent || c.tcb.state == SynReceived) {
		c.waitToWrite()
	}
	switch {
	case c.tcb.state == Closed && c.tcb.err != nil:
		return c.tcb.err
	case c.tcb.state == Closed, c.tcb.state == SynSent, c.tcb.state == SynReceived:
		c.called("cancel", "the wait for the connection")
		c.tcb.abort(canceled)
		c.settle(c.layer.clock.now())
		return canceled
	}
	return nil
}
