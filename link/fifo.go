package link

// fifo is a queue of packets; its memory is used again.
type fifo struct {
	items []traveler
	head  int // items before it were taken
}

func (q *fifo) len() int { return len(q.items) - q.head }

func (q *fifo) push(t traveler) {
	if len(q.items) == cap(q.items) && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, t)
}

// front returns the first packet, nil if there is none.
func (q *fifo) front() *traveler {
	if q.len() == 0 {
		return nil
	}
	return &q.items[q.head]
}

func (q *fifo) pop() {
	q.items[q.head] = traveler{}
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
}
