package tcp

import (
	"sync"

	"github.com/tinystack/tinystack/packet"
)

// chunk is data in a pooled buffer: a packet's own, or one filled from small packets.
type chunk struct {
	next *chunk
	buf  *packet.Buffer
	data []byte // within buf
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func newChunk(buf *packet.Buffer, data []byte) *chunk {
	c := chunks.Get().(*chunk)
	c.buf, c.data = buf, data
	return c
}

func (c *chunk) release() {
	c.buf.Release()
	*c = chunk{}
	chunks.Put(c)
}

// worthKeeping reports whether n bytes fill their buffer well enough to be kept
// where they lie. A peer that sends small packets must not pin large buffers.
func worthKeeping(n int, buf *packet.Buffer) bool { return buf != nil && 4*n >= len(buf.B) }

// recvQueue is data in order that the application has not read. It holds no
// memory while empty.
type recvQueue struct {
	head, tail *chunk
	n          int // bytes of data
	mem        int // bytes of the buffers it lies in
}

// push appends data. Where in is given and data fills its buffer, the queue keeps the
// buffer; otherwise it copies.
func (q *recvQueue) push(data []byte, in *packet.In) {
	q.n += len(data)
	if in != nil && worthKeeping(len(data), in.Buffer()) {
		q.append(newChunk(in.Take(), data))
		return
	}
	if t := q.tail; t != nil {
		n := min(len(data), cap(t.data)-len(t.data))
		t.data = append(t.data, data[:n]...)
		data = data[n:]
	}
	if len(data) > 0 {
		// The more is waiting, the more is likely to come.
		buf := packet.Get(max(len(data), min(q.n, packet.MaxSize)))
		q.append(newChunk(buf, append(buf.B[:0], data...)))
	}
}

// append puts a chunk at the end.
func (q *recvQueue) append(c *chunk) {
	if q.tail == nil {
		q.head = c
	} else {
		q.tail.next = c
	}
	q.tail = c
	q.mem += len(c.buf.B)
}

// pushChunk appends a chunk that the caller hands over.
func (q *recvQueue) pushChunk(c *chunk) {
	q.n += len(c.data)
	q.append(c)
}

// read copies into p and drops what was copied.
func (q *recvQueue) read(p []byte) (n int) {
	for n < len(p) && q.head != nil {
		c := q.head
		m := copy(p[n:], c.data)
		n += m
		c.data = c.data[m:]
		if len(c.data) == 0 {
			q.dropHead()
			c.release()
		}
	}
	q.n -= n
	return n
}

// takeWhole takes out the first chunks, those that fit into n bytes whole, which hold size. The caller copies and
// releases them.
func (q *recvQueue) takeWhole(n int) (first *chunk, size int) {
	var last *chunk
	for c := q.head; c != nil && size+len(c.data) <= n; c = q.head {
		size += len(q.pop().data)
		if first == nil {
			first = c
		}
		last = c
	}
	if last != nil {
		last.next = nil
	}
	return first, size
}

// copyOut copies to p what this chunk and those after it hold, and releases them.
func (c *chunk) copyOut(p []byte) {
	for c != nil {
		p = p[copy(p, c.data):]
		next := c.next
		c.release()
		c = next
	}
}

// pop takes the first chunk out, nil if there is none. The caller releases it.
func (q *recvQueue) pop() *chunk {
	c := q.head
	if c != nil {
		q.dropHead()
		q.n -= len(c.data)
	}
	return c
}

func (q *recvQueue) dropHead() {
	q.mem -= len(q.head.buf.B)
	q.head = q.head.next
	if q.head == nil {
		q.tail = nil
	}
}

// free drops everything.
func (q *recvQueue) free() {
	for c := q.pop(); c != nil; c = q.pop() {
		c.release()
	}
}
