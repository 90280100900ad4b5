package tcp

import (
	"fmt"
	"math"
	"net"
	"syscall"
	"time"

	"github.com/tinystack/tinystack/internal/deadline"
)

// Close ends the application's part. What was written is still delivered, in
// the background, unless SetLinger says otherwise; if data was not read, the
// connection is reset, as in Linux.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	c.readEnd.Stop()
	c.writeEnd.Stop()
	c.called("close", "")
	if c.linger == 0 {
		c.tcb.abort(nil)
	} else {
		c.tcb.close(c.layer.clock.now())
	}
	c.wakeAllReaders()
	c.wakeWriters()
	c.settle(c.layer.clock.now())
	if c.linger > 0 {
		c.awaitDelivery()
	}
	return nil
}

// awaitDelivery waits until all is acknowledged, the FIN too, but not longer than SetLinger says.
func (c *Conn) awaitDelivery() {
	end := deadline.New(connLocker{c}, c.wakeWriters)
	end.Set(time.Now().Add(c.linger))
	defer end.Stop()
	for !end.Passed() && c.tcb.state != Closed && c.tcb.sndUna <= c.tcb.finAt {
		c.waitToWrite()
	}
}

// CloseRead drops what is queued and what will arrive. Read returns [io.EOF].
func (c *Conn) CloseRead() error {
	return c.do("close", func() { c.tcb.closeRead(); c.wakeAllReaders() })
}

// CloseWrite ends our stream, after all that was written: the half-close of RFC 9293 3.6.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.unlock()
	switch {
	case c.closed:
		return c.opError("close", net.ErrClosed)
	case !c.tcb.canWrite() && c.tcb.finAt == 0:
		return c.opError("close", syscall.ENOTCONN)
	}
	c.called("close", "the stream to the peer")
	c.tcb.closeWrite()
	c.wakeWriters()
	c.settle(c.layer.clock.now())
	return nil
}

// do runs f under the lock on a connection that is not closed, and sends what follows of it.
func (c *Conn) do(op string, f func()) error {
	return c.locked(op, func() {
		c.called(op, "")
		f()
		c.settle(c.layer.clock.now())
	})
}

// locked runs f, of which nothing follows for the peer, under the lock on a
// connection that is not closed.
func (c *Conn) locked(op string, f func()) error {
	c.mu.Lock()
	defer c.unlock()
	if c.closed {
		return c.opError(op, net.ErrClosed)
	}
	f()
	return nil
}

// SetDeadline sets both deadlines; the zero time is none.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.locked("set", func() { c.setRead(t); c.setWrite(t) })
}

// SetReadDeadline sets when Read fails with [os.ErrDeadlineExceeded].
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.locked("set", func() { c.setRead(t) })
}

// SetWriteDeadline sets when Write fails with [os.ErrDeadlineExceeded]. What it
// has queued by then is still sent.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.locked("set", func() { c.setWrite(t) })
}

func (c *Conn) setRead(t time.Time) {
	if c.readEnd == nil {
		if t.IsZero() {
			return
		}
		c.readEnd = deadline.New(connLocker{c}, c.wakeAllReaders)
	}
	c.readEnd.Set(t)
}

func (c *Conn) setWrite(t time.Time) {
	if c.writeEnd == nil {
		if t.IsZero() {
			return
		}
		c.writeEnd = deadline.New(connLocker{c}, c.wakeWriters)
	}
	c.writeEnd.Set(t)
}

// SetLinger sets what Close does with data that is not yet acknowledged: negative, the
// default, delivers it in the background; 0 discards it and sends a RST; above
// 0, Close waits up to so many seconds for it to be delivered.
func (c *Conn) SetLinger(sec int) error {
	return c.locked("set", func() {
		c.linger = time.Duration(min(max(sec, -1), math.MaxInt32)) * time.Second
	})
}

// SetNoDelay false turns Nagle's algorithm on (RFC 9293 3.7.4). It is off at first, as in net.
func (c *Conn) SetNoDelay(noDelay bool) error {
	return c.do("set", func() { c.tcb.nagle = !noDelay })
}

// SetReadBuffer sets the most bytes held for Read, and so the window offered: 4 KiB to 16 MiB,
// values beyond which are taken for the nearest. It is then no longer tuned. The window scale
// agreed on in the handshake, which suits Config.ReceiveBuffer, may set a lower limit.
func (c *Conn) SetReadBuffer(bytes int) error {
	return c.do("set", func() {
		c.tcb.rcvBuf, c.tcb.rcvBufSet = int32(min(max(bytes, minBuffer), maxBuffer)), true
	})
}

// SetWriteBuffer sets the most bytes held until they are acknowledged: 4 KiB to 16 MiB,
// values beyond which are taken for the nearest. It is then no longer tuned.
func (c *Conn) SetWriteBuffer(bytes int) error {
	return c.do("set", func() {
		c.tcb.sndBufMax, c.tcb.sndBufSet = int32(min(max(bytes, minBuffer), maxBuffer)), true
	})
}

// SetNotSentLowat has Write wait while so many bytes are written and not sent, or 16 MiB if that
// is less: a program that writes no sooner can still decide what goes next. 0 is no such mark;
// Config.NotSentLowat is what there is at first. It is Linux's TCP_NOTSENT_LOWAT.
func (c *Conn) SetNotSentLowat(bytes int) error {
	return c.do("set", func() {
		c.tcb.notSentLowat = int32(min(max(bytes, 0), maxBuffer))
	})
}

// maxUserTimeout is the longest that RFC 5482 3 can tell of.
const maxUserTimeout = 32767 * time.Minute

// SetUserTimeout sets how long data may stay unacknowledged before the connection ends with
// ETIMEDOUT (RFC 9293 3.9.1.2, RFC 5482): up to 32767 minutes, beyond which, as below 0, it
// fails with EINVAL; 0 is the layer's GiveUp.
func (c *Conn) SetUserTimeout(d time.Duration) error {
	if d < 0 || d > maxUserTimeout {
		err := fmt.Errorf("user timeout %v: %w: want 0 to %v", d, syscall.EINVAL, maxUserTimeout)
		return c.opError("set", err)
	}
	return c.do("set", func() { c.tcb.setUserTimeout(c.layer.clock.now(), d) })
}
