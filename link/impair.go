package link

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/tinystack/tinystack/internal/gso"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// Impairment is what one direction of a wire does to packets. Its zero value is
// a perfect wire. Probabilities are from 0 to 1. Each field's name in
// [ParseImpair] stands after it.
type Impairment struct {
	Loss      float64 // loss: probability that a packet is lost
	Duplicate float64 // dup: that it arrives twice
	Corrupt   float64 // corrupt: that one of its bits is flipped
	Reorder   float64 // reorder: that later packets, so many, overtake it
	Late      float64 // late: that it travels longer, and what comes meanwhile overtakes it

	// ReorderGap (gap) is how many packets overtake one that is reordered, unless
	// they take more than 10 ms to come. 1 to 1000; default 3, which TCP can't tell
	// from a loss (RFC 5681 3.2).
	ReorderGap int

	// LateBy (lateby) is how much longer a late packet travels: 0 to 1 minute;
	// default 3 ms.
	LateBy time.Duration

	// Delay (delay) is how long a packet travels: 0 to 1 minute.
	Delay time.Duration
	// Jitter (jitter) is how much the delay varies either way, at most Delay. No
	// packet overtakes another for it.
	Jitter time.Duration

	// Rate (rate) is how many bits of IP packets pass in a second: 1000 to 10¹².
	// 0: no limit.
	Rate int64
	// Queue (queue) is how long a packet may wait for its turn where there is a
	// Rate; one that would wait longer is dropped. 0 to 1 minute; default 50 ms.
	Queue time.Duration
	// MarkAt (ecn) is how long a packet may wait for its turn without being marked for it, if its
	// transport can be told of congestion (RFC 3168): 0 to 1 minute. 0: none is marked.
	MarkAt time.Duration

	// These are for packets besides those that chance selects.
	LoseIf, DuplicateIf, CorruptIf, ReorderIf, LateIf, MarkIf Match
}

// Match selects packets by their number, which starts at 1 in each direction, or
// by their bytes, which it must not change or keep. It is called once for each
// packet, in order, and must not call the device.
type Match func(number uint64, p []byte) bool

// Packets selects the packets of these numbers.
func Packets(numbers ...uint64) Match {
	set := make(map[uint64]bool, len(numbers))
	for _, n := range numbers {
		set[n] = true
	}
	return func(n uint64, _ []byte) bool { return set[n] }
}

// ImpairConfig says what a wire does in both directions, and, where In or Out is
// set, in that one instead.
type ImpairConfig struct {
	Impairment
	In, Out *Impairment // packets that Read returns; those given to Write
	// Seed selects the chances: with the same seed, the same packets in the same
	// order meet the same fate. Only which packets a full queue drops depends on
	// time.
	Seed uint64
}

// WireStats are one direction's counters, in packets of wire size.
type WireStats struct {
	Packets     uint64 // that came to the wire
	Lost        uint64 // of those, lost as configured
	Duplicated  uint64
	Corrupted   uint64
	Reordered   uint64
	Late        uint64
	Marked      uint64 // as having met congestion
	QueueDrops  uint64 // lost because the queue, or the memory for what travels, was full
	Malformed   uint64 // read with an offload that did not fit, or above the MTU
	WriteErrors uint64 // that the device below refused when their time came
}

// ImpairStats are an impaired device's counters.
type ImpairStats struct {
	In, Out WireStats
}

// Impaired is a device behind a bad wire. Packets have the size they have on a
// wire: it has no offloads, splits the super-packets it reads from the device
// below, and completes their checksums, so that corruption can be told.
//
// It has one queue, whatever the device below has: a wire has one order of packets, and they
// leave on the first queue below.
//
// Two goroutines, one for each direction, carry packets to and from the device
// below until Close, and one more for each further queue there. What travels is bounded to 64 MiB in each direction. Packets come
// some 0.1 ms late where a TUN device is below, up to 1 ms elsewhere; that adds to no
// other packet's time.
type Impaired struct {
	dev     Device
	in, out *wire
	closed  chan struct{}
	once    sync.Once
	done    sync.WaitGroup
	err     error      // of dev.Close
	mark    trace.Mark // of what Read returned last
}

var (
	_ Device = (*Impaired)(nil)
	_ Traced = (*Impaired)(nil)
)

// Impair puts a bad wire before dev, which belongs to it from then on. It refuses
// a value out of range with an error that names it.
func Impair(dev Device, cfg ImpairConfig) (*Impaired, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	d := &Impaired{dev: dev, closed: make(chan struct{})}
	d.in = newWire(cfg.direction(cfg.In), cfg.Seed, 1, d.closed, newAlarm(dev))
	d.out = newWire(cfg.direction(cfg.Out), cfg.Seed, 2, d.closed, newAlarm(dev))
	for _, q := range QueuesOf(dev) {
		d.done.Go(func() { d.pump(q) })
	}
	d.done.Go(d.send)
	return d, nil
}

// Set has the wire do as cfg says to the packets that are put on it from now on; with
// those on the way it deals as before. Their numbers, for a [Match], start at 1
// again; chances go on, whatever cfg.Seed is. It refuses a value out of range with an
// error that names it, and then changes nothing.
func (d *Impaired) Set(cfg ImpairConfig) error {
	if err := cfg.validate(); err != nil {
		return err
	}
	d.in.set(cfg.direction(cfg.In))
	d.out.set(cfg.direction(cfg.Out))
	return nil
}

// Name returns the name of the device below.
func (d *Impaired) Name() string { return d.dev.Name() }

// MTU returns the MTU of the device below.
func (d *Impaired) MTU() int { return d.dev.MTU() }

// Features returns none.
func (d *Impaired) Features() packet.Features { return 0 }

// MaxRead returns the MTU.
func (d *Impaired) MaxRead() int { return d.dev.MTU() }

// Stats returns the counters.
func (d *Impaired) Stats() ImpairStats {
	return ImpairStats{In: d.in.snapshot(), Out: d.out.snapshot()}
}

// Drops returns what the bad wire lost.
func (d *Impaired) Drops() (in, out uint64) {
	s := d.Stats()
	return s.In.drops(), s.Out.drops()
}

func (s WireStats) drops() uint64 { return s.Lost + s.QueueDrops + s.Malformed + s.WriteErrors }

// Trace makes node the one where the wire's events happen, and those of the device below.
func (d *Impaired) Trace(node *trace.Node) {
	traceTo(d.dev, node)
	for _, w := range []*wire{d.in, d.out} {
		w.mu.Lock()
		w.events = events{node, d.Name()}
		w.mu.Unlock()
	}
}

// Mark returns the mark of the packet that Read returned last.
func (d *Impaired) Mark() trace.Mark { return d.mark }

// Read returns the next packet that has arrived. An error of the device below
// comes after what it gave before.
func (d *Impaired) Read(b []byte, wait bool) (int, packet.Offload, error) {
	if len(b) < d.MaxRead() {
		return 0, packet.Offload{}, io.ErrShortBuffer
	}
	t, err := d.in.take(wait)
	if err != nil {
		return 0, packet.Offload{}, err
	}
	n := copy(b, t.bytes())
	d.mark = t.mark
	t.buf.Release()
	return n, packet.Offload{}, nil
}

// Write puts a copy of the packet on the wire, and never waits. Its loss there is
// no error, nor is what the device below says to it later.
func (d *Impaired) Write(p *packet.Out) error {
	if isClosed(d.closed) {
		return ErrClosed
	}
	if err := check(p, d.MTU(), 0); err != nil {
		return err
	}
	q := copyOf(p)
	return d.out.put(q.buf, q.n, p.Mark)
}

// Close closes the device below too. What travels is lost.
func (d *Impaired) Close() error {
	d.once.Do(func() {
		close(d.closed)
		d.in.alarm.ring()
		d.out.alarm.ring()
		d.err = d.dev.Close()
		d.done.Wait()
		d.in.drain()
		d.out.drain()
		d.in.alarm.close()
		d.out.alarm.close()
	})
	return d.err
}

// pump puts what a queue of the device below reads on the wire in.
func (d *Impaired) pump(q Queue) {
	buf := make([]byte, d.dev.MaxRead())
	var mark trace.Mark
	put := func(segment []byte) error {
		if len(segment) == 0 || len(segment) > d.MaxRead() {
			return gso.ErrMalformed
		}
		b := packet.Get(len(segment))
		err := d.in.put(b, copy(b.B, segment), mark)
		mark.Arrival = 0 // of a super-packet, that is the first segment's
		return err
	}
	for d.in.waitRoom() {
		n, o, err := q.Read(buf, true)
		if err != nil {
			d.in.end(err)
			return
		}
		mark = MarkOf(q)
		if err := gso.Split(buf[:n], o, put); err != nil {
			d.in.discard(&d.in.stats.Malformed, mark, buf[:n], "Malformed", ruleMalformed)
		}
	}
}

// send gives the device below what has come through the wire out.
func (d *Impaired) send() {
	var p packet.Out
	for {
		t, err := d.out.take(true)
		if err != nil {
			return
		}
		p.Reset()
		p.Body[0], p.Mark = t.bytes(), t.mark
		err = d.dev.Write(&p)
		if err != nil {
			d.out.discard(&d.out.stats.WriteErrors, t.mark, t.bytes(), "WriteErrors", ruleRefused)
		}
		t.buf.Release()
		if errors.Is(err, ErrClosed) || errors.Is(err, syscall.ENODEV) {
			d.out.end(err)
			return
		}
	}
}

func (c ImpairConfig) direction(own *Impairment) Impairment {
	if own != nil {
		return *own
	}
	return c.Impairment
}

func (c ImpairConfig) validate() error {
	if err := c.Impairment.validate(""); err != nil {
		return err
	}
	if err := c.direction(c.In).validate("in."); err != nil {
		return err
	}
	return c.direction(c.Out).validate("out.")
}

// validate names a value out of range by its key, after prefix.
func (i Impairment) validate(prefix string) error {
	for _, k := range impairKeys {
		if !k.ok(&i) {
			return k.rangeError(prefix, k.format(&i))
		}
	}
	return nil
}

func (k *impairKey) rangeError(prefix, value string) error {
	return fmt.Errorf("link: impairment %s%s=%s: must be %s", prefix, k.name, value, k.want)
}
