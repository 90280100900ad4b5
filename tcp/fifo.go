package tcp

// links are what a record needs to stand in a fifo: it embeds them, so that a place
// in the queue costs no memory of its own, and any record can leave at once.
type links[T any] struct{ prev, next *T }

func (l *links[T]) linked() *links[T] { return l }

// fifo is a queue of records, the oldest first. P is *T.
type fifo[T any, P interface {
	*T
	linked() *links[T]
}] struct{ first, last *T }

// push puts a record, which is in no queue, at the end.
func (f *fifo[T, P]) push(r *T) {
	P(r).linked().prev = f.last
	if f.last == nil {
		f.first = r
	} else {
		P(f.last).linked().next = r
	}
	f.last = r
}

// unlink takes a record out; it reports false if it is in no queue.
func (f *fifo[T, P]) unlink(r *T) bool {
	l := P(r).linked()
	if l.prev == nil && f.first != r {
		return false
	}
	if l.prev == nil {
		f.first = l.next
	} else {
		P(l.prev).linked().next = l.next
	}
	if l.next == nil {
		f.last = l.prev
	} else {
		P(l.next).linked().prev = l.prev
	}
	*l = links[T]{}
	return true
}
