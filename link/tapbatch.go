package link

import (
	"time"

	"github.com/tinystack/tinystack/internal/gso"
	"github.com/tinystack/tinystack/packet"
)

// tapBatch is packets whose bytes lie one after the other, in memory that does
// not move.
type tapBatch struct {
	bytes   []byte
	packets []Captured
}

func (b *tapBatch) reset() {
	b.bytes, b.packets = b.bytes[:0], b.packets[:0]
}

// add appends the packet of which c says the rest, unless there is no room.
func (b *tapBatch) add(p pieces, o packet.Offload, c Captured, snapLen int) bool {
	c.Len = p.len()
	copied := min(c.Len, snapLen)
	if o.Csum == packet.CsumPartial {
		copied = c.Len // the checksum is over all of it
	}
	from := len(b.bytes)
	if from+copied+(len(b.packets)+1)*captureCost > cap(b.bytes) {
		return false
	}
	b.bytes = p.appendTo(b.bytes, copied)
	_ = gso.Complete(b.bytes[from:], o) // a packet that its offload does not fit is recorded as it is
	b.bytes = b.bytes[:from+min(c.Len, snapLen)]
	c.Data = b.bytes[from:len(b.bytes):len(b.bytes)]
	c.Time = time.Now()
	b.packets = append(b.packets, c)
	return true
}

// pieces are a packet, in the order of its bytes.
type pieces [3][]byte

func (p *pieces) len() int { return len(p[0]) + len(p[1]) + len(p[2]) }

// appendTo appends the first n bytes of the packet to b.
func (p *pieces) appendTo(b []byte, n int) []byte {
	for _, piece := range p {
		m := min(n, len(piece))
		b = append(b, piece[:m]...)
		n -= m
	}
	return b
}
