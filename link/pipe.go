package link

import (
	"cmp"
	"io"
	"sync"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

const (
	defaultMTU = 1500
	// As long as Linux's queue of packets received (net.core.netdev_max_backlog).
	defaultQueue = 1000
	maxQueue     = 1 << 20
)

// PairConfig says what an in-memory pair is like. Its zero value works.
type PairConfig struct {
	// Name: the ends are called Name+"a" and Name+"b". Default: "pipe".
	Name string
	// Names are what the ends are called instead, if they are not empty.
	Names [2]string
	// MTU in bytes. Default: 1500. What is not within 68 to 65535 is made the
	// nearest that is.
	MTU int
	// Queue is how many packets wait on each queue of an end; those that come when
	// it is full are lost. Default: 1000; at most 1048576.
	Queue int
	// Queues is how many each end has, to be read by as many goroutines: see [MultiQueue].
	// What is written with a packet.Out.Queue comes in on the queue of that number. Default:
	// 1; what is not within 1 to 256 is made the nearest that is.
	Queues int
	// Features that the pair has. It does nothing for a packet: what is written
	// with an offload is read with it. Default: none.
	Features packet.Features
}

// PipeStats are an end's counters.
type PipeStats struct {
	Written    uint64 // packets taken from Write, whether or not they arrive
	QueueDrops uint64 // of those, lost because the reader's queue was full
	PeerClosed uint64 // of those, lost because the other end was closed
}

// Pipe is one end of an in-memory pair, or a loopback. What the other end writes
// waits in a queue of this end; a full queue drops packets, as a network card
// does, so that Write never waits. Reading waits on channels alone: in a
// testing/synctest bubble it is durably blocked.
type Pipe struct {
	stats    PipeStats // first, which aligns it on 32-bit machines
	name     string
	mtu      int
	features packet.Features
	in, out  *inbox
	events   events
}

var (
	_ Device     = (*Pipe)(nil)
	_ MultiQueue = (*Pipe)(nil)
	_ Traced     = (*Pipe)(nil)
)

// inbox is what waits for one end's readers.
type inbox struct {
	queues []*pipeQueue
	once   sync.Once
	closed chan struct{} // by the readers' end
}

// pipeQueue is one of an end's queues.
type pipeQueue struct {
	packets chan queued
	closed  <-chan struct{} // the inbox's
	size    int             // of the largest packet
	mark    trace.Mark      // of what Read returned last
}

type queued struct {
	buf  *packet.Buffer
	n    int
	o    packet.Offload
	mark *trace.Mark // nil: none
}

// newInbox returns one of so many queues, of so many packets up to size bytes each.
func newInbox(queues, packets, size int) *inbox {
	in := &inbox{closed: make(chan struct{})}
	for range queues {
		in.queues = append(in.queues, &pipeQueue{packets: make(chan queued, packets), closed: in.closed, size: size})
	}
	return in
}

// Pair returns two devices, each of which reads what the other is given to write.
func Pair(cfg PairConfig) (a, b *Pipe) {
	if cfg.Name == "" {
		cfg.Name = "pipe"
	}
	if cfg.MTU == 0 {
		cfg.MTU = defaultMTU
	}
	if cfg.Queue <= 0 {
		cfg.Queue = defaultQueue
	}
	mtu, size := min(max(cfg.MTU, minMTU), maxMTU), min(cfg.Queue, maxQueue)
	queues, largest := min(max(cfg.Queues, 1), MaxQueues), maxRead(mtu, cfg.Features)
	x, y := newInbox(queues, size, largest), newInbox(queues, size, largest)
	a = &Pipe{name: cmp.Or(cfg.Names[0], cfg.Name+"a"), mtu: mtu, features: cfg.Features, in: x, out: y}
	b = &Pipe{name: cmp.Or(cfg.Names[1], cfg.Name+"b"), mtu: mtu, features: cfg.Features, in: y, out: x}
	return a, b
}

// Loopback returns a device that reads what it is given to write, called lo. Its
// MTU is the largest packet, and no checksum is computed or checked: what is
// written never leaves the machine.
func Loopback() *Pipe {
	in := newInbox(1, defaultQueue, packet.MaxSize)
	return &Pipe{
		name: "lo", mtu: maxMTU, in: in, out: in,
		features: packet.TxChecksum | packet.TSO | packet.USO,
	}
}

// Name returns the end's name.
func (p *Pipe) Name() string { return p.name }

// MTU returns the pair's MTU.
func (p *Pipe) MTU() int { return p.mtu }

// Features returns the pair's features.
func (p *Pipe) Features() packet.Features { return p.features }

// MaxRead returns packet.MaxSize if super-packets may come, else the MTU.
func (p *Pipe) MaxRead() int { return maxRead(p.mtu, p.features) }

func maxRead(mtu int, f packet.Features) int {
	if f&(packet.TSO|packet.USO) != 0 {
		return packet.MaxSize
	}
	return mtu
}

// Stats returns the counters.
func (p *Pipe) Stats() PipeStats { return counter.Snapshot(&p.stats) }

// Drops returns what was written and lost; packets to this end count at the other.
func (p *Pipe) Drops() (in, out uint64) {
	s := p.Stats()
	return 0, s.QueueDrops + s.PeerClosed
}

// Trace makes node the one where this end's events happen.
func (p *Pipe) Trace(node *trace.Node) { p.events = events{node, p.name} }

// Mark returns the mark of the packet that Read returned last.
func (p *Pipe) Mark() trace.Mark { return p.in.queues[0].mark }

// Read returns the next packet that the other end wrote, of those on the first queue.
func (p *Pipe) Read(b []byte, wait bool) (int, packet.Offload, error) {
	return p.in.queues[0].Read(b, wait)
}

// Queues returns the end's queues.
func (p *Pipe) Queues() []Queue {
	queues := make([]Queue, len(p.in.queues))
	for i, q := range p.in.queues {
		queues[i] = q
	}
	return queues
}

// Mark returns the mark of the packet that Read returned last.
func (q *pipeQueue) Mark() trace.Mark { return q.mark }

// Read returns the next packet on the queue.
func (q *pipeQueue) Read(b []byte, wait bool) (int, packet.Offload, error) {
	if len(b) < q.size {
		return 0, packet.Offload{}, io.ErrShortBuffer
	}
	if isClosed(q.closed) {
		return 0, packet.Offload{}, ErrClosed
	}
	select {
	case p := <-q.packets:
		return q.take(p, b)
	default:
	}
	if !wait {
		return 0, packet.Offload{}, ErrWouldBlock
	}
	select {
	case p := <-q.packets:
		return q.take(p, b)
	case <-q.closed:
		return 0, packet.Offload{}, ErrClosed
	}
}

// take copies a packet to who reads.
func (q *pipeQueue) take(p queued, b []byte) (int, packet.Offload, error) {
	q.mark = trace.Mark{}
	if p.mark != nil {
		q.mark = *p.mark
	}
	n := copy(b, p.buf.B[:p.n])
	p.buf.Release()
	return n, p.o, nil
}

// Write puts a copy of the packet in the other end's queue of number o.Queue. A full queue, or the
// other end's being closed, loses the packet, and is no error.
func (p *Pipe) Write(o *packet.Out) error {
	if isClosed(p.in.closed) {
		return ErrClosed
	}
	if err := check(o, p.mtu, p.features); err != nil {
		return err
	}
	counter.Inc(&p.stats.Written)
	if isClosed(p.out.closed) {
		counter.Inc(&p.stats.PeerClosed)
		p.lost(o, "PeerClosed", rulePeerClosed)
		return nil
	}
	q := copyOf(o)
	select {
	case p.out.queues[int(o.Queue)%len(p.out.queues)].packets <- q:
	default:
		q.buf.Release()
		counter.Inc(&p.stats.QueueDrops)
		p.lost(o, "QueueDrops", ruleQueueFull)
	}
	return nil
}

func (p *Pipe) lost(o *packet.Out, name string, rule trace.Rule) {
	if p.events.node.On() {
		p.events.lost(o.Mark, headOf(o), o.Len(), name, rule)
	}
}

func copyOf(p *packet.Out) queued {
	buf := packet.Get(p.Len())
	q := queued{buf: buf, n: len(p.AppendTo(buf.B[:0])), o: p.Offload}
	if p.Mark != (trace.Mark{}) {
		m := p.Mark
		q.mark = &m
	}
	if q.o.Csum == packet.CsumValid {
		q.o.Csum = packet.CsumFull // the reader is to check for itself
	}
	return q
}

// Close closes this end. The other stays open, and what it writes is lost.
func (p *Pipe) Close() error {
	p.in.once.Do(func() { close(p.in.closed) })
	for _, q := range p.in.queues {
		q.drain()
	}
	return nil
}

// drain gives back the memory of what waits.
func (q *pipeQueue) drain() {
	for {
		select {
		case p := <-q.packets:
			p.buf.Release()
		default:
			return
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
