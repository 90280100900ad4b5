package link

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// Capture is a device whose packets can be copied: what passes, both ways, is
// seen by each [Tap] on it. While there is none it costs one atomic load for each
// packet.
//
// A tap sees what the stack sees. Before a bad wire ([Impair]) it sees packets sent
// that get lost, and not those lost on their way in; to see the
// other side, look at the network's, or put the capture behind the wire. A packet is
// taken before it is given to the device below, so that no answer to it
// comes first; one that the device then refuses was seen too, as on Linux.
type Capture struct {
	Device
	taps   atomic.Pointer[[]*Tap] // nil: none
	node   *trace.Node
	queues []*capturedQueue

	mu     sync.Mutex // held to change taps
	closed bool
}

var (
	_ Device     = (*Capture)(nil)
	_ MultiQueue = (*Capture)(nil)
	_ Traced     = (*Capture)(nil)
)

// NewCapture makes dev a device whose packets can be copied, on as many queues. dev
// belongs to it from then on.
func NewCapture(dev Device) *Capture {
	c := &Capture{Device: dev}
	for _, q := range QueuesOf(dev) {
		c.queues = append(c.queues, &capturedQueue{capture: c, below: q})
	}
	return c
}

// capturedQueue is one of the queues of the device below.
type capturedQueue struct {
	capture *Capture
	below   Queue
	mark    trace.Mark // of what Read returned last
}

// Queues returns the queues of the device below, with its packets seen by the taps.
func (c *Capture) Queues() []Queue {
	queues := make([]Queue, len(c.queues))
	for i, q := range c.queues {
		queues[i] = q
	}
	return queues
}

// Trace makes node the one where the packets are received, and where the events of the
// device below happen.
func (c *Capture) Trace(node *trace.Node) {
	c.node = node
	traceTo(c.Device, node)
}

// Mark returns the mark of the packet that Read returned last.
func (c *Capture) Mark() trace.Mark { return c.queues[0].mark }

// Read returns the next packet from the first queue of the device below. If somebody
// listens, it reserves the number of the event that the packet's arrival will be, for the
// taps to tell.
func (c *Capture) Read(b []byte, wait bool) (int, packet.Offload, error) {
	return c.queues[0].Read(b, wait)
}

// Mark returns the mark of the packet that Read returned last.
func (q *capturedQueue) Mark() trace.Mark { return q.mark }

// Read returns the next packet from the queue below, as Capture.Read does.
func (q *capturedQueue) Read(b []byte, wait bool) (int, packet.Offload, error) {
	n, o, err := q.below.Read(b, wait)
	if err != nil || n < 0 || n > len(b) {
		return n, o, err
	}
	q.mark = q.arrival()
	if taps := q.capture.taps.Load(); taps != nil {
		for _, t := range *taps {
			t.take(Captured{Direction: Inbound, Mark: q.mark}, o, b[:n], nil, nil)
		}
	}
	return n, o, err
}

// arrival is the mark of a packet that has just been read.
func (q *capturedQueue) arrival() trace.Mark {
	node := q.capture.node
	if !node.On() {
		return trace.Mark{}
	}
	m := MarkOf(q.below)
	if m.Arrival == 0 {
		m.Arrival = node.Reserve()
	}
	return m
}

// Write gives the packet to the device below.
func (c *Capture) Write(p *packet.Out) error {
	if taps := c.taps.Load(); taps != nil {
		for _, t := range *taps {
			t.take(Captured{Direction: Outbound, Mark: p.Mark}, p.Offload, p.Head(), p.Body[0], p.Body[1])
		}
	}
	return c.Device.Write(p)
}

// Drops returns those of the device below, if it has such counters.
func (c *Capture) Drops() (in, out uint64) {
	if d, ok := c.Device.(DropCounter); ok {
		return d.Drops()
	}
	return 0, 0
}

// Close closes the device below, and ends the taps.
func (c *Capture) Close() error {
	err := c.Device.Close()
	c.mu.Lock()
	c.closed = true
	taps := c.taps.Swap(nil)
	c.mu.Unlock()
	if taps != nil {
		for _, t := range *taps {
			t.end()
		}
	}
	return err
}

// Tap begins to copy packets. It fails with [ErrClosed] once the device is closed,
// [ErrTooManyTaps], and with an error that names the field if one of cfg is out of range. The tap
// must be closed, or its memory stays in use until the device is closed.
func (c *Capture) Tap(cfg TapConfig) (*Tap, error) {
	t, err := newTap(c, cfg)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	taps := []*Tap{t}
	if old := c.taps.Load(); old != nil {
		taps = append(taps, *old...)
	}
	if len(taps) > maxTaps {
		return nil, ErrTooManyTaps
	}
	c.taps.Store(&taps)
	return t, nil
}

// maxTaps bounds the work for each packet, and the memory.
const maxTaps = 16

// ErrTooManyTaps is what [Capture.Tap] returns when 16 are there.
var ErrTooManyTaps = errors.New("link: 16 taps are on the device already")

// remove takes t off the device.
func (c *Capture) remove(t *Tap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.taps.Load()
	if old == nil {
		return
	}
	taps := slices.DeleteFunc(slices.Clone(*old), func(x *Tap) bool { return x == t })
	if len(taps) == 0 {
		c.taps.Store(nil)
		return
	}
	c.taps.Store(&taps)
}
