package tcp

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/tinystack/tinystack/packet"
)

// simHost is one end of a flow: the core, and an application that writes a stream and reads another.
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
	startAt instant // of who opens; 0: it has

	total      int64         // bytes to send
	chunk      int           // bytes in one write; 0: all that fits
	writeEvery time.Duration // a chunk; 0: as soon as there is room
	writeAt    instant
	wrote      int64
	got        int64
	lastGot    instant
	eof        bool
	readSize   int           // bytes the application reads at a time
	readEvery  time.Duration // and how often; 0: all, at once
	readAt     instant
	closeOn    bool // half-close only after the peer's end
	noClose    bool

	lie func(h Header, send func(Header)) // of each pure ACK: what is sent in its place; nil: the truth

	pumps     int
	gotAgain  int // packets with data of which nothing was new
	dataBytes int // bytes of data that arrived
}

// simPeriod is not a multiple of anything that bytes could be misplaced by.
const simPeriod = 65521

// simStream repeats for ever; it holds one period and what a segment may reach beyond.
var simStream = func() []byte {
	b := make([]byte, simPeriod+1<<20)
	for i := range b {
		b[i] = byte(uint64(i%simPeriod) * 2654435761 >> 11)
	}
	return b
}()

func streamAt(at int64, n int) []byte { return simStream[at%simPeriod:][:n] }

func (s *sim) host(name string, cfg Config) *simHost {
	h := &simHost{name: name, cfg: cfg, startAt: s.now}
	h.init(&h.cfg, &h.stats, Seq(s.d.wide(1<<32-1)), uint32(s.d.wide(1<<32-1)))
	h.mtu(1500, false)
	return h
}

// mtu sets the path's MTU as the host knows it.
func (h *simHost) mtu(mtu int, tso bool) {
	h.setPath(mtu-20, tso)
	if h.cc == nil {
		h.advMSS = uint16(mtu - 40)
	}
}

func (h *simHost) due() instant {
	at := earlier(h.nextTimeout(), earlier(h.readAt, h.writeAt))
	if h.passive {
		return at
	}
	return earlier(at, h.startAt)
}

func (h *simHost) act(s *sim) {
	if !h.passive && h.startAt != 0 && h.startAt <= s.now {
		h.startAt = 0
		h.connect(s.now)
	}
	if h.readAt != 0 && h.readAt <= s.now {
		h.readAt = s.now.add(h.readEvery)
		h.appRead(s, h.readSize)
	}
	if h.writeAt != 0 && h.writeAt <= s.now {
		h.writeAt = 0
		h.appWriteChunk(s)
	}
	if at := h.nextTimeout(); at != 0 && at <= s.now {
		h.advance(s.now)
	}
	h.pump(s)
}

// arrive has a packet reach the host.
func (h *simHost) arrive(s *sim, p *simPacket) {
	seg := segment{Header: p.hdr, data: [2][]byte{simStream[:p.n]}}
	var buf *packet.Buffer
	if p.raw != nil {
		buf = h.parse(s, p, &seg)
	}
	dup := h.stats.InDuplicate
	if h.passive && h.state == Closed && h.err == nil && h.wrote == 0 && h.got == 0 && h.irs == 0 {
		h.listen(s, &seg)
	} else {
		h.receive(s.now, &seg)
	}
	h.dataBytes += p.n
	if p.n > 0 && h.stats.InDuplicate > dup {
		h.gotAgain++
	}
	h.ackNow = h.ackNow || h.ackBatch // each packet is a batch of its own
	if buf != nil && seg.in.Buffer() != nil {
		clear(buf.B) // the next packet overwrites it
		buf.Release()
	}
	h.pump(s)
}

// parse reads the packet's bytes in a buffer of its own.
func (h *simHost) parse(s *sim, p *simPacket, seg *segment) *packet.Buffer {
	hdr, data, err := Parse(p.raw)
	if err != nil || hdr.Options.Malformed {
		s.t.Fatalf("a malformed segment was sent: %v", err)
	}
	seg.in = new(packet.In)
	buf := packet.Get(len(p.raw) + 20)
	copy(buf.B[20:], p.raw)
	seg.in.Fill(buf)
	seg.Header, seg.data[0] = hdr, buf.B[20+hdr.Len():][:len(data)]
	return buf
}

// listen is the part of a listener: it answers a SYN and makes a connection at the ACK.
func (h *simHost) listen(s *sim, seg *segment) {
	switch {
	case seg.Flags&(SYN|ACK|RST) == SYN:
		again := h.half != nil
		o := readSyn(&seg.Header)
		h.half = &o
		h.synSent = s.now
		if again {
			h.synSent = 0
		}
		h.transmitSynAck(s)
	case h.half != nil && seg.Flags.Has(ACK) && seg.Ack == h.iss+1 && !seg.Flags.Has(RST):
		h.accept(s.now, *h.half, h.synSent)
		h.receive(s.now, seg)
	}
}

func (h *simHost) transmitSynAck(s *sim) {
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
	h.transmit(s, &seg)
}

// pump is what follows each event: the application reads and writes, the core sends.
func (h *simHost) pump(s *sim) {
	if h.readEvery == 0 {
		h.appRead(s, 1<<30)
	} else if h.readAt == 0 {
		h.readAt = s.now.add(h.readEvery)
	}
	h.appWrite(s)
	for n := 0; h.tcb.next(s.now, &s.seg); n++ {
		if n > 100_000 {
			s.t.Fatalf("%s does not stop sending", h)
		}
		h.transmit(s, &s.seg)
	}
	// The check looks at all that is in flight: less often when that is much.
	h.pumps++
	if h.pumps%1024 == 0 || (!s.lean && (h.pumps%64 == 0 || h.fl == nil || len(h.fl.live()) < 32)) {
		checkTCB(s.t, s.now, &h.tcb)
	}
}

func (h *simHost) appWrite(s *sim) {
	if h.writeEvery > 0 {
		if h.writeAt == 0 && h.wrote < h.total && h.canWrite() {
			h.appWriteChunk(s)
		}
		h.appClose()
		return
	}
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
	h.appClose()
}

// appWriteChunk is an application that has something to say now and then.
func (h *simHost) appWriteChunk(s *sim) {
	n := int(min(h.total-h.wrote, int64(h.chunk)))
	h.wrote += int64(h.write(streamAt(h.wrote, n)))
	if h.wrote < h.total {
		h.writeAt = s.now.add(h.writeEvery)
	}
}

func (h *simHost) appClose() {
	if h.wrote == h.total && h.canWrite() && (!h.closeOn || h.eof) && !h.noClose {
		h.closeWrite()
	}
}

func (h *simHost) appRead(s *sim, limit int) {
	for limit > 0 && h.queue.n > 0 {
		p := s.scratch[:]
		n, whole := h.read(p[:min(limit, len(p))])
		whole.copyOut(p)
		if !s.lean && !bytes.Equal(p[:n], streamAt(h.got, n)) {
			s.t.Fatalf("%s: the bytes from %d on are not those that were sent", h.name, h.got)
		}
		h.got += int64(n)
		h.lastGot = s.now
		limit -= n
	}
	h.eof = h.eof || (h.queue.n == 0 && h.rcvFin != 0 && h.ended())
}

// transmit puts a segment on the path, in pieces if it is a super-segment.
func (h *simHost) transmit(s *sim, seg *segment) {
	left, size := seg.dataLen(), seg.segSize
	if size == 0 {
		size = max(1, left)
	}
	if wire := seg.Len() + min(left, size); wire > h.maxSegment+20 {
		s.t.Fatalf("%s sends %d bytes to a path that takes %d", h.name, wire, h.maxSegment+20)
	}
	var data []byte
	if !s.lean {
		data = slices.Concat(seg.data[0], seg.data[1])
	}
	hdr := seg.Header
	if h.lie != nil && left == 0 && hdr.Flags == ACK {
		h.lie(hdr, func(hdr Header) { h.out.send(s, &simPacket{hdr: hdr}) })
		return
	}
	for first := true; first || left > 0; first = false {
		p := s.packet()
		p.hdr, p.n = hdr, min(size, left)
		if p.n < left {
			p.hdr.Flags &^= FIN | PSH
		}
		if h.out.middle != nil {
			h.out.middle(&p.hdr)
		}
		if !s.lean {
			p.raw = append(p.hdr.AppendTo(nil), data[:p.n]...)
			data = data[p.n:]
		}
		h.out.send(s, p)
		hdr.Seq += Seq(p.n)
		left -= p.n
	}
}

func (h *simHost) String() string {
	return fmt.Sprintf("%s: %v wrote %d got %d una %d nxt %d fin %d wnd %d cwnd %d pipe %d phase %d rexmit %v persisting %v; rcvNxt %d edge %d fin %d queue %d; path %d sent %d lost; rto %v backoff %d stats %+v",
		h.name, h.state, h.wrote, h.got, h.sndUna, h.sndNxt, h.finAt, h.sndWnd, h.cwnd(), h.pipe(), h.phase, time.Duration(h.rexmitAt), h.persisting,
		h.rcvNxt, h.rcvEdge, h.rcvFin, h.queue.n, h.out.sent, h.out.lost, h.rto(), h.rtt.backoff, h.stats)
}
