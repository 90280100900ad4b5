package tcp

import (
	"time"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// maxSynAcks is the number of times a SYN-ACK is sent: after 1, 2, 4, ... seconds, 63 s in all, as
// Linux's tcp_synack_retries has it.
const maxSynAcks = 6

// halfOpen is a connection in SYN-RECEIVED after a passive open: what is needed to make
// a whole one of it.
type halfOpen struct {
	tuple    tuple
	route    packet.Route
	syn      synOptions
	iss      Seq
	tsOffset uint32
	sends    uint8   // of the SYN-ACK
	sentAt   instant // last
	repeated bool    // the SYN came again, and its answer went out once more
	queue    uint8   // of the device's, that the SYN came in on
	answerAt instant // a bad segment may be answered again

	links[halfOpen]
}

// synFIFO are the half-open connections whose SYN-ACK was sent equally often, and so are
// due in the order in which they are here.
type synFIFO = fifo[halfOpen, *halfOpen]

// synQueue is a listener's half-open connections. The listener's lock guards it.
type synQueue struct {
	ln      *Listener
	all     map[tuple]*halfOpen
	bySends [maxSynAcks + 1]synFIFO
	timer   *time.Timer
	armed   bool
}

func (q *synQueue) init(ln *Listener) {
	q.ln = ln
	q.all = make(map[tuple]*halfOpen)
}

func (q *synQueue) find(t tuple) *halfOpen { return q.all[t] }

// open answers a SYN. A full queue lets go of the oldest, most often resent one: in a
// flood, a real client's handshake is done before that.
func (q *synQueue) open(t tuple, s *segment, minISN Seq) {
	l := q.ln.layer
	route, err := l.net.Route(t.local.Addr(), t.remote.Addr())
	if err != nil {
		l.drop(s, &l.stats.SynDropped)
		return
	}
	if len(q.all) >= l.cfg.Backlog {
		counter.Inc(&l.stats.SynEvicted)
		counter.Inc(&l.stats.AttemptFails)
		q.remove(q.oldest())
	}
	counter.Inc(&l.stats.PassiveOpens)
	h := &halfOpen{tuple: t, route: route, syn: readSyn(&s.Header), queue: s.queue}
	if s.ecn != notECT { // no SYN has it (RFC 3168 6.1.1): something on the path writes over the field
		h.syn.ecn = false
	}
	h.iss, h.tsOffset = l.secret.isn(t, l.clock.now())
	if minISN != 0 && h.iss.Sub(minISN) < 0 {
		h.iss = minISN
	}
	q.all[t] = h
	q.bySends[0].push(h)
	q.answer(h, l.opened(t, s), whySynAck)
}

func (q *synQueue) oldest() *halfOpen {
	for i := maxSynAcks; i > 0; i-- {
		if h := q.bySends[i].first; h != nil {
			return h
		}
	}
	return nil
}

func (q *synQueue) remove(h *halfOpen) {
	q.bySends[h.sends].unlink(h)
	delete(q.all, h.tuple)
}

// answer sends the SYN-ACK, for the first time or again.
func (q *synQueue) answer(h *halfOpen, cause trace.ID, w why) {
	q.bySends[h.sends].unlink(h)
	h.sends = min(h.sends+1, maxSynAcks)
	q.bySends[h.sends].push(h)
	h.sentAt = q.ln.layer.clock.now()
	q.send(h, SYN|ACK, cause, w)
	q.arm()
}

// send sends the SYN-ACK, or an ACK.
func (q *synQueue) send(h *halfOpen, flags Flags, cause trace.ID, w why) {
	l := q.ln.layer
	var c tcb // what a connection would say now
	c.init(&l.cfg, &l.stats, h.iss, h.tsOffset)
	c.advMSS = advertisedMSS(h.route)
	now := l.clock.now()
	c.offerAll()
	c.learnSyn(now, h.syn)
	c.state = SynReceived
	var s segment
	c.options(now, &s.Options)
	s.Seq, s.Flags = h.iss+1, flags
	if flags.Has(SYN) {
		c.segmentAt(now, &s, 0, 1)
	}
	c.finish(now, &s)
	s.again = flags.Has(SYN) && (h.sends > 1 || h.repeated)
	s.cause, s.why, s.queue = cause, w, h.queue
	l.transmit(h.route, h.tuple, &s)
}

// interval is how long after the n-th SYN-ACK the next one goes out (RFC 6298).
func interval(n uint8) time.Duration { return initialRTO << (n - 1) }

// due is when the next SYN-ACK goes out, or the last one has waited long enough.
func (h *halfOpen) due() instant { return h.sentAt.add(interval(h.sends)) }

// arm sets the timer for the next SYN-ACK that is due.
func (q *synQueue) arm() {
	if q.armed || len(q.all) == 0 {
		return
	}
	q.armed = true
	now := q.ln.layer.clock.now()
	wait := interval(1)
	for i := range q.bySends {
		if h := q.bySends[i].first; h != nil {
			wait = min(wait, h.due().sub(now))
		}
	}
	if q.timer == nil {
		q.timer = time.AfterFunc(wait, q.expire)
		return
	}
	q.timer.Reset(wait)
}

// expire sends again what is due, and gives up on what was sent often enough.
func (q *synQueue) expire() {
	q.ln.mu.Lock()
	defer q.ln.mu.Unlock()
	q.armed = false
	now := q.ln.layer.clock.now()
	for i := range q.bySends {
		for h := q.bySends[i].first; h != nil && h.due() <= now; h = q.bySends[i].first {
			if h.sends == maxSynAcks {
				counter.Inc(&q.ln.layer.stats.AttemptFails)
				q.remove(h)
			} else {
				q.answer(h, q.ln.layer.timer(h.tuple, timerSynAck), whySynAckAgain)
			}
		}
	}
	q.arm()
}

func (q *synQueue) close() {
	if q.timer != nil {
		q.timer.Stop()
	}
	clear(q.all)
	q.bySends = [maxSynAcks + 1]synFIFO{}
}

// receive is RFC 9293 3.10.7.4 for SYN-RECEIVED. It returns a connection when the handshake is
// done; that is to be given the segment.
func (q *synQueue) receive(h *halfOpen, s *segment) *Conn {
	l := q.ln.layer
	offset := s.Seq.Sub(h.syn.peerSynSeq + 1) // from RCV.NXT
	switch {
	case s.Flags&(SYN|ACK|RST) == SYN && s.Seq == h.syn.peerSynSeq: // the SYN again
		h.repeated = true
		h.syn.ecn = h.syn.ecn && offersECN(s.Flags) // RFC 3168 6.1.1.1
		q.send(h, SYN|ACK, s.event(), whySynAck)
	case h.stale(s):
		l.drop(s, &l.stats.InPAWS)
		q.acknowledge(h, s, whyNotAcceptable)
	case offset < 0, offset > min(l.cfg.ReceiveBuffer, 65535):
		l.drop(s, &l.stats.InOutOfWindow)
		if !s.Flags.Has(RST) {
			q.acknowledge(h, s, whyNotAcceptable)
		}
	case s.Flags.Has(RST): // Second
		if offset != 0 { // RFC 5961 3.2
			q.challenge(h, s)
			break
		}
		counter.Inc(&l.stats.AttemptFails)
		q.remove(h)
	case s.Flags.Has(SYN): // Fourth
		q.challenge(h, s) // RFC 5961 4.2
	case h.syn.tsOK && !s.Options.HasTimestamps: // RFC 7323 3.2
		l.drop(s, &l.stats.InNoTimestamp)
	case !s.Flags.Has(ACK): // Fifth
		l.drop(s, &l.stats.InBadState)
	case s.Ack != h.iss+1:
		l.drop(s, &l.stats.InBadAck)
		l.reset(h.tuple, s)
	case q.ln.full(): // as in Linux, the client will think it is connected, and send again
		l.drop(s, &l.stats.ListenOverflows)
	default:
		return q.promote(h)
	}
	return nil
}

// stale is PAWS for a half-open connection (RFC 7323 5.3).
func (h *halfOpen) stale(s *segment) bool {
	if !h.syn.tsOK || !s.Options.HasTimestamps || s.Flags.Has(RST) {
		return false
	}
	return int32(s.Options.TSVal-h.syn.tsVal) < 0
}

// acknowledge tells the peer, who sent s, where we are, unless it was told a short time
// ago. It reports whether it did.
func (q *synQueue) acknowledge(h *halfOpen, s *segment, w why) bool {
	now := q.ln.layer.clock.now()
	if now < h.answerAt {
		counter.Inc(&q.ln.layer.stats.AcksLimited)
		return false
	}
	h.answerAt = now.add(badSegmentInterval)
	q.send(h, 0, s.event(), w)
	return true
}

// challenge sends RFC 5961's challenge ACK.
func (q *synQueue) challenge(h *halfOpen, s *segment) {
	if q.acknowledge(h, s, whyChallenge) {
		counter.Inc(&q.ln.layer.stats.ChallengeAcks)
	}
}

// promote makes a connection of a half-open one.
func (q *synQueue) promote(h *halfOpen) *Conn {
	l := q.ln.layer
	c := newConn(l, h.tuple, h.route, h.iss, h.tsOffset)
	c.queue = h.queue
	sentAt := h.sentAt
	if h.sends > 1 || h.repeated {
		sentAt = 0
	}
	c.tcb.accept(l.clock.now(), h.syn, sentAt)
	c.told() // from this state on
	if !l.conns.add(h.tuple, entry{conn: c}) {
		return nil
	}
	q.remove(h)
	q.ln.reserved++
	return c
}
