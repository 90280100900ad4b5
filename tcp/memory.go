package tcp

import (
	"sync/atomic"
	"time"

	"github.com/tinystack/tinystack/internal/counter"
)

// memory is what all of a layer's connections hold in their buffers, as Linux's tcp_mem bounds it.
// From three quarters of what there is on, until it is half, no buffer grows and windows are small;
// at the limit, data that would have to wait for its application is dropped.
type memory struct {
	limit int64 // in bytes; negative: there is none
	stats *Stats
	clock clock
	held  atomic.Int64
	since atomic.Int64 // the instant at which it became scarce; 0: it is not
}

// pressure is how scarce memory is.
type pressure uint8

const (
	memoryPlenty pressure = iota
	memoryScarce
	memoryFull
)

const (
	// memoryUnit is what connections' accounts are in, so that they seldom touch what all share.
	memoryUnit = 4 << 10
	// scarceWindow is the window in segments, beyond what was promised before.
	scarceWindow = 4
	// scarceSendBuffer is the most that a connection holds to be sent: a super-segment.
	scarceSendBuffer = 64 << 10
)

// add takes n bytes more into account, or less.
func (m *memory) add(n int64) {
	held := m.held.Add(n)
	if m.limit < 0 {
		return
	}
	switch since := m.since.Load(); {
	case since == 0 && held >= m.limit/4*3:
		if m.since.CompareAndSwap(0, int64(m.clock.now())) {
			counter.Inc(&m.stats.MemoryPressures)
		}
	case since != 0 && held <= m.limit/2:
		if m.since.CompareAndSwap(since, 0) {
			counter.Add(&m.stats.MemoryPressuresChrono, milliseconds(m.clock.now().sub(instant(since))))
		}
	}
}

func milliseconds(d time.Duration) uint64 { return uint64(d / time.Millisecond) }

// pressure returns how scarce memory is now.
func (m *memory) pressure() pressure {
	switch {
	case m.limit < 0:
		return memoryPlenty
	case m.held.Load() >= m.limit:
		return memoryFull
	case m.since.Load() != 0:
		return memoryScarce
	}
	return memoryPlenty
}

// fill fills in what Stats has of it besides counters.
func (m *memory) fill(s *Stats) {
	s.CurrMemory = uint64(max(0, m.held.Load()))
	if since := m.since.Load(); since != 0 {
		s.MemoryPressuresChrono += milliseconds(m.clock.now().sub(instant(since)))
	}
}

// account tells the layer what the connection holds, and the tcb how scarce memory is for it.
func (c *Conn) account() {
	m := &c.layer.memory
	held := int32(c.tcb.buffered()+memoryUnit-1) &^ (memoryUnit - 1)
	if held != c.tcb.charged {
		m.add(int64(held - c.tcb.charged))
		c.tcb.charged = held
	}
	c.notePressure()
}

// notePressure comes before what depends on it.
func (c *Conn) notePressure() { c.tcb.pressure = c.layer.memory.pressure() }

// buffered is the number of bytes that the connection's buffers take.
func (c *tcb) buffered() int {
	n := c.queue.mem
	if c.sndBuf.buf != nil {
		n += len(c.sndBuf.buf.B)
	}
	if c.ooo != nil {
		n += c.ooo.mem
	}
	return n
}

// dropForMemory drops a segment whose data would wait for the application, or for what is missing
// before it, if there is no memory for it, and says that it did. For the sender it is lost.
func (c *tcb) dropForMemory(s *segment, seq int64) bool {
	if c.pressure != memoryFull || (seq <= c.rcvNxt && c.queue.n == 0) {
		return false
	}
	s.drop(&c.stats.InNoMemory)
	c.giveUpGap()
	return true
}

// giveUpGap drops what is held beyond a gap, which is the peer's to send again (RFC 2018 8), if memory is
// what everybody lacks.
func (c *tcb) giveUpGap() {
	if c.pressure == memoryFull && c.ooo != nil {
		counter.Inc(&c.stats.OfoPruned)
		c.freeReassembly()
	}
}
