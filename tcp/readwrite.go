package tcp

import (
	"io"
	"net"
	"os"

	"github.com/tinystack/tinystack/packet"
)

// Read reads what has arrived, and waits if nothing has. At the end of the
// peer's stream it returns [io.EOF].
func (c *Conn) Read(p []byte) (int, error) {
	n, whole, err := c.read(p)
	whole.copyOut(p) // without the lock, which the device's reader may wait for
	return n, c.opError("read", err)
}

// read takes n bytes for p, as the core does.
func (c *Conn) read(p []byte) (n int, whole *chunk, err error) {
	c.mu.Lock()
	defer c.unlock()
	for {
		if err := c.readError(); err != nil {
			return 0, nil, err
		}
		if c.tcb.queue.n > 0 || len(p) == 0 {
			n, whole = c.tcb.read(p)
			c.afterRead()
			return n, whole, nil
		}
		if c.tcb.ended() {
			c.hasRead() // that there is no more
			return 0, nil, c.endError()
		}
		if n := c.waitFor(p); n > 0 {
			return n, nil, nil
		}
	}
}

// waitFor waits for something to happen, with p posted for the receiver to put data in
// directly, unless another Read's buffer is.
func (c *Conn) waitFor(p []byte) (n int) {
	if c.tcb.posted != nil {
		c.waitToRead()
		return 0
	}
	c.tcb.posted = p
	c.waitToRead()
	n = int(c.tcb.postedN)
	c.tcb.posted, c.tcb.postedN = nil, 0
	if n > 0 {
		n += c.tcb.queue.read(p[n:])
		c.tcb.roomMade()
		c.afterRead()
	}
	return n
}

// afterRead sends an ACK that a Read gave cause for.
func (c *Conn) afterRead() {
	c.hasRead()
	if c.tcb.ackNow {
		c.called("read", "")
		c.settle(c.layer.clock.now())
		return
	}
	c.account()
}

// readError is why a Read can't go on, whatever has arrived.
func (c *Conn) readError() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.readEnd.Passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// endError is how the peer's stream ended. After its FIN that is well, as in Linux,
// whatever became of ours.
func (c *Conn) endError() error {
	switch {
	case c.tcb.err == net.ErrClosed: // by the layer
		return c.tcb.err
	case c.tcb.err == nil, c.tcb.noReader, c.tcb.finTaken():
		return io.EOF
	}
	return c.tcb.err
}

// Write queues p to be sent, and waits for room as needed. It returns when all of p is
// queued; a concurrent Write's data does not mix with p's.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.unlock()
	for c.writing {
		if err := c.writeError(); err != nil {
			return 0, c.opError("write", err)
		}
		c.waitToWrite()
	}
	c.writing = true
	c.calledWrite(len(p))
	n, err := c.write(p)
	c.writing = false
	c.wakeWriters()
	return n, c.opError("write", err)
}

func (c *Conn) write(p []byte) (total int, err error) {
	for {
		if err := c.writeError(); err != nil {
			return total, err
		}
		c.notePressure()
		n := c.tcb.write(p)
		if n > 0 {
			total += n
			p = p[n:]
			c.settle(c.layer.clock.now())
		}
		if len(p) == 0 {
			return total, nil
		}
		if n == 0 && c.tcb.canWrite() { // else some of it may have gone, and left room
			c.tcb.noteLimit(c.layer.clock.now()) // the send buffer, from now on
			c.waitToWrite()
		}
	}
}

// writeError is why a Write can't go on.
func (c *Conn) writeError() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.writeEnd.Passed():
		return os.ErrDeadlineExceeded
	case c.tcb.canWrite():
		return nil
	case c.tcb.err != nil:
		return c.tcb.err
	}
	return errPipe
}

// copySize is how much ReadFrom moves at a time: a super-segment.
const copySize = 64 << 10

// ReadFrom writes what it reads from r until [io.EOF].
func (c *Conn) ReadFrom(r io.Reader) (total int64, err error) {
	buf := packet.Get(copySize)
	defer buf.Release()
	for {
		n, rerr := r.Read(buf.B)
		if n > 0 {
			w, werr := c.Write(buf.B[:n])
			total += int64(w)
			if werr != nil {
				return total, werr
			}
		}
		switch rerr {
		case nil:
		case io.EOF:
			return total, nil
		default:
			return total, rerr
		}
	}
}

// WriteTo writes to w what arrives until the end of the peer's stream, from the
// memory it arrived in.
func (c *Conn) WriteTo(w io.Writer) (total int64, err error) {
	for {
		chunk, err := c.takeChunk()
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, c.opError("read", err)
		}
		n, err := w.Write(chunk.data)
		chunk.release()
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// takeChunk takes the next piece out of the queue, and waits if there is none.
func (c *Conn) takeChunk() (*chunk, error) {
	c.mu.Lock()
	defer c.unlock()
	for {
		if err := c.readError(); err != nil {
			return nil, err
		}
		if chunk := c.tcb.queue.pop(); chunk != nil {
			c.tcb.roomMade()
			c.afterRead()
			return chunk, nil
		}
		if c.tcb.ended() {
			c.hasRead() // that there is no more
			return nil, c.endError()
		}
		c.waitToRead()
	}
}
