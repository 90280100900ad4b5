package tcp

import (
	"math/rand/v2"
	"time"
)

// simPath is one direction of a flow's way: chance first, as in link.Impair, then a line, then a delay.
type simPath struct {
	line    *simLine
	delay   time.Duration
	jitter  time.Duration // either way; no packet overtakes another for it
	hold    time.Duration // all that comes in so long arrives at its end
	loss    float64       // of packets; corruption is the same, for a checksum tells
	dup     float64
	reorder float64                             // of packets that come later than those after them
	late    time.Duration                       // by so much; 0: by up to twice the delay
	drop    func(n int, h *Header) bool         // of the n-th packet, from 0 on
	middle  func(h *Header)                     // what a box in the middle does to headers
	see     func(now instant, h *Header, n int) // of every packet of n bytes of data that is sent

	to     *simHost
	rng    *rand.Rand
	moving simPackets // in the order in which they will arrive
	last   instant    // when the last in order does

	sent, sentData  int // packets
	bytesSent       int // of data
	lost, bytesLost int // packets and bytes of data, those that the line dropped among them
	dupped          int // packets
}

// join makes the way from one host to another.
func (s *sim) join(from, to *simHost, rate int, delay time.Duration) {
	stream := uint64(len(s.parts))
	from.out = simPath{
		line: &simLine{rate: rate}, delay: delay, to: to,
		rng: rand.New(rand.NewPCG(s.seed, stream)),
	}
	from.peer = to
	s.parts = append(s.parts, from.out.line, &from.out)
}

// simFate is what chance does to a packet. Each takes the same number of draws, so that what happens
// to the n-th depends on nothing else.
type simFate struct {
	lose, dup, reorder bool
	jitter, late       uint64
}

func (p *simPath) draw(n int, h *Header) simFate {
	f := simFate{
		lose:    p.chance(p.loss),
		dup:     p.chance(p.dup),
		reorder: p.chance(p.reorder),
		jitter:  p.rng.Uint64(),
		late:    p.rng.Uint64(),
	}
	if p.drop != nil && p.drop(n, h) {
		f.lose = true
	}
	return f
}

func (p *simPath) chance(probability float64) bool { return p.rng.Float64() < probability }

// send has a packet set out.
func (p *simPath) send(s *sim, q *simPacket) {
	n := p.sent
	p.sent++
	if q.n > 0 {
		p.sentData++
		p.bytesSent += q.n
	}
	if p.see != nil {
		p.see(s.now, &q.hdr, q.n)
	}
	q.path, q.fate = p, p.draw(n, &q.hdr)
	if q.fate.lose {
		p.lose(q.n)
		return
	}
	if q.fate.dup {
		p.dupped++
		twin := *q
		twin.fate.late ^= 1 << 63 // if it is late, then not as late
		defer p.line.put(s, &twin)
	}
	p.line.put(s, q)
}

func (p *simPath) lose(n int) {
	p.lost++
	p.bytesLost += n
}

// travel begins the way of a packet that the line has sent.
func (p *simPath) travel(s *sim, q *simPacket) {
	q.at = s.now.add(p.delay)
	if p.jitter > 0 {
		q.at = q.at.add(time.Duration(q.fate.jitter%uint64(2*p.jitter+1)) - p.jitter)
	}
	if p.hold > 0 {
		q.at += instant(p.hold) - q.at%instant(p.hold)
	}
	q.at = max(q.at, p.last)
	switch {
	case !q.fate.reorder:
		p.last = q.at
	case p.late > 0:
		q.at = q.at.add(p.late)
	default:
		q.at = q.at.add(time.Duration(q.fate.late % uint64(2*p.delay+1)))
	}
	p.moving.insert(q)
}

func (p *simPath) due() instant {
	if p.moving.len() == 0 {
		return 0
	}
	return p.moving.first().at
}

func (p *simPath) act(s *sim) {
	q := p.moving.pop()
	p.to.arrive(s, q)
	*q = simPacket{}
	s.spare = append(s.spare, q)
}
