package tcp

// simPacket is a packet on its way: bytes, or in a lean run a header and the length of the data.
type simPacket struct {
	path *simPath
	at   instant // of its arrival
	fate simFate
	hdr  Header
	n    int // bytes of data
	raw  []byte
}

// size is that of an IP packet, which is what rates count.
func (p *simPacket) size() int { return 20 + p.hdr.Len() + p.n }

// simPackets is a queue; its memory is used again.
type simPackets struct {
	items []*simPacket
	head  int
}

func (q *simPackets) len() int          { return len(q.items) - q.head }
func (q *simPackets) first() *simPacket { return q.items[q.head] }

func (q *simPackets) push(p *simPacket) {
	if len(q.items) == cap(q.items) && q.head > len(q.items)/2 {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, p)
}

func (q *simPackets) pop() *simPacket {
	p := q.items[q.head]
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return p
}

// insert puts p behind all that arrive no later.
func (q *simPackets) insert(p *simPacket) {
	q.push(p)
	for i := len(q.items) - 1; i > q.head && q.items[i-1].at > q.items[i].at; i-- {
		q.items[i-1], q.items[i] = q.items[i], q.items[i-1]
	}
}
