package udp

import (
	"net/netip"

	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

const (
	// entrySize is charged for each entry, so that empty datagrams are bounded
	// too: what an entry takes, and the ring's unused part.
	entrySize = 128
	// minRing and idleRing are the entries of the first ring, and of the largest
	// one that an empty queue keeps.
	minRing, idleRing = 8, 64
)

// entry is one datagram; or several that arrived in one packet, which are of
// seg bytes each, back to back, the last one possibly shorter.
type entry struct {
	from netip.AddrPort
	data []byte
	seg  int
	buf  *packet.Buffer // to release with the entry; nil if a later entry has it

	event trace.ID // of its arrival
}

// queue holds datagrams first in, first out. It is charged the memory it really
// keeps alive, not the bytes of the datagrams.
type queue struct {
	ring    []entry // its length is a power of two
	head, n int
	bytes   int
	free    []byte // rest of the buffer that the last entry owns
}

// push appends the payload of in. It takes the packet's memory if that is well
// filled, and else copies; small datagrams in a row share a buffer.
func (q *queue) push(in *packet.In, from netip.AddrPort, payload []byte, seg int) {
	e := entry{from: from, data: payload, seg: seg, event: in.Event}
	switch buf := in.Buffer(); {
	case len(payload) == 0:
		e.data = nil
	case len(payload) <= len(q.free):
		e.data = q.copyToFree(payload)
		last := q.at(q.n - 1)
		e.buf, last.buf = last.buf, nil // released in order, so the last one has it
	case buf != nil && 4*len(payload) >= len(buf.B):
		e.buf, q.free = in.Take(), nil
		q.bytes += len(e.buf.B)
	default:
		e.buf = packet.Get(len(payload))
		q.free = e.buf.B
		e.data = q.copyToFree(payload)
		q.bytes += len(e.buf.B)
	}
	if len(payload) == 0 {
		q.free = nil // the last entry owns no buffer
	}
	q.bytes += entrySize
	q.grow()
	q.n++
	*q.at(q.n - 1) = e
}

func (q *queue) copyToFree(payload []byte) []byte {
	n := copy(q.free, payload)
	data := q.free[:n:n]
	q.free = q.free[n:]
	return data
}

// pop copies the next datagram to b, as much of it as fits, and removes it.
func (q *queue) pop(b []byte) (n int, from netip.AddrPort, event trace.ID) {
	data, from, event := q.first()
	n = copy(b, data)
	q.next()
	return n, from, event
}

// first returns the next datagram, which is the queue's until next.
func (q *queue) first() (data []byte, from netip.AddrPort, event trace.ID) {
	e := q.at(0)
	return e.data[:min(e.seg, len(e.data))], e.from, e.event
}

// next removes what first returns.
func (q *queue) next() {
	e := q.at(0)
	e.data = e.data[min(e.seg, len(e.data)):]
	if len(e.data) == 0 {
		q.remove()
	}
}

// remove frees the first entry.
func (q *queue) remove() {
	e := q.at(0)
	if e.buf != nil {
		q.bytes -= len(e.buf.B)
		e.buf.Release()
	}
	q.bytes -= entrySize
	*e = entry{}
	q.head++
	q.n--
	if q.n > 0 {
		return
	}
	q.free = nil
	if len(q.ring) > idleRing {
		q.ring = nil
	}
}

func (q *queue) clear() {
	for q.n > 0 {
		q.remove()
	}
	q.ring = nil
}

func (q *queue) at(i int) *entry { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

// grow makes room for one more entry.
func (q *queue) grow() {
	if q.n < len(q.ring) {
		return
	}
	ring := make([]entry, max(minRing, 2*len(q.ring)))
	for i := range q.n {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
}
