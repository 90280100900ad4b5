package link

import (
	"cmp"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

const (
	defaultWireQueue  = 50 * time.Millisecond
	defaultReorderGap = 3
	defaultLateBy     = 3 * time.Millisecond
	// reorderWait is how long a packet waits to be overtaken.
	reorderWait = 10 * time.Millisecond
	// maxTraveling bounds the memory of what is on one direction of a wire.
	maxTraveling = 64 << 20
	// maxArrived is how many packets may wait for a slow reader before the device
	// below is left to queue, and to drop, by itself.
	maxArrived = 1000
)

// wire is one direction: a transmitter of limited rate with a queue, then a line
// with a delay. Any number of goroutines put packets, one takes them.
type wire struct {
	cfg    Impairment
	closed <-chan struct{}
	alarm  alarm         // of who takes
	room   chan struct{} // something was taken
	events events

	mu        sync.Mutex
	chances   chances
	stats     WireStats
	inOrder   fifo
	held      []traveler // to be overtaken by a number of packets
	late      fifo       // to be overtaken for a time
	traveling int        // bytes of memory
	free      time.Time  // when the transmitter has sent what it has
	last      time.Time  // when the last packet in order arrives
	lastLate  time.Time  // when the last of those that are late does
	awaited   time.Time  // for which who takes waits, or was rung; zero: for any
	err       error      // nothing more comes, or goes
}

// traveler is a packet on the wire.
type traveler struct {
	buf  *packet.Buffer
	n    int
	due  time.Time
	gap  int // of a held packet: how many are still to overtake it
	mark trace.Mark
}

func (t *traveler) bytes() []byte { return t.buf.B[:t.n] }

func newWire(cfg Impairment, seed, stream uint64, closed <-chan struct{}, a alarm) *wire {
	w := &wire{cfg: cfg.withDefaults(), closed: closed, alarm: a, room: make(chan struct{}, 1)}
	w.chances = chances{cfg: &w.cfg, rng: rand.New(rand.NewPCG(seed, stream))}
	return w
}

func (i Impairment) withDefaults() Impairment {
	i.Queue = cmp.Or(i.Queue, defaultWireQueue)
	i.ReorderGap = cmp.Or(i.ReorderGap, defaultReorderGap)
	i.LateBy = cmp.Or(i.LateBy, defaultLateBy)
	return i
}

// set changes what happens to packets that are put from now on.
func (w *wire) set(cfg Impairment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cfg = cfg.withDefaults()
	w.chances.number = 0
}

// put sends the packet of n bytes in buf, which then belongs to the wire.
func (w *wire) put(buf *packet.Buffer, n int, mark trace.Mark) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		buf.Release()
		return w.err
	}
	w.stats.Packets++
	t := traveler{buf: buf, n: n, mark: mark}
	f := w.chances.next(t.bytes())
	if f.lose {
		w.stats.Lost++
		w.lost(mark, t.bytes(), "Lost", ruleLoss)
		buf.Release()
		return nil
	}
	var twin traveler
	if f.duplicate {
		w.stats.Duplicated++
		mark.Arrival = 0 // it will arrive, too
		twin = traveler{buf: packet.Get(n), n: n, mark: mark}
		copy(twin.buf.B, t.bytes())
	}
	if f.corrupt {
		w.stats.Corrupted++
		f.flip(t.bytes())
	}
	w.transmit(t, f)
	if f.duplicate {
		w.transmit(twin, fate{jitter: f.jitter})
	}
	w.wake()
	return nil
}

// wake rings for who takes, if a packet is due sooner than what it waits for.
func (w *wire) wake() {
	next := w.next()
	if next != nil && (w.awaited.IsZero() || next.due.Before(w.awaited)) {
		w.awaited = next.due
		w.alarm.ring()
	}
}

// transmit queues the packet for the transmitter, and then for its arrival.
func (w *wire) transmit(t traveler, f fate) {
	now := time.Now()
	start := later(now, w.free)
	full := w.cfg.Rate > 0 && start.Sub(now) > w.cfg.Queue
	if full || w.traveling+len(t.buf.B) > maxTraveling {
		w.stats.QueueDrops++
		w.lost(t.mark, t.bytes(), "QueueDrops", ruleWireQueue)
		t.buf.Release()
		return
	}
	if f.mark || w.cfg.MarkAt > 0 && start.Sub(now) > w.cfg.MarkAt {
		w.markCE(&t)
	}
	if w.cfg.Rate > 0 {
		w.free = start.Add(time.Duration(float64(8*t.n) / float64(w.cfg.Rate) * float64(time.Second)))
		start = w.free
	}
	w.traveling += len(t.buf.B)
	delay := w.cfg.Delay + time.Duration(f.jitter*float64(w.cfg.Jitter))
	t.due = later(start.Add(delay), w.last)
	if f.reorder {
		w.stats.Reordered++
		t.due, t.gap = t.due.Add(reorderWait), w.cfg.ReorderGap
		w.held = append(w.held, t)
		return
	}
	if f.late {
		w.stats.Late++
		t.due = later(t.due.Add(w.cfg.LateBy), w.lastLate)
		w.lastLate = t.due
		w.late.push(t)
		return
	}
	w.last = t.due
	w.inOrder.push(t)
	w.overtake()
}

// markCE marks a packet that its transport can be told of.
func (w *wire) markCE(t *traveler) {
	if markCE(t.bytes()) {
		w.stats.Marked++
	}
}

// lost tells of a packet's end.
func (w *wire) lost(mark trace.Mark, b []byte, name string, rule trace.Rule) {
	if w.events.node.On() {
		w.events.lost(mark, b, len(b), name, rule)
	}
}

// overtake lets go of the held packets that enough others have overtaken, right
// after the last of those.
func (w *wire) overtake() {
	kept := w.held[:0]
	for _, t := range w.held {
		if t.gap--; t.gap > 0 {
			kept = append(kept, t)
			continue
		}
		t.due = w.last
		w.inOrder.push(t)
	}
	clear(w.held[len(kept):])
	w.held = kept
}

// take returns the next packet that has arrived. If there is none it waits, or
// returns ErrWouldBlock.
func (w *wire) take(wait bool) (traveler, error) {
	for {
		t, due, err := w.arrived()
		if err != nil || t.buf != nil {
			return t, err
		}
		if !wait {
			return t, ErrWouldBlock
		}
		w.alarm.wait(due)
	}
}

// arrived returns the next packet, or when there will be one: zero, if none is on the
// way.
func (w *wire) arrived() (t traveler, due time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if isClosed(w.closed) {
		return t, due, ErrClosed
	}
	next := w.next()
	if next == nil {
		w.awaited = due
		return t, due, w.err
	}
	if next.due.After(time.Now()) {
		w.awaited = next.due
		return t, next.due, nil
	}
	t = w.remove(next)
	signal(w.room)
	return t, due, nil
}

// next returns the packet that is due first, nil if there is none.
func (w *wire) next() *traveler {
	first := w.inOrder.front()
	if t := w.late.front(); t != nil && (first == nil || t.due.Before(first.due)) {
		first = t
	}
	for i := range w.held {
		if t := &w.held[i]; first == nil || t.due.Before(first.due) {
			first = t
		}
	}
	return first
}

// remove takes the packet, which next returned, off the wire.
func (w *wire) remove(next *traveler) traveler {
	t := *next
	w.traveling -= len(t.buf.B)
	switch next {
	case w.inOrder.front():
		w.inOrder.pop()
		return t
	case w.late.front():
		w.late.pop()
		return t
	}
	last := len(w.held) - 1
	for i := range w.held {
		if &w.held[i] == next {
			copy(w.held[i:], w.held[i+1:])
			break
		}
	}
	w.held[last] = traveler{}
	w.held = w.held[:last]
	return t
}

// waitRoom waits while the reader is far behind. It returns false once the wire
// is closed.
func (w *wire) waitRoom() bool {
	waited := false
	for ; w.behind(); waited = true {
		select {
		case <-w.room:
		case <-w.closed:
		}
	}
	if waited {
		signal(w.room) // another queue's pump may wait, too
	}
	return !isClosed(w.closed)
}

func (w *wire) behind() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !isClosed(w.closed) && w.inOrder.len() >= maxArrived && !w.inOrder.front().due.After(time.Now())
}

// end has take return err when nothing is on the way any more, and put at once.
func (w *wire) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	w.alarm.ring()
}

// drain gives back the memory of what is on the way, and keeps more from coming.
func (w *wire) drain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = ErrClosed
	for next := w.next(); next != nil; next = w.next() {
		t := w.remove(next)
		t.buf.Release()
	}
}

// discard counts a packet that ended besides the wire.
func (w *wire) discard(c *uint64, mark trace.Mark, b []byte, name string, rule trace.Rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*c++
	w.lost(mark, b, name, rule)
}

func (w *wire) snapshot() WireStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
