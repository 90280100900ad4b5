package tcp

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/tinystack/tinystack/internal/deadline"
	"github.com/tinystack/tinystack/internal/ephemeral"
)

// Listener is a port in LISTEN: a queue of half-open connections, which are
// small records, and a queue of open ones to be accepted. It is a [net.Listener]
// with the methods of [net.TCPListener].
type Listener struct {
	layer *Layer
	addr  netip.AddrPort // with a zero address for all

	mu       sync.Mutex
	half     synQueue
	ready    []*Conn
	reserved int // places in ready for handshakes that are ending right now
	waiting  sync.Cond
	end      *deadline.Deadline
	closed   bool
}

// Listen accepts connections to local. An invalid or unspecified address is all of the
// host's, port 0 a free one.
func (l *Layer) Listen(local netip.AddrPort) (*Listener, error) {
	ln, err := l.listen(local)
	if err != nil {
		return nil, opError("listen", nil, net.TCPAddrFromAddrPort(local), err)
	}
	return ln, nil
}

func (l *Layer) listen(local netip.AddrPort) (*Listener, error) {
	addr := local.Addr()
	switch {
	case !addr.IsValid() || addr.IsUnspecified():
		addr = netip.Addr{}
	case !l.net.IsLocal(addr):
		return nil, syscall.EADDRNOTAVAIL
	}
	ln := &Listener{layer: l}
	ln.waiting.L = &ln.mu
	ln.half.init(ln)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Load() {
		return nil, net.ErrClosed
	}
	try := func(port uint16) bool {
		ln.addr = netip.AddrPortFrom(addr, port)
		if l.bound(ln.addr) {
			return false
		}
		l.listeners[ln.addr] = ln
		return true
	}
	if port := local.Port(); port != 0 {
		if !try(port) {
			return nil, syscall.EADDRINUSE
		}
		return ln, nil
	}
	if _, ok := ephemeral.Pick(l.random, try); !ok {
		return nil, syscall.EADDRINUSE
	}
	return ln, nil
}

// bound reports whether a listener has the port, on this address or on all; l.mu is held.
func (l *Layer) bound(a netip.AddrPort) bool {
	if a.Addr().IsValid() {
		return l.listeners[a] != nil || l.listeners[anyAddr(a)] != nil
	}
	for b := range l.listeners {
		if b.Port() == a.Port() {
			return true
		}
	}
	return false
}

// Accept waits for the next connection.
func (ln *Listener) Accept() (net.Conn, error) {
	c, err := ln.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptTCP waits for the next connection.
func (ln *Listener) AcceptTCP() (*Conn, error) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	for {
		switch {
		case ln.closed:
			return nil, opError("accept", nil, ln.Addr(), net.ErrClosed)
		case ln.end.Passed():
			return nil, opError("accept", nil, ln.Addr(), os.ErrDeadlineExceeded)
		case len(ln.ready) > 0:
			c := ln.ready[0]
			ln.ready[0] = nil
			ln.ready = ln.ready[1:]
			return c, nil
		}
		ln.waiting.Wait()
	}
}

// SetDeadline sets when Accept fails with [os.ErrDeadlineExceeded]; the zero time is never.
func (ln *Listener) SetDeadline(t time.Time) error {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.closed {
		return opError("set", nil, ln.Addr(), net.ErrClosed)
	}
	if ln.end == nil {
		ln.end = deadline.New(&ln.mu, ln.waiting.Broadcast)
	}
	ln.end.Set(t)
	return nil
}

// Addr returns the address listened on, a [*net.TCPAddr].
func (ln *Listener) Addr() net.Addr {
	if !ln.addr.Addr().IsValid() {
		return &net.TCPAddr{IP: net.IPv4zero, Port: int(ln.addr.Port())}
	}
	return net.TCPAddrFromAddrPort(ln.addr)
}

// Close stops listening. Connections that nobody has accepted are reset.
func (ln *Listener) Close() error {
	ln.layer.mu.Lock()
	if ln.layer.listeners[ln.addr] == ln {
		delete(ln.layer.listeners, ln.addr)
	}
	ln.layer.mu.Unlock()

	ln.mu.Lock()
	if ln.closed {
		ln.mu.Unlock()
		return opError("close", nil, ln.Addr(), net.ErrClosed)
	}
	ln.closed = true
	ready := ln.ready
	ln.ready = nil
	ln.half.close()
	ln.end.Stop()
	ln.waiting.Broadcast()
	ln.mu.Unlock()

	for _, c := range ready {
		c.abort(net.ErrClosed)
	}
	return nil
}

// receive is RFC 9293 3.10.7.2, and 3.10.7.4 for the half-open connections.
func (ln *Listener) receive(t tuple, s *segment, minISN Seq) {
	ln.mu.Lock()
	if ln.closed {
		ln.mu.Unlock()
		ln.layer.reset(t, s)
		return
	}
	if h := ln.half.find(t); h != nil {
		c := ln.half.receive(h, s)
		ln.mu.Unlock()
		if c != nil {
			ln.complete(c, s)
		}
		return
	}
	c := ln.layer.conns.get(t).conn // since this segment was looked up, by another device's reader
	if c == nil {
		ln.receiveListen(t, s, minISN)
	}
	ln.mu.Unlock()
	if c != nil {
		c.receive(s)
	}
}

// receiveListen handles a segment for which there is no half-open connection.
func (ln *Listener) receiveListen(t tuple, s *segment, minISN Seq) {
	switch {
	case s.Flags.Has(RST): // First
		ln.layer.drop(s, &ln.layer.stats.InBadState)
	case s.Flags.Has(ACK): // Second
		ln.layer.drop(s, &ln.layer.stats.InNoPort)
		ln.layer.reset(t, s)
	case s.Flags.Has(SYN) && !s.Flags.Has(FIN): // Third
		ln.half.open(t, s, minISN)
	default: // Fourth
		ln.layer.drop(s, &ln.layer.stats.InBadState)
	}
}

// complete ends a handshake: the new connection takes the segment with its ACK,
// which may carry data, and is then there to be accepted. It must not be late: who accepts may write at once.
func (ln *Listener) complete(c *Conn, s *segment) {
	c.mu.Lock()
	c.receiveLocked(s)
	c.unlock()
	ln.mu.Lock()
	ln.reserved--
	closed := ln.closed
	if !closed {
		ln.ready = append(ln.ready, c)
		ln.waiting.Signal()
	}
	ln.mu.Unlock()
	if closed {
		c.abort(net.ErrClosed)
	}
}

// full reports whether no more connections can wait to be accepted.
func (ln *Listener) full() bool { return len(ln.ready)+ln.reserved >= ln.layer.cfg.Backlog }
