package tcp

import (
	"sync"
	"time"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
)

// timeWait is a connection in TIME-WAIT: what is left of it to answer the peer
// with, and to tell a new connection's SYN from an old one's. What changes in it is
// guarded by the lock of waits.
type timeWait struct {
	waits    *timeWaits
	tuple    tuple
	route    packet.Route
	sndNxt   Seq
	rcvNxt   Seq
	window   uint16
	tsOK     bool
	tsRecent uint32
	tsOffset uint32
	expires  instant
	answerAt instant // a bad segment may be answered again

	links[timeWait]
}

// timeWaits are a layer's connections in TIME-WAIT, in the order in which they
// end: all wait for the same time, so that one timer and a queue do.
type timeWaits struct {
	layer *Layer

	mu    sync.Mutex
	queue fifo[timeWait, *timeWait]
	n     int
	timer *time.Timer
}

// receive is RFC 9293 3.10.7.4 for TIME-WAIT.
func (w *timeWait) receive(t tuple, s *segment) {
	l := w.waits.layer
	now := l.clock.now()
	switch {
	case s.Flags.Has(RST):
		if s.Seq != w.rcvNxt { // RFC 5961 3.2
			l.drop(s, &l.stats.InOutOfWindow)
			return
		}
		w.waits.remove(w)
	case s.Flags.Has(SYN) && !s.Flags.Has(ACK) && w.reusable(s) && l.listener(t.local) != nil:
		counter.Inc(&l.stats.TimeWaitReused)
		w.waits.remove(w)
		// Beyond what the old connection can have sent.
		l.receiveNew(t, s, w.sndNxt+65536)
	case s.Flags.Has(FIN) && w.rcvNxt.Sub(s.Seq+Seq(s.seqLen())) == 0: // our ACK was lost
		w.waits.restart(w, now)
		w.answer(now, s)
	case s.seqLen() > 0 || s.Seq != w.rcvNxt:
		l.drop(s, &l.stats.InOutOfWindow)
		w.answerLimited(now, s)
	}
}

// reusable reports whether a SYN is a new connection's: its timestamp, or its
// sequence number, is beyond the old one's (RFC 6191 2, RFC 9293 3.10.7.4).
func (w *timeWait) reusable(s *segment) bool {
	switch {
	case !s.Options.HasTimestamps:
	case !w.tsOK: // what is left of the old connection has none, and will be dropped
		return true
	case s.Options.TSVal != w.tsRecent:
		return int32(s.Options.TSVal-w.tsRecent) > 0
	}
	return s.Seq.Sub(w.rcvNxt) > 0
}

func (w *timeWait) answerLimited(now instant, s *segment) {
	if !w.mayAnswer(now) {
		counter.Inc(&w.waits.layer.stats.AcksLimited)
		return
	}
	w.answer(now, s)
}

// mayAnswer reports whether the last answer to a bad segment was long enough ago, and if
// so takes note of another.
func (w *timeWait) mayAnswer(now instant) bool {
	w.waits.mu.Lock()
	defer w.waits.mu.Unlock()
	if now < w.answerAt {
		return false
	}
	w.answerAt = now.add(badSegmentInterval)
	return true
}

// answer acknowledges to.
func (w *timeWait) answer(now instant, to *segment) {
	s := segment{Header: Header{Flags: ACK, Seq: w.sndNxt, Ack: w.rcvNxt, Window: w.window}}
	s.cause, s.why, s.queue = to.event(), whyTimeWait, to.queue
	if w.tsOK {
		s.Options.HasTimestamps = true
		s.Options.TSVal = uint32(int64(now)/int64(time.Millisecond)) + w.tsOffset
		s.Options.TSEcr = w.tsRecent
	}
	w.waits.layer.transmit(w.route, w.tuple, &s)
}

// add puts a record at the end of the queue.
func (ws *timeWaits) add(w *timeWait) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.push(w, ws.layer.clock.now())
	switch {
	case ws.layer.closed.Load():
		ws.drop(w)
	case ws.n > ws.layer.cfg.MaxTimeWait:
		counter.Inc(&ws.layer.stats.TimeWaitOverflow)
		ws.drop(ws.queue.first)
	}
}

func (ws *timeWaits) push(w *timeWait, now instant) {
	w.expires = now.add(ws.layer.cfg.TimeWait)
	ws.queue.push(w)
	ws.n++
	switch {
	case ws.timer == nil:
		ws.timer = time.AfterFunc(ws.layer.cfg.TimeWait, ws.expire)
	case ws.n == 1:
		ws.timer.Reset(ws.layer.cfg.TimeWait)
	}
}

// unlink takes a record out of the queue; it reports false if it is not in it.
func (ws *timeWaits) unlink(w *timeWait) bool {
	if !ws.queue.unlink(w) {
		return false
	}
	ws.n--
	return true
}

// drop ends a record's TIME-WAIT.
func (ws *timeWaits) drop(w *timeWait) {
	if ws.unlink(w) {
		ws.layer.conns.replace(w.tuple, entry{wait: w}, entry{})
	}
}

func (ws *timeWaits) remove(w *timeWait) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.drop(w)
}

// restart begins a record's time again.
func (ws *timeWaits) restart(w *timeWait, now instant) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.unlink(w) {
		ws.push(w, now)
	}
}

// expire drops what has waited long enough.
func (ws *timeWaits) expire() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	now := ws.layer.clock.now()
	for ws.queue.first != nil && ws.queue.first.expires <= now {
		ws.layer.timeWaitOver(ws.queue.first.tuple)
		ws.drop(ws.queue.first)
	}
	if ws.queue.first != nil {
		ws.timer.Reset(ws.queue.first.expires.sub(now))
	}
}

func (ws *timeWaits) close() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.timer != nil {
		ws.timer.Stop()
	}
	for ws.queue.first != nil {
		ws.drop(ws.queue.first)
	}
}
