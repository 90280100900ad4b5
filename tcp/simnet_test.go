package tcp

import (
	"bytes"
	"container/heap"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tinystack/tinystack/packet"
)

// The simulator runs two pure halves of TCP over a path that it simulates: no
// goroutine, no lock, and a clock that jumps from event to event. The same seed
// gives the same run.

// simPath is one direction of a path.
type simPath struct {
	rate    int // bits/s; 0: infinite
	delay   time.Duration
	queue   int     // bytes that wait for the rate; 0: no bound
	loss    float64 // of packets; corruption is the same, for a checksum tells
	dup     float64
	reorder float64                             // of packets that are delayed by up to twice the delay more
	drop    func(n int, h *Header) bool         // of the n-th packet, from 0 on
	middle  func(h *Header)                     // what a box in the middle does to headers
	see     func(now instant, h *Header, n int) // of every packet of n bytes of data that is sent

	freeAt             instant
	sent, lost, dupped int
	bytesLost          int
}

// simHost is one end.
type simHost struct {
	tcb
	name  string
	cfg   Config
	stats Stats
	out   simPath
	peer  *simHost

	passive bool // it waits for a SYN, as a listener does
	half    *synOptions
	synSent instant // when the SYN-ACK went out; 0: more than once

	total     int64 // bytes to send
	chunk     int   // bytes in one write; 0: all that fits
	wrote     int64
	got       int64
	lastGot   instant
	eof       bool
	readSize  int           // bytes the application reads at a time
	readEvery time.Duration // and how often; 0: all, at once
	closeOn   bool          // half-close only after the peer's end
	noClose   bool
}

// sim is a run.
type sim struct {
	t      testing.TB
	now    instant
	a, b   *simHost
	d      *dice
	events simEvents
	n      int // events so far
	pumps  int
}

type simEvent struct {
	at   instant
	n    int // in the order they were made, among those at the same time
	to   *simHost
	data []byte // a segment; nil: the application reads
}

type simEvents []simEvent

func (e simEvents) Len() int { return len(e) }
func (e simEvents) Less(i, j int) bool {
	return e[i].at < e[j].at || (e[i].at == e[j].at && e[i].n < e[j].n)
}
func (e simEvents) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *simEvents) Push(x any)   { *e = append(*e, x.(simEvent)) }
func (e *simEvents) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// simPeriod is not a multiple of anything that bytes could be misplaced by.
const simPeriod = 65521

// simStream repeats for ever; it holds one period and what a segment may reach beyond.
var simStream = func() []byte {
	b := make([]byte, simPeriod+1<<20)
	for i := range b {
		b[i] = byte(i % simPeriod * 2654435761 >> 11)
	}
	return b
}()

func streamAt(at int64, n int) []byte { return simStream[at%simPeriod:][:n] }

// newSim returns two ends, b passive, on a path of the given rate and one-way delay.
func newSim(t testing.TB, seed uint64, cfg Config, rate int, delay time.Duration) *sim {
	t.Helper()
	s := &sim{t: t, now: 1, d: seeded(seed)}
	mk := func(name string) *simHost {
		full, err := cfg.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		h := &simHost{name: name, cfg: full, out: simPath{rate: rate, delay: delay}}
		return h
	}
	s.a, s.b = mk("a"), mk("b")
	s.a.peer, s.b.peer = s.b, s.a
	s.b.passive = true
	for _, h := range []*simHost{s.a, s.b} {
		h.init(&h.cfg, &h.stats, Seq(s.d.n(1<<32-1)), uint32(s.d.n(1<<32-1)))
		h.mtu(1500, false)
	}
	return s
}

// mtu sets the path's MTU as the host knows it.
func (h *simHost) mtu(mtu int, tso bool) {
	h.setPath(mtu-20, tso)
	if h.cc == nil {
		h.advMSS = uint16(mtu - 40)
	}
}

// run goes on until done, which looks at both ends after each event, or for at most limit.
func (s *sim) run(limit time.Duration, done func() bool) {
	s.t.Helper()
	end := s.now.add(limit)
	if s.a.state == Closed {
		s.a.connect(s.now)
	}
	if s.b.state == Closed && !s.b.passive {
		s.b.connect(s.now)
	}
	for _, h := range []*simHost{s.a, s.b} {
		s.pump(h)
		if h.readEvery > 0 {
			s.push(s.now.add(h.readEvery), h, nil)
		}
	}
	for steps := 0; !done(); steps++ {
		next := earlier(s.a.nextTimeout(), s.b.nextTimeout())
		if len(s.events) > 0 {
			next = earlier(next, s.events[0].at)
		}
		if next == 0 || next > end || steps > 5_000_000 {
			s.t.Fatalf("stuck at %v after %d steps, next %v\n%s\n%s", time.Duration(s.now), steps, time.Duration(next), s.a, s.b)
		}
		s.now = max(s.now, next)
		s.step()
	}
}

func (s *sim) step() {
	s.t.Helper()
	for len(s.events) > 0 && s.events[0].at <= s.now {
		e := heap.Pop(&s.events).(simEvent)
		if e.data == nil {
			e.to.appRead(s, e.to.readSize)
			s.push(s.now.add(e.to.readEvery), e.to, nil)
		} else {
			s.arrive(e.to, e.data)
		}
		s.pump(e.to)
	}
	for _, h := range []*simHost{s.a, s.b} {
		if at := h.nextTimeout(); at != 0 && at <= s.now {
			h.advance(s.now)
			s.pump(h)
		}
	}
}

func (s *sim) push(at instant, to *simHost, data []byte) {
	s.n++
	heap.Push(&s.events, simEvent{at, s.n, to, data})
}

// arrive has a packet reach a host.
func (s *sim) arrive(h *simHost, b []byte) {
	s.t.Helper()
	hdr, data, err := Parse(b)
	if err != nil || hdr.Options.Malformed {
		s.t.Fatalf("a malformed segment was sent: %v", err)
	}
	in := new(packet.In)
	buf := packet.Get(len(b) + 20)
	copy(buf.B[20:], b)
	in.Fill(buf)
	seg := segment{Header: hdr, data: [2][]byte{buf.B[20+hdr.Len():][:len(data)]}, in: in}
	if h.passive && h.state == Closed && h.err == nil && h.wrote == 0 && h.got == 0 && h.irs == 0 {
		s.listen(h, &seg)
	} else {
		h.receive(s.now, &seg)
	}
	h.ackNow = h.ackNow || h.ackBatch // each packet is a batch of its own
	if in.Buffer() != nil {
		clear(buf.B) // the next packet overwrites it
		buf.Release()
	}
}

// listen is the part of a listener: it answers a SYN and makes a connection at the ACK.
func (s *sim) listen(h *simHost, seg *segment) {
	switch {
	case seg.Flags&(SYN|ACK|RST) == SYN:
		again := h.half != nil
		o := readSyn(&seg.Header)
		h.half = &o
		h.synSent = s.now
		if again {
			h.synSent = 0
		}
		s.transmitSynAck(h)
	case h.half != nil && seg.Flags.Has(ACK) && seg.Ack == h.iss+1 && !seg.Flags.Has(RST):
		h.accept(s.now, *h.half, h.synSent)
		h.receive(s.now, seg)
	}
}

func (s *sim) transmitSynAck(h *simHost) {
	var c tcb
	c.init(&h.cfg, &h.stats, h.iss, h.tsOffset)
	c.advMSS = h.advMSS
	c.offerAll()
	c.learnSyn(s.now, *h.half)
	c.state = SynReceived
	var seg segment
	c.options(s.now, &seg.Options)
	seg.Flags = SYN | ACK
	c.segmentAt(s.now, &seg, 0, 1)
	c.finish(s.now, &seg)
	s.transmit(h, &seg)
}

// pump is what follows each event: the application reads and writes, the core sends.
func (s *sim) pump(h *simHost) {
	s.t.Helper()
	if h.readEvery == 0 {
		h.appRead(s, 1<<30)
	}
	h.appWrite()
	var seg segment
	for n := 0; h.next(s.now, &seg); n++ {
		if n > 100_000 {
			s.t.Fatalf("%s does not stop sending", h)
		}
		s.transmit(h, &seg)
	}
	// The check looks at all that is in flight: less often when that is much.
	if s.pumps++; s.pumps%64 == 0 || h.fl == nil || len(h.fl.live()) < 32 {
		checkTCB(s.t, s.now, &h.tcb)
	}
}

func (h *simHost) appWrite() {
	for h.wrote < h.total && h.canWrite() {
		n := int(min(h.total-h.wrote, 65536))
		if h.chunk > 0 {
			n = min(n, h.chunk)
		}
		m := h.write(streamAt(h.wrote, n))
		h.wrote += int64(m)
		if m < n {
			return
		}
	}
	if h.wrote == h.total && h.canWrite() && (!h.closeOn || h.eof) && !h.noClose {
		h.closeWrite()
	}
}

func (h *simHost) appRead(s *sim, limit int) {
	s.t.Helper()
	var p [16384]byte
	for limit > 0 && h.queue.n > 0 {
		n := h.read(p[:min(limit, len(p))])
		if !bytes.Equal(p[:n], streamAt(h.got, n)) {
			s.t.Fatalf("%s: the bytes from %d on are not those that were sent", h.name, h.got)
		}
		h.got += int64(n)
		h.lastGot = s.now
		limit -= n
	}
	h.eof = h.eof || (h.queue.n == 0 && h.rcvFin != 0 && h.ended())
}

// transmit puts a segment on the path, in pieces if it is a super-segment.
func (s *sim) transmit(h *simHost, seg *segment) {
	s.t.Helper()
	data := slices.Concat(seg.data[0], seg.data[1])
	size := seg.segSize
	if size == 0 {
		size = max(1, len(data))
	}
	if wire := seg.Len() + min(len(data), size); wire > h.maxSegment+20 {
		s.t.Fatalf("%s sends %d bytes to a path that takes %d", h.name, wire, h.maxSegment+20)
	}
	hdr := seg.Header
	for first := true; first || len(data) > 0; first = false {
		n := min(size, len(data))
		piece := hdr
		if n < len(data) {
			piece.Flags &^= FIN | PSH
		}
		s.wire(h, &piece, data[:n])
		hdr.Seq += Seq(n)
		data = data[n:]
	}
}

// wire is the path.
func (s *sim) wire(h *simHost, hdr *Header, data []byte) {
	p := &h.out
	n := p.sent
	p.sent++
	if p.see != nil {
		p.see(s.now, hdr, len(data))
	}
	if p.middle != nil {
		p.middle(hdr)
	}
	b := append(hdr.AppendTo(nil), data...)
	start := max(s.now, p.freeAt)
	if p.rate > 0 {
		if p.queue > 0 && int(start.sub(s.now).Seconds()*float64(p.rate)/8) > p.queue {
			p.lose(len(data))
			return
		}
		start = start.add(time.Duration(float64(len(b)+20) * 8 / float64(p.rate) * 1e9))
		p.freeAt = start
	}
	if (p.drop != nil && p.drop(n, hdr)) || s.chance(p.loss) {
		p.lose(len(data))
		return
	}
	at := start.add(p.delay)
	if s.chance(p.reorder) {
		at = at.add(time.Duration(s.d.n(int(2*p.delay) + 1)))
	}
	s.push(at, h.peer, b)
	if s.chance(p.dup) {
		p.dupped++
		s.push(at.add(time.Duration(s.d.n(int(p.delay)+1))), h.peer, b)
	}
}

func (p *simPath) lose(n int) {
	p.lost++
	p.bytesLost += n
}

func (s *sim) chance(p float64) bool { return p > 0 && float64(s.d.n(1<<20)) < p*(1<<20) }

// finished: both streams arrived whole, and both ends know.
func (s *sim) finished() bool {
	ended := func(h *simHost) bool { return h.state == Closed || h.state == TimeWait }
	return ended(s.a) && ended(s.b) && s.a.eof && s.b.eof
}

// transfer runs to the end, and holds what was to be.
func (s *sim) transfer(limit time.Duration) {
	s.t.Helper()
	s.run(limit, s.finished)
	for _, h := range []*simHost{s.a, s.b} {
		if h.err != nil || h.got != h.peer.total {
			s.t.Fatalf("%s got %d of %d, %v", h, h.got, h.peer.total, h.err)
		}
	}
}

func (h *simHost) String() string {
	return fmt.Sprintf("%s: %v wrote %d got %d una %d nxt %d fin %d wnd %d cwnd %d pipe %d phase %d rexmit %v persisting %v; rcvNxt %d edge %d fin %d queue %d; path %d sent %d lost; rto %v backoff %d stats %+v",
		h.name, h.state, h.wrote, h.got, h.sndUna, h.sndNxt, h.finAt, h.sndWnd, h.cwnd(), h.pipe(), h.phase, time.Duration(h.rexmitAt), h.persisting,
		h.rcvNxt, h.rcvEdge, h.rcvFin, h.queue.n, h.out.sent, h.out.lost, h.rto(), h.rtt.backoff, h.stats)
}

// checkTCB holds what is true of every connection at any time, once it has sent what it could.
func checkTCB(t testing.TB, now instant, c *tcb) {
	t.Helper()
	ok := func(ok bool, what string, args ...any) {
		if !ok {
			t.Helper()
			t.Fatalf("%v at %v: %s", c.state, time.Duration(now), fmt.Sprintf(what, args...))
		}
	}
	if c.state == Closed || c.state == TimeWait {
		ok(c.fl == nil && c.ooo == nil && c.sndBuf.buf == nil, "memory is held")
		ok(c.nextTimeout() == 0 || c.state == TimeWait, "a timer runs")
		return
	}
	ok(c.sndUna >= 0 && c.sndUna <= c.sndNxt && c.sndNxt <= c.sndBuf.end()+1, "una %d, nxt %d, end %d", c.sndUna, c.sndNxt, c.sndBuf.end())
	ok(c.finAt == 0 || c.finAt == c.sndBuf.end(), "the FIN is at %d, the end at %d", c.finAt, c.sndBuf.end())
	ok(c.finAt != 0 || c.sndNxt <= c.sndBuf.end(), "sent %d of %d", c.sndNxt, c.sndBuf.end())
	ok(c.sndBuf.start == min(max(1, c.sndUna), c.sndBuf.end()), "the buffer starts at %d, una is %d", c.sndBuf.start, c.sndUna)
	ok(c.sndBuf.n <= max(int(c.sndBufMax), c.cfg.SendBuffer), "%d bytes to send", c.sndBuf.n)
	ok((c.fl == nil) == (c.sndUna == c.sndNxt), "flight %v, una %d, nxt %d", c.fl != nil, c.sndUna, c.sndNxt)
	checkTimers(t, now, c)
	checkRuns(t, c)
	checkReceiver(t, c)
}

func checkTimers(t testing.TB, now instant, c *tcb) {
	t.Helper()
	if (c.fl != nil || (c.unsent() > 0 && c.state.synchronized())) && c.rexmitAt == 0 {
		t.Fatalf("%v: something is to be delivered and no timer runs", c.state)
	}
	if c.rexmitAt > now.add(c.cfg.MaxRTO) {
		t.Fatalf("the timer is %v ahead", c.rexmitAt.sub(now))
	}
	if c.cc != nil && (c.cc.window() < 1 || c.cc.window() > 1<<40 || c.cc.threshold() < 1) {
		t.Fatalf("cwnd %d, ssthresh %d", c.cc.window(), c.cc.threshold())
	}
}

func checkRuns(t testing.TB, c *tcb) {
	t.Helper()
	if c.fl == nil {
		return
	}
	at, sums := c.sndUna, [4]int{}
	for _, r := range c.fl.live() {
		if r.start != at || r.end <= r.start {
			t.Fatalf("run %+v where one from %d on was due", r, at)
		}
		sums[r.state] += int(r.end - r.start)
		at = r.end
	}
	if at != c.sndNxt || c.fl.pipe != sums[inFlight]+sums[retransmitted] || c.fl.lostBytes != sums[lost] || c.fl.sackedBytes != sums[sacked] {
		t.Fatalf("runs to %d of %d; pipe %d lost %d sacked %d, want %v", at, c.sndNxt, c.fl.pipe, c.fl.lostBytes, c.fl.sackedBytes, sums)
	}
}

func checkReceiver(t testing.TB, c *tcb) {
	t.Helper()
	switch {
	case c.state == SynSent:
		return
	case c.rcvNxt > c.rcvEdge, c.lastAckSent > c.rcvNxt:
		t.Fatalf("rcvNxt %d, edge %d, acknowledged %d", c.rcvNxt, c.rcvEdge, c.lastAckSent)
	case c.rcvFin != 0 && c.rcvNxt > c.rcvFin+1:
		t.Fatalf("rcvNxt %d, the FIN is at %d", c.rcvNxt, c.rcvFin)
	case c.queue.n > max(c.rcvBufMax, c.cfg.ReceiveBuffer, 65535):
		t.Fatalf("%d bytes are queued", c.queue.n)
	case c.ooo == nil:
		return
	}
	at, n := c.rcvNxt, 0
	for _, h := range c.ooo.held {
		if h.start < at || (at == c.rcvNxt && h.start == at) || h.end <= h.start {
			t.Fatalf("a piece from %d, where %d was the least", h.start, at)
		}
		n += int(h.end - h.start)
		at = h.end
	}
	if at > c.rcvEdge || n != c.ooo.bytes || len(c.ooo.held) > maxSegmentsHeld {
		t.Fatalf("%d pieces, %d bytes, counted %d, up to %d of %d", len(c.ooo.held), n, c.ooo.bytes, at, c.rcvEdge)
	}
}
