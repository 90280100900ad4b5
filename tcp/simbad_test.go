package tcp

import (
	"cmp"
	"fmt"
	"testing"
	"time"
)

// simBadDay is a peer, or a box on the way, that has its own idea of ACKs. What it makes of a flow is held
// against what that is without it.
type simBadDay struct {
	name  string
	apply func(s *sim, from, to *simHost)
	share float64 // of the goodput that is left at least
	again int     // segments sent again, of 1000, at most
}

// acks has what the peer says changed, once the connection is open.
func (h *simHost) acks(change func(h *Header)) {
	h.out.middle = func(hdr *Header) {
		if !hdr.Flags.Has(SYN) {
			change(hdr)
		}
	}
}

var simBadDays = []simBadDay{
	// "A receiver can divide the acknowledgment for every K bytes": cwnd counts bytes, so it gains nothing
	// (https://www.rfc-editor.org/rfc/rfc3465#section-2.1).
	{"ACKs divided", func(_ *sim, from, to *simHost) {
		last := int64(0)
		to.lie = func(h Header, send func(Header)) {
			end := from.sndPos(h.Ack)
			for last = max(last, end-3000) + 300; last < end; last += 300 {
				h.Ack = from.iss + Seq(last)
				send(h)
			}
			last, h.Ack = end, from.iss+Seq(end)
			send(h)
		}
	}, 0.85, 20},
	{"one ACK for eight segments", func(_ *sim, from, to *simHost) {
		last := int64(0)
		to.lie = func(h Header, send func(Header)) {
			more := from.out.line.bytes > 0 || from.out.moving.len() > 0
			if end := from.sndPos(h.Ack); h.Options.NumSACK > 0 || !more || end-last >= 8*1448 {
				last = end
				send(h)
			}
		}
	}, 0.8, 20},
	{"ACKs arrive all at once, fifty times a second", func(_ *sim, _, to *simHost) { to.out.hold = 20 * ms }, 0.6, 20},
	{"ACKs of data never sent", func(_ *sim, from, to *simHost) {
		to.lie = func(h Header, send func(Header)) {
			send(h)
			h.Ack = from.iss + Seq(from.sndNxt) + maxBuffer // not even when it arrives
			send(h)
		}
	}, 0.95, 10},
	{"old ACKs again", func(s *sim, _, to *simHost) {
		to.lie = func(h Header, send func(Header)) {
			send(h)
			h.Ack -= Seq(s.d.n(100_000))
			send(h)
		}
	}, 0.95, 10},
	{"SACK blocks of anything", func(s *sim, _, to *simHost) {
		to.acks(func(h *Header) {
			if o := &h.Options; o.NumSACK < 3 {
				o.SACK[o.NumSACK] = Block{h.Ack + maxBuffer + Seq(s.d.wide(1<<31)), h.Ack + maxBuffer + Seq(s.d.wide(1<<31))}
				o.NumSACK++
			}
		})
	}, 0.95, 10},
	{"SACK blocks taken out", func(_ *sim, _, to *simHost) {
		to.acks(func(h *Header) { h.Options.NumSACK = 0 })
	}, 0.3, 60},
	// "the data receiver is permitted to discard data in its queue that has not been acknowledged to the data sender, even if
	// the data has already been reported in a SACK option" (https://www.rfc-editor.org/rfc/rfc2018#section-8).
	{"what was sacked is dropped, ten times a second", func(s *sim, _, to *simHost) {
		s.each(100*ms, func() {
			if to.ooo != nil && s.now < simDay {
				to.freeReassembly()
			}
		})
	}, 0.3, 600},
	{"no echo", func(_ *sim, _, to *simHost) {
		to.acks(func(h *Header) { h.Options.TSEcr = 0 })
	}, 0.95, 10},
	{"the echo is ahead", func(_ *sim, _, to *simHost) {
		to.acks(func(h *Header) { h.Options.TSEcr += 1000 })
	}, 0.95, 10},
	{"the echo stands still", func(_ *sim, _, to *simHost) {
		first := uint32(0)
		to.acks(func(h *Header) {
			if first == 0 {
				first = h.Options.TSEcr
			}
			h.Options.TSEcr = first
		})
	}, 0.95, 10},
	{"the echo is a second old", func(_ *sim, _, to *simHost) {
		to.acks(func(h *Header) { h.Options.TSEcr -= 1000 })
	}, 0.95, 10},
	{"the echo is anything", func(s *sim, _, to *simHost) {
		to.acks(func(h *Header) { h.Options.TSEcr = uint32(s.d.wide(1 << 32)) })
	}, 0.8, 20},
	{"all is said to have arrived twice", func(_ *sim, _, to *simHost) {
		to.acks(func(h *Header) {
			o := &h.Options
			copy(o.SACK[1:], o.SACK[:2])
			o.SACK[0] = Block{h.Ack - 1448, h.Ack}
			o.NumSACK = min(o.NumSACK+1, 3)
		})
	}, 0.8, 20},
	{"the peer's clock stands still", func(_ *sim, _, to *simHost) {
		first := uint32(0)
		to.acks(func(h *Header) {
			first = cmp.Or(first, h.Options.TSVal)
			h.Options.TSVal = first
		})
	}, 0.95, 10},
	{"the peer's clock jumps ahead", func(s *sim, _, to *simHost) {
		s.at(5*time.Second, func() { to.tsOffset += 1 << 30 })
	}, 0.95, 10},
	{"the peer's clock is put back by two seconds", func(s *sim, _, to *simHost) {
		s.at(5*time.Second, func() { to.tsOffset -= 2000 }) // PAWS refuses all until it is where it was
	}, 0.5, 20},
}

// No bad day makes the window collapse or run away: it costs what it takes from the path, cwnd is never more than
// two and a half times what it gets to without it, and when it is over the connection does as well as one that never had it.
func TestSimBadDays(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		if name != CUBIC {
			heavy(t)
		}
		usual := simBadDay{name: "none", apply: func(*sim, *simHost, *simHost) {}}.run(t, name)
		for _, day := range simBadDays {
			t.Run(day.name, func(t *testing.T) {
				t.Parallel()
				day.check(t, day.run(t, name), usual)
			})
		}
	})
}

// simDayResult is what came of a day.
type simDayResult struct {
	got      int64 // bytes
	after    int64 // of them, when the day was over
	most     int   // the largest cwnd
	again    int   // segments of 1000 sent again
	rto      time.Duration
	timeouts uint32
}

func (r simDayResult) String() string {
	return fmt.Sprintf("%d bytes, %d of them at the end, cwnd to %d, %d of 1000 again, RTO %v, %d timeouts", r.got, r.after, r.most, r.again, r.rto, r.timeouts)
}

// simDay is how long a bad day lasts.
const simDay = instant(10 * time.Second)

// run is a day on a path of 10 Mbit/s and 40 ms that loses one packet of 1000, and five seconds in which nobody lies.
func (day simBadDay) run(t *testing.T, algorithm string) (r simDayResult) {
	s := newLeanSim(t, 1)
	from, to := s.download(Config{Congestion: algorithm}, 10*mbit, 40*ms, 50_000)
	from.out.loss = 0.001
	day.apply(s, from, to)
	s.each(10*ms, func() { r.most = max(r.most, from.cwnd()) })
	s.runFor(time.Duration(simDay))
	r.got, r.again = to.got, int(from.counts.retrans)*1000/from.out.sentData
	r.rto, r.timeouts = from.rto(), from.counts.timeouts
	to.lie, to.out.drop, to.out.middle, to.out.hold = nil, nil, nil, 0
	s.runFor(5 * time.Second)
	r.after = to.got - r.got
	return r
}

func (day simBadDay) check(t *testing.T, got, usual simDayResult) {
	if float64(got.got) < day.share*float64(usual.got) || float64(got.after) < 0.7*float64(usual.after) ||
		got.most > 5*usual.most/2 || got.again > day.again || got.rto > time.Second {
		t.Errorf("%v\nwithout: %v", got, usual)
	}
}
