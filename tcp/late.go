package tcp

import (
	"sync"
	"sync/atomic"
)

// lateAck is an ACK that came while the connection was locked, by a Write that is sending most of the time. Whoever
// unlocks the connection takes it, so that the goroutine that reads the device waits for no Write; Linux's
// backlog of a socket does as much. What is more than an ACK waits for the lock.
type lateAck struct {
	segment
	next *lateAck // that came before
}

// maxLate bounds them: who acknowledges faster waits for the lock.
const maxLate = 64

// lateAcks are those of a connection, the latest first. They hold no memory while there are none.
type lateAcks struct {
	latest atomic.Pointer[lateAck]
	places atomic.Int32 // that are taken: at least as many as there are
}

var lateAckPool = sync.Pool{New: func() any { return new(lateAck) }}

// add has s taken later. It returns false if too many wait.
func (l *lateAcks) add(s *segment) bool {
	if l.places.Add(1) > maxLate {
		l.places.Add(-1)
		return false
	}
	a := lateAckPool.Get().(*lateAck)
	a.segment = *s
	a.in, a.data = nil, [2][]byte{} // the reader has another packet there then
	for {
		a.next = l.latest.Load()
		if l.latest.CompareAndSwap(a.next, a) {
			return true
		}
	}
}

// any reports whether there are some.
func (l *lateAcks) any() bool { return l.latest.Load() != nil }

// take calls f with each, in the order in which they came. Their places, n of them, are for the caller to free.
func (l *lateAcks) take(f func(*segment)) (n int32) {
	var first *lateAck
	for a := l.latest.Swap(nil); a != nil; n++ {
		before := a.next
		a.next, first, a = first, a, before
	}
	for a := first; a != nil; {
		f(&a.segment)
		after := a.next
		*a = lateAck{}
		lateAckPool.Put(a)
		a = after
	}
	return n
}

// free gives n places back.
func (l *lateAcks) free(n int32) {
	if n > 0 {
		l.places.Add(-n)
	}
}

// isPure reports whether s is an ACK and no more.
func (s *segment) isPure() bool { return s.Flags&^PSH == ACK && s.dataLen() == 0 }

// leave has s taken by whoever has the lock now, or takes it itself if that has just been given back. It
// returns false if s must wait for the lock. Events would miss their causes: while somebody listens, all wait.
func (c *Conn) leave(s *segment) bool {
	if !s.isPure() || c.layer.trace.On() || !c.late.add(s) {
		return false
	}
	c.finishLate()
	return true
}

// takeLate gives the core what came while the connection was locked; the caller settles, and frees as many places as
// it returns.
func (c *Conn) takeLate(now instant) (n int32) {
	if !c.late.any() {
		return 0
	}
	n = c.late.take(func(s *segment) { c.take(now, s) })
	c.account() // of what was acknowledged
	return n
}

// unlock ends what Lock of mu began. What came meanwhile is taken by it, or by who has the lock next: that
// looks after it has unlocked, and finds what was added before.
func (c *Conn) unlock() {
	c.mu.Unlock()
	c.finishLate()
}

// finishLate takes what is late unless somebody has the lock, who will then. Places are freed at the end only: who is
// flooded with ACKs goes on after maxLate of them. That any comes before TryLock also orders that after what was added.
func (c *Conn) finishLate() {
	var taken int32
	for c.late.any() && c.mu.TryLock() {
		now := c.layer.clock.now()
		taken += c.takeLate(now)
		c.settle(now)
		c.mu.Unlock()
	}
	c.late.free(taken)
}

// connLocker is a connection's lock for those who wait.
type connLocker struct{ c *Conn }

func (l connLocker) Lock()   { l.c.mu.Lock() }
func (l connLocker) Unlock() { l.c.unlock() }
