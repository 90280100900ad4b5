package tcp

import (
	"testing"
	"time"
)

// sim is a run of the simulator: pure halves of TCP, two for each flow, on paths that it simulates
// too. It has no goroutine and no lock, and its clock jumps from one event to the next. It counts in
// integers of 64 bits, and each path draws its chances from a seed of its own, as many for each packet: the same run is the
// same everywhere. What the core computes in floating point, which differs in the last place where a machine multiplies and
// adds in one step, it makes whole bytes and nanoseconds of: GOAMD64=v1, v3 and arm64 give the same.
type sim struct {
	t     testing.TB
	now   instant
	d     *dice
	seed  uint64
	a, b  *simHost // of the first flow: a opens it
	parts []simPart
	lean  bool // see newLeanSim

	spare   []*simPacket
	seg     segment // being sent
	scratch [16384]byte
}

// simPart is what something happens in: a host, a transmitter, a line, a clock.
type simPart interface {
	due() instant // when it happens next; 0: not until something else has
	act(s *sim)   // it is due
}

// newSim returns a run with one flow over a path of the given rate, both ways, and one-way delay.
// Each byte that arrives is compared with what was sent, and each segment is one of bytes on its way.
func newSim(t testing.TB, seed uint64, cfg Config, rate int, delay time.Duration) *sim {
	t.Helper()
	s := &sim{t: t, now: 1, d: seeded(seed), seed: seed}
	s.a, s.b = s.flow(cfg, rate, delay)
	return s
}

// newLeanSim returns a run to measure with: segments have lengths in place of data, and what is true
// of every connection is looked at less often. It has no flow yet, and flows do not end.
func newLeanSim(t testing.TB, seed uint64) *sim {
	return &sim{t: t, now: 1, d: seeded(seed), seed: seed, lean: true}
}

// flow adds two ends, b passive, on a path of their own.
func (s *sim) flow(cfg Config, rate int, delay time.Duration) (a, b *simHost) {
	s.t.Helper()
	full, err := cfg.withDefaults()
	if err != nil {
		s.t.Fatal(err)
	}
	a, b = s.host("a", full), s.host("b", full)
	b.passive = true
	a.noClose, b.noClose = s.lean, s.lean
	s.join(a, b, rate, delay)
	s.join(b, a, rate, delay)
	s.parts = append(s.parts, a, b)
	if s.a == nil {
		s.a, s.b = a, b
	}
	return a, b
}

// share has the way there of all flows lead through one transmitter, that of the first.
func (s *sim) share(senders ...*simHost) {
	for _, h := range senders[1:] {
		h.out.line = senders[0].out.line
	}
}

// at has f called at a moment of the run.
func (s *sim) at(d time.Duration, f func()) {
	s.parts = append(s.parts, &simAlarm{at: s.now.add(d), f: f})
}

// packet returns one that is free.
func (s *sim) packet() *simPacket {
	if len(s.spare) == 0 {
		return new(simPacket)
	}
	p := s.spare[len(s.spare)-1]
	s.spare = s.spare[:len(s.spare)-1]
	return p
}

// each has f called so often, from now on.
func (s *sim) each(d time.Duration, f func()) {
	s.parts = append(s.parts, &simAlarm{at: s.now.add(d), again: d, f: f})
}

// simAlarm calls a function when it is time.
type simAlarm struct {
	at    instant
	again time.Duration
	f     func()
}

func (a *simAlarm) due() instant { return a.at }

func (a *simAlarm) act(s *sim) {
	if a.at = 0; a.again > 0 {
		a.at = s.now.add(a.again)
	}
	a.f()
}

// run goes on until done, which is asked after each event; it fails after limit, or when nothing
// more will happen.
func (s *sim) run(limit time.Duration, done func() bool) {
	s.t.Helper()
	end := s.now.add(limit)
	for steps := 0; !done(); steps++ {
		next := s.next()
		if next == nil || next.due() > end || steps > 20_000_000 {
			s.t.Fatalf("stuck at %v after %d steps\n%s\n%s", time.Duration(s.now), steps, s.a, s.b)
		}
		s.now = max(s.now, next.due())
		next.act(s)
	}
}

// runFor goes on for so long.
func (s *sim) runFor(d time.Duration) {
	s.t.Helper()
	over := false
	s.at(d, func() { over = true })
	s.run(d, func() bool { return over })
}

// next returns the part in which something happens first.
func (s *sim) next() (first simPart) {
	at := instant(0)
	for _, p := range s.parts {
		if d := p.due(); d != 0 && (at == 0 || d < at) {
			first, at = p, d
		}
	}
	return first
}

// heavy is for simulations of a hundred thousand segments and more, which take a second, and twenty times as long under
// the race detector. A run has one goroutine: there is no race to find.
func heavy(t *testing.T) {
	t.Helper()
	if raceEnabled || testing.Short() {
		t.Skip("a long simulation: not with -race or -short")
	}
}

// finished: both streams of the first flow arrived whole, and both ends know.
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
