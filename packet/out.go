package packet

import (
	"sync"

	"github.com/tinystack/tinystack/trace"
)

// MaxHead is the room for headers: an IPv4 and a TCP header, both with all
// their options, are 120 bytes.
const MaxHead = 128

// Out is a packet on its way out: headers written back to front by the layers
// it passes ([Out.Prepend]), then a body in two pieces, as a ring gives it.
type Out struct {
	Offload
	Protocol uint8 // IP protocol number
	TOS      uint8
	TTL      uint8 // 0: the layer's default
	DF       bool  // do not fragment
	Queue    uint8 // of the device's queues, modulo their number, that which it leaves on
	Body     [2][]byte
	Mark     trace.Mark // why it is sent, if somebody listens

	start int
	head  [MaxHead]byte
}

var outs = sync.Pool{New: func() any { return new(Out) }}

// NewOut returns an empty packet; [Out.Release] gives it back.
func NewOut() *Out {
	p := outs.Get().(*Out)
	p.Reset()
	return p
}

// Reset makes the packet an empty one.
func (p *Out) Reset() {
	p.Offload = Offload{}
	p.Protocol, p.TOS, p.TTL, p.DF, p.Queue = 0, 0, 0, false, 0
	p.Body = [2][]byte{}
	p.Mark = trace.Mark{}
	p.start = MaxHead
}

// Release gives the packet back to the pool.
func (p *Out) Release() {
	p.Body = [2][]byte{} // lets go of the sender's memory
	outs.Put(p)
}

// Prepend returns n bytes, of arbitrary content, in front of the headers so far.
func (p *Out) Prepend(n int) []byte {
	p.start -= n
	return p.head[p.start : p.start+n : p.start+n]
}

// Head returns the headers.
func (p *Out) Head() []byte { return p.head[p.start:] }

// BodyLen returns the length of the body in bytes.
func (p *Out) BodyLen() int { return len(p.Body[0]) + len(p.Body[1]) }

// Len returns the length of the packet in bytes.
func (p *Out) Len() int { return MaxHead - p.start + p.BodyLen() }

// AppendTo appends the packet's bytes to b.
func (p *Out) AppendTo(b []byte) []byte {
	b = append(b, p.Head()...)
	b = append(b, p.Body[0]...)
	return append(b, p.Body[1]...)
}
