package udp

import "net/netip"

// Message is one datagram of a batch, in the words of golang.org/x/net/ipv4, but for its address,
// which takes no allocation.
type Message struct {
	// Buffers hold the datagram, one after the other; of what is read, as much as there is room for.
	Buffers [][]byte
	// Addr is who it is to, as WriteToUDPAddrPort has it; the zero AddrPort is the peer of a connected
	// socket. After a read it is the sender.
	Addr netip.AddrPort
	// N is how many bytes of Buffers were read or written.
	N int
	// Truncated tells of one that was read that it was longer than Buffers.
	Truncated bool
}

// len is how many bytes there are in all buffers.
func (m *Message) len() (n int) {
	for _, b := range m.Buffers {
		n += len(b)
	}
	return n
}

// gather appends the datagram to b.
func (m *Message) gather(b []byte) []byte {
	for _, piece := range m.Buffers {
		b = append(b, piece...)
	}
	return b
}

// scatter copies a datagram into the buffers.
func (m *Message) scatter(b []byte) {
	m.N = 0
	for _, piece := range m.Buffers {
		m.N += copy(piece, b[m.N:])
	}
	m.Truncated = m.N < len(b)
}

// maxReadBatch bounds how long a ReadBatch copies: what arrives waits meanwhile, and the device
// with it.
const maxReadBatch = 64

// ReadBatch waits for a datagram as Read does, then reads as many as are there, up to
// len(ms) and 64, and returns their number: ask again for more. It fails as Read does, and
// then has read none.
func (c *Conn) ReadBatch(ms []Message) (n int, err error) {
	if len(ms) == 0 {
		return 0, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.await("recvmmsg"); err != nil {
		return 0, err
	}
	ms = ms[:min(len(ms), maxReadBatch)]
	for ; n < len(ms) && c.queue.n > 0; n++ {
		data, from, event := c.queue.first()
		ms[n].scatter(data)
		ms[n].Addr = from
		c.queue.next()
		c.story.read(from, event)
	}
	return n, nil
}
