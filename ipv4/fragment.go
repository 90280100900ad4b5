package ipv4

import (
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
)

// fragmenter cuts a packet into fragments (RFC 791 3.2). The packet may be a
// fragment already.
type fragmenter struct {
	header Header
	pieces [3][]byte // the payload, in pieces
	mtu    int       // bytes; 68 or more
	origin origin
}

// fragment sends f's packet in fragments.
func (l *Layer) fragment(i *Interface, f *fragmenter) error {
	counter.Inc(&l.stats.OutFragReqds)
	out := packet.NewOut()
	defer out.Release()
	for more, at := true, 0; more; {
		n := f.next(out, at)
		at, more = at+n, at+n < f.len()
		if err := l.write(i, out); err != nil {
			counter.Inc(&l.stats.OutFragFails)
			return err
		}
		counter.Inc(&l.stats.OutFragCreates)
	}
	counter.Inc(&l.stats.OutFragOKs)
	return nil
}

func (f *fragmenter) len() int {
	return len(f.pieces[0]) + len(f.pieces[1]) + len(f.pieces[2])
}

// next makes out the fragment whose payload starts at byte at of the packet's,
// and returns its payload's length.
func (f *fragmenter) next(out *packet.Out, at int) int {
	h := f.header
	if at > 0 {
		var buf [maxOptionsLen]byte
		h.Options = copiedOptions(buf[:0], h.Options)
	}
	n := f.len() - at
	if room := f.mtu - h.Len(); n > room {
		n = room &^ 7
	}
	h.MF = h.MF || at+n < f.len()
	h.Offset += at
	h.TotalLen = h.Len() + n

	out.Reset()
	f.origin.stamp(out)
	f.body(out, at, n)
	h.put(out.Prepend(h.Len()))
	return n
}

// body makes n bytes of the payload, from at on, out's body. Of the first piece,
// a transport header, it makes a copy.
func (f *fragmenter) body(out *packet.Out, at, n int) {
	var part [3][]byte
	for i, piece := range f.pieces {
		from := min(at, len(piece))
		to := min(from+n, len(piece))
		part[i] = piece[from:to]
		at -= from
		n -= to - from
	}
	copy(out.Prepend(len(part[0])), part[0])
	out.Body = [2][]byte{part[1], part[2]}
}
