package tcp

import (
	"net"
	"sync"
	"time"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/internal/deadline"
	"github.com/tinystack/tinystack/packet"
)

// Conn is a connection: the half of TCP with the lock, the timer and the calls
// that wait, around the pure tcb. It is a [net.Conn] with the methods of
// [net.TCPConn].
type Conn struct {
	layer *Layer
	tuple tuple
	route packet.Route

	mu      sync.Mutex // unlock gives it back
	late    lateAcks   // that came while it was locked
	tcb     tcb
	readers *sync.Cond // nil until somebody waits
	writers *sync.Cond // likewise
	wakeAt  instant    // the timer comes then, which may be early; 0: it is off
	alarm   *alarm     // for wakeAt; nil: it is off, or the connection is on a wheel
	links[Conn]
	readEnd  *deadline.Deadline
	writeEnd *deadline.Deadline
	linger   time.Duration // negative: Close does not wait
	writing  bool          // a Write is under way: others wait for it
	flushing bool          // Flush will be called
	counted  bool          // in CurrEstab
	detached bool          // no longer in the table of connections
	queue    uint8         // of the device's, where segments leave
	closed   bool          // by the application
	story    *story        // nil: nobody has listened
}

// newConn returns a connection that is in no state yet.
func newConn(l *Layer, t tuple, route packet.Route, iss Seq, tsOffset uint32) *Conn {
	c := &Conn{layer: l, tuple: t, route: route, linger: -1}
	c.tcb.init(&l.cfg, &l.stats, iss, tsOffset)
	c.tcb.advMSS = advertisedMSS(route)
	c.updatePath()
	return c
}

// ipHeaderLen is the length of the network header without options.
func ipHeaderLen(route packet.Route) int {
	if route.Local().Is4() {
		return 20
	}
	return 40
}

// advertisedMSS is the segment size we can take: the MTU less the fixed headers (RFC 6691).
func advertisedMSS(route packet.Route) uint16 {
	return uint16(max(minMSS, min(route.MTU(), packet.MaxSize)-ipHeaderLen(route)-minHeaderLen))
}

// updatePath tells the tcb what the path takes, which may change at any time.
func (c *Conn) updatePath() {
	tso := c.route.Features().Has(packet.TSO | packet.TxChecksum)
	c.tcb.setPath(c.route.MTU()-ipHeaderLen(c.route), tso)
}

// receive takes a segment. Who waits to read is woken at the end of the batch, when the
// reader of the device has nothing left to do and the processor is free; at once for a
// super-segment, which is worth copying while the next one comes in.
func (c *Conn) receive(s *segment) {
	if !c.mu.TryLock() {
		if c.leave(s) {
			return
		}
		c.mu.Lock()
	}
	defer c.unlock()
	c.receiveLocked(s)
}

func (c *Conn) receiveLocked(s *segment) {
	now := c.layer.clock.now()
	c.notePressure()
	c.late.free(c.takeLate(now))
	c.take(now, s)
	if s.segSize == 0 && c.readersDue() {
		c.atBatchEnd(s.in)
	}
	c.settle(now)
	if s.segSize > 0 {
		c.wakeReaders()
	}
	if c.tcb.ackBatch {
		c.atBatchEnd(s.in)
	}
}

// take gives the core a segment.
func (c *Conn) take(now instant, s *segment) {
	c.follow(s)
	c.tcb.receive(now, s)
	c.received(s)
}

// atBatchEnd has Flush called at the end of the batch that in is of.
func (c *Conn) atBatchEnd(in *packet.In) {
	if !c.flushing {
		c.flushing = true
		in.AtBatchEnd(c)
	}
}

// Flush does what waited for the end of a batch of packets: it wakes readers, and sends
// the ACK. It is called by the network layer's reader.
func (c *Conn) Flush() {
	c.mu.Lock()
	defer c.unlock()
	c.flushing = false
	if !c.tcb.ackBatch {
		c.wakeReaders()
		return
	}
	c.tcb.ackNow = true
	c.settle(c.layer.clock.now())
}

// settle follows every change of the tcb: it sends what is to be sent, wakes who
// can go on (but for readers that Flush will wake), sets the timer, and lets go of a
// connection that has ended.
func (c *Conn) settle(now instant) {
	c.account()
	now = c.output(now)
	if !c.flushing {
		c.wakeReaders()
	}
	if c.tcb.writable() || !c.tcb.canWrite() {
		c.wakeWriters()
	}
	c.count()
	switch {
	case c.detached:
	case c.tcb.state == TimeWait:
		c.detach(entry{wait: c.timeWait()})
	case c.tcb.state == Closed:
		c.detach(entry{})
	default:
		c.schedule(now)
	}
}

// readersDue reports whether who waits to read can go on.
func (c *Conn) readersDue() bool { return c.tcb.postedN > 0 || c.tcb.readable() }

func (c *Conn) wakeReaders() {
	if c.readersDue() {
		c.wakeAllReaders()
	}
}

// wakeAllReaders wakes them whatever there is to read.
func (c *Conn) wakeAllReaders() {
	if c.readers != nil {
		c.readers.Broadcast()
	}
}

// waitToRead waits for what concerns Read.
func (c *Conn) waitToRead() {
	if c.readers == nil {
		c.readers = sync.NewCond(connLocker{c})
	}
	c.readers.Wait()
}

// waitToWrite waits for what concerns Write, Dial and a Close that lingers.
func (c *Conn) waitToWrite() {
	if c.writers == nil {
		c.writers = sync.NewCond(connLocker{c})
	}
	c.writers.Wait()
}

func (c *Conn) wakeWriters() {
	if c.writers != nil {
		c.writers.Broadcast()
	}
}

// output sends all that may be sent now, and returns when that was. What is late is taken in between, and may let more
// go out.
func (c *Conn) output(now instant) instant {
	c.updatePath()
	c.observe()
	var s segment
	for c.tcb.next(now, &s) {
		c.explain(&s)
		s.queue = c.queue
		c.layer.transmit(c.route, c.tuple, &s)
		if c.late.any() {
			now = c.layer.clock.now()
			c.late.free(c.takeLate(now))
		}
	}
	c.observe()
	return now
}

// count keeps CurrEstab.
func (c *Conn) count() {
	established := c.tcb.state == Established || c.tcb.state == CloseWait
	if established == c.counted {
		return
	}
	c.counted = established
	if established {
		counter.Inc(&c.layer.stats.CurrEstab)
	} else {
		counter.Add(&c.layer.stats.CurrEstab, ^uint64(0))
	}
}

// detach takes the connection out of the table, and puts e in its place.
func (c *Conn) detach(e entry) {
	c.detached = true
	c.unschedule()
	if c.layer.conns.replace(c.tuple, entry{conn: c}, e) && e.wait != nil {
		c.layer.waits.add(e.wait)
	}
}

// timeWait is what is left of the connection in TIME-WAIT.
func (c *Conn) timeWait() *timeWait {
	return &timeWait{
		waits:    &c.layer.waits,
		tuple:    c.tuple,
		route:    c.route,
		sndNxt:   c.tcb.iss + Seq(c.tcb.sndNxt),
		rcvNxt:   c.tcb.irs + Seq(c.tcb.rcvNxt),
		window:   c.tcb.window(false),
		tsOK:     c.tcb.tsOK,
		tsRecent: c.tcb.tsRecent,
		tsOffset: c.tcb.tsOffset,
	}
}

// abort ends the connection with a RST and err.
func (c *Conn) abort(err error) {
	c.mu.Lock()
	defer c.unlock()
	c.called("close", "the stack or the listener is closed")
	c.tcb.abort(err)
	c.settle(c.layer.clock.now())
	c.wakeAllReaders()
	c.wakeWriters()
}

// LocalAddr returns the local address, a [*net.TCPAddr].
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.tuple.local) }

// RemoteAddr returns the peer's address, a [*net.TCPAddr].
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.tuple.remote) }

// opError wraps err for an operation on this connection.
func (c *Conn) opError(op string, err error) error {
	if err == nil {
		return nil
	}
	return opError(op, c.LocalAddr(), c.RemoteAddr(), err)
}
