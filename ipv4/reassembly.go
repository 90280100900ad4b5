package ipv4

import (
	"bytes"
	"net/netip"
	"sync"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// What keeping a datagram and a fragment costs in bytes beyond the data, about.
const (
	datagramCost = 2048
	fragmentCost = 64
)

// datagramKey is what fragments of one datagram have in common (RFC 791 3.2).
type datagramKey struct {
	src, dst netip.Addr
	id       uint16
	protocol uint8
}

// reassembler keeps fragments until their datagrams are whole (RFC 1122 3.3.2).
// It is bounded in time, from a datagram's first fragment on, and in bytes: where
// these don't suffice, the oldest datagrams make room, since the one that is
// coming in now is the likeliest to become whole.
type reassembler struct {
	layer *Layer
	limit int // bytes; negative: off

	mu     sync.Mutex
	closed bool
	memory int // bytes in use
	partly aged[datagramKey, *datagram]
}

func (r *reassembler) init(l *Layer, c Config) {
	r.layer, r.limit = l, c.ReassemblyMemory
	r.partly.init(c.ReassemblyTimeout, r.expire)
}

// reassemble takes a fragment for this host, and delivers the datagram if it
// is the last that was missing.
func (l *Layer) reassemble(in *packet.In, h *Header, payload []byte) {
	counter.Inc(&l.stats.ReasmReqds)
	whole, buf := l.reasm.add(in, h, payload)
	if buf == nil {
		return
	}
	counter.Inc(&l.stats.ReasmOKs)
	// The datagram is in a buffer of its own, which takes the place of the
	// fragment's while it is delivered.
	last := in.Take()
	in.Fill(buf)
	in.Offload = packet.Offload{}
	l.deliver(in, &whole, buf.B[:whole.TotalLen], buf.B[whole.Len():whole.TotalLen])
	if b := in.Take(); b != nil {
		b.Release()
	}
	in.Fill(last)
}

// add keeps a fragment. If its datagram is whole now, add
// returns its header, and it itself at the start of a buffer; else a nil buffer.
func (r *reassembler) add(in *packet.In, h *Header, payload []byte) (whole Header, buf *packet.Buffer) {
	l, s := r.layer, &r.layer.stats
	if len(payload) == 0 || h.MF && len(payload)%8 != 0 {
		l.drop(in, &s.ReasmFails, &s.DropReasmBadLength)
		return whole, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limit < 0 || r.closed {
		l.drop(in, &s.ReasmFails, &s.DropReasmDisabled)
		return whole, nil
	}
	k := datagramKey{h.Src, h.Dst, h.ID, h.Protocol}
	d := r.datagram(k)
	if d.dead {
		l.discard(in, &s.DropReasmLate)
		return whole, nil
	}
	switch d.add(h, payload) {
	case fragmentTwice:
		l.discard(in, &s.DropReasmDuplicate)
		return whole, nil
	case fragmentOverlaps:
		l.drop(in, &s.ReasmFails, &s.DropReasmOverlap)
		r.kill(d)
		return whole, nil
	}
	r.memory += len(payload) + fragmentCost
	if d.received == d.total {
		r.forget(k, d)
		return r.finish(in, d)
	}
	r.makeRoom(in.Event)
	return whole, nil
}

// datagram returns the one with key k, which it begins if there is none.
func (r *reassembler) datagram(k datagramKey) *datagram {
	if d, ok := r.partly.get(k); ok {
		return d
	}
	d := &datagram{data: map[int][]byte{}, total: unknown}
	r.partly.put(k, d)
	r.memory += datagramCost
	return d
}

// finish puts a whole datagram together.
func (r *reassembler) finish(in *packet.In, d *datagram) (whole Header, buf *packet.Buffer) {
	if d.header.Len()+d.total > packet.MaxSize { // the first fragment has more options
		r.layer.drop(in, &r.layer.stats.ReasmFails, &r.layer.stats.DropFragmentRange)
		return whole, nil
	}
	if d.ecn&(1<<ecnNone) != 0 && d.ecn&(1<<ecnCE) != 0 { // RFC 3168 5.3
		r.layer.drop(in, &r.layer.stats.ReasmFails, &r.layer.stats.DropReasmECN)
		return whole, nil
	}
	return d.join()
}

// kill drops what a datagram has, but remembers it, so that none of its other
// fragments is taken for the beginning of a new one (RFC 5722 4).
func (r *reassembler) kill(d *datagram) {
	r.memory -= d.size()
	d.dead, d.data, d.received = true, nil, 0
}

// forget ends the work on a datagram.
func (r *reassembler) forget(k datagramKey, d *datagram) {
	r.partly.remove(k)
	r.memory -= datagramCost + d.size()
}

// makeRoom drops the oldest datagrams while all take more than they may.
func (r *reassembler) makeRoom(cause trace.ID) {
	for r.memory > r.limit && r.partly.len() > 0 {
		k, d := r.partly.oldest()
		r.forget(k, d)
		if !d.dead {
			counter.Inc(&r.layer.stats.ReasmFails)
			r.layer.count(cause, &r.layer.stats.DropReasmMemory)
		}
	}
}

// expire drops the datagrams whose time is over, and tells the senders of those
// whose first fragment is there (RFC 792, RFC 1122 3.3.2).
func (r *reassembler) expire() {
	r.mu.Lock()
	gone := r.partly.takeExpired()
	for _, d := range gone {
		r.memory -= datagramCost + d.size()
	}
	r.mu.Unlock()
	l := r.layer
	for _, d := range gone {
		if d.dead {
			continue
		}
		timer := l.trace.Emit(trace.Event{Kind: trace.Timer, Name: "reassembly", Rule: ruleReassembly})
		counter.Inc(&l.stats.ReasmFails)
		cause := l.count(timer, &l.stats.DropReasmTimeout)
		if first, ok := d.data[0]; ok {
			quote := append(d.header.AppendTo(nil), first...)
			l.sendError(l.table.Load(), &packet.In{Event: cause}, quote, icmpError{typ: icmpTimeExceeded, code: codeReassembly})
		}
	}
}

func (r *reassembler) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.partly.len() > 0 {
		closing := r.layer.trace.Emit(trace.Event{Kind: trace.Call, Name: "close", Rule: ruleUnderway})
		for range r.partly.len() {
			r.layer.count(closing, &r.layer.stats.DropReasmInterrupted)
		}
	}
	r.closed, r.memory = true, 0
	r.partly.clear()
}

// unknown is a datagram's total before its last fragment is there.
const unknown = -1

// datagram is what is there of one. To find out whether a fragment overlaps with
// others costs the same however many there are.
type datagram struct {
	header   Header         // the first fragment's, when it is there
	data     map[int][]byte // fragments by their offset in bytes
	blocks   [128]uint64    // a bit for each 8 bytes that are there
	received int            // bytes
	end      int            // of the fragments so far
	total    int            // bytes of payload, or unknown
	ecn      uint8          // a bit for each ECN codepoint that a fragment had
	dead     bool           // dropped for overlap
}

// verdict on a fragment.
type fragmentVerdict uint8

const (
	fragmentKept     fragmentVerdict = iota
	fragmentTwice                    // the same is there
	fragmentOverlaps                 // it contradicts others in where it is, or in where the datagram ends
)

// add keeps a fragment, or says why not.
func (d *datagram) add(h *Header, payload []byte) fragmentVerdict {
	end := h.Offset + len(payload)
	if twin, ok := d.data[h.Offset]; ok && bytes.Equal(twin, payload) && h.MF == (end != d.total) {
		return fragmentTwice // repeated by the network (RFC 8200 4.5), not an attack
	}
	beyond := d.total != unknown && end > d.total
	second := !h.MF && (d.total != unknown && d.total != end || d.end > end)
	if beyond || second || !d.mark(h.Offset/8, (end+7)/8) {
		return fragmentOverlaps
	}
	if !h.MF {
		d.total = end
	}
	d.data[h.Offset] = bytes.Clone(payload)
	d.received += len(payload)
	d.end = max(d.end, end)
	d.ecn |= 1 << (h.TOS & ecnMask)
	if h.Offset == 0 {
		d.header = *h
		d.header.Options = bytes.Clone(h.Options)
	}
	return fragmentKept
}

// mark sets the blocks from first to before end; none of them may be set.
func (d *datagram) mark(first, end int) bool {
	for i := first; i < end; {
		n := min(end-i, 64-i%64)
		mask := ^uint64(0) >> (64 - n) << (i % 64)
		if d.blocks[i/64]&mask != 0 {
			return false
		}
		d.blocks[i/64] |= mask
		i += n
	}
	return true
}

// size returns what the fragments cost in bytes.
func (d *datagram) size() int { return d.received + len(d.data)*fragmentCost }

// join puts a whole datagram together: the first fragment's header, changed to
// that of a datagram never fragmented, and all data.
func (d *datagram) join() (h Header, buf *packet.Buffer) {
	h = d.header
	h.MF = false
	h.TotalLen = h.Len() + d.total
	if d.ecn&(1<<ecnCE) != 0 {
		h.TOS |= ecnCE // congestion that one fragment met, the datagram met (RFC 3168 5.3)
	}
	buf = packet.Get(h.TotalLen)
	h.put(buf.B[:h.Len()])
	for offset, data := range d.data {
		copy(buf.B[h.Len()+offset:], data)
	}
	return h, buf
}
