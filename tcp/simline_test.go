package tcp

import "time"

// simLine is a transmitter of limited rate with a queue before it that drops what it has no room
// for. Several paths may lead through it.
type simLine struct {
	rate  int // bits of IP packets in a second; 0: infinite, nothing waits
	limit int // bytes that may be here, the packet being sent among them; 0: no bound

	waiting simPackets // the first is being sent
	bytes   int
	doneAt  instant // the first is sent; 0: nothing is

	drops   int   // packets
	peak    int   // bytes, the most there were
	area    int64 // bytes times nanoseconds
	areaAt  instant
	carried int // bytes
}

func (l *simLine) due() instant { return l.doneAt }

// put has a packet wait for its turn.
func (l *simLine) put(s *sim, p *simPacket) {
	switch size := p.size(); {
	case l.rate == 0:
		l.carried += size
		p.path.travel(s, p)
	case l.limit > 0 && l.bytes+size > l.limit:
		l.drops++
		p.path.lose(p.n)
	default:
		l.account(s.now, size)
		l.waiting.push(p)
		if l.doneAt == 0 {
			l.start(s.now)
		}
	}
}

// start begins to send the first that waits.
func (l *simLine) start(now instant) {
	bits := 8 * l.waiting.first().size()
	l.doneAt = now.add(time.Duration(bits) * time.Second / time.Duration(l.rate))
}

func (l *simLine) act(s *sim) {
	p := l.waiting.pop()
	l.account(s.now, -p.size())
	l.carried += p.size()
	if l.doneAt = 0; l.waiting.len() > 0 {
		l.start(s.now)
	}
	p.path.travel(s, p)
}

// account keeps the integral of the queue's length.
func (l *simLine) account(now instant, bytes int) {
	l.area += int64(l.bytes) * int64(now.sub(l.areaAt))
	l.areaAt = now
	l.bytes += bytes
	l.peak = max(l.peak, l.bytes)
}

// meanWait is how long a packet had to wait in the mean, over all the time since from, when area was so much.
func (l *simLine) meanWait(now, from instant, area int64) time.Duration {
	l.account(now, 0)
	mean := (l.area - area) / int64(now.sub(from)) // bytes
	return time.Duration(8*mean) * time.Second / time.Duration(l.rate)
}
