package tcp

import (
	"math/bits"
	"sync"
	"time"
)

const (
	// wheelTick is how long a slot of the wheel is.
	wheelTick = 32 * time.Millisecond
	// wheelSlots is how many there are: as many as keepalive's 15 s take. What is due later comes
	// round more than once.
	wheelSlots = 512
	// nearby is how far away a deadline is at the most that a connection has an alarm for.
	nearby = 2 * wheelTick
	// wheelCount is how many wheels there are, so that no lock is common to all connections.
	wheelCount = 8
)

// wheel is where connections wait whose next deadline is far away, as it is for all that are idle: a
// retransmission timeout that an ACK will forestall, or a keepalive probe. Entering and leaving it costs the same
// however many there are, and takes no memory but the links of a list. A connection's turn comes at the
// start of the tick that its deadline is in; the rest of the time its [alarm] waits for.
type wheel struct {
	clock clock

	mu     sync.Mutex
	slots  *[wheelSlots]fifo[Conn, *Conn] // nil: never used
	used   [wheelSlots / 64]uint64        // a bit for each slot that is not empty
	turned int64                          // the last tick whose slot is done with
	timer  *time.Timer
	armed  int64 // the tick that timer is set for; 0: none
	closed bool
}

// add has c wait for a deadline that is not nearby, and returns when its turn comes.
func (w *wheel) add(c *Conn, now, at instant) instant {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slots == nil {
		w.slots = new([wheelSlots]fifo[Conn, *Conn])
	}
	if tick := tickOf(now); w.armed == 0 || w.armed > tick { // nothing is overdue
		w.turned = tick
	}
	// While the timer is late, a turn may be beyond what now was when the caller looked.
	tick := min(max(tickOf(at), w.turned+1), w.turned+wheelSlots)
	i := tick % wheelSlots
	w.slots[i].push(c)
	w.used[i/64] |= 1 << (i % 64)
	if w.armed == 0 || tick < w.armed {
		w.arm(now, tick)
	}
	return startOf(tick)
}

// remove takes out c, which is not there if its turn, at due, is just coming.
func (w *wheel) remove(c *Conn, due instant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slots != nil {
		w.unlink(c, tickOf(due)%wheelSlots)
	}
}

func (w *wheel) unlink(c *Conn, i int64) {
	if w.slots[i].unlink(c); w.slots[i].first == nil {
		w.used[i/64] &^= 1 << (i % 64)
	}
}

// turn is the timer: all whose turn has come look what is due.
func (w *wheel) turn() {
	now := w.clock.now()
	for c := w.take(now); c != nil; c = w.take(now) {
		c.expired()
	}
}

// take takes out a connection whose turn has come. If there is none it sets the timer.
func (w *wheel) take(now instant) *Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	tick, ok := w.next()
	switch {
	case !ok:
		w.armed = 0
		return nil
	case tick > tickOf(now):
		w.turned = tickOf(now)
		w.arm(now, tick)
		return nil
	}
	w.turned = tick - 1
	c := w.slots[tick%wheelSlots].first
	w.unlink(c, tick%wheelSlots)
	return c
}

// next is the first tick whose slot is not empty.
func (w *wheel) next() (tick int64, ok bool) {
	for ahead := int64(1); ahead <= wheelSlots; {
		i := (w.turned + ahead) % wheelSlots
		if used := w.used[i/64] >> (i % 64); used != 0 {
			return w.turned + ahead + int64(bits.TrailingZeros64(used)), true
		}
		ahead += 64 - i%64
	}
	return 0, false
}

func (w *wheel) arm(now instant, tick int64) {
	w.armed = tick
	wait := startOf(tick).sub(now)
	switch {
	case w.closed:
	case w.timer == nil:
		w.timer = time.AfterFunc(wait, w.turn)
	default:
		w.timer.Reset(wait)
	}
}

// close stops the timer for good.
func (w *wheel) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

func tickOf(t instant) int64 { return int64(t) / int64(wheelTick) }

func startOf(tick int64) instant { return instant(tick * int64(wheelTick)) }
