package tcp

import (
	"fmt"
	"testing"
	"time"
)

const mbit = 1_000_000

// badWire makes both directions lose, duplicate and reorder.
func (s *sim) badWire(loss, dup, reorder float64) *sim {
	for _, h := range []*simHost{s.a, s.b} {
		h.out.loss, h.out.dup, h.out.reorder = loss, dup, reorder
	}
	return s
}

func (s *sim) both(f func(h *simHost)) *sim {
	f(s.a)
	f(s.b)
	return s
}

// Streams arrive whole both ways at once, whatever the segment size, the options agreed
// on, the congestion control and the wire.
func TestSimStreamsArriveWhole(t *testing.T) {
	t.Parallel()
	plain := func(*Header) {}
	noSACK := func(h *Header) { h.Options.SACKPermitted = false }
	noTS := func(h *Header) {
		if h.Flags.Has(SYN) {
			h.Options.HasTimestamps = false
		}
	}
	bare := func(h *Header) {
		if h.Flags.Has(SYN) {
			h.Options = Options{MSS: h.Options.MSS}
		}
	}
	for _, mtu := range []int{88, 576, 1500, 9000} {
		for _, cc := range []string{CUBIC, Reno} {
			for mi, middle := range []func(*Header){plain, noSACK, noTS, bare} {
				for _, tso := range []bool{false, true} {
					name := fmt.Sprintf("mtu=%d/%s/options=%d/tso=%v", mtu, cc, mi, tso)
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						s := newSim(t, uint64(mtu+mi), Config{Congestion: cc, GiveUp: time.Hour}, 0, 5*time.Millisecond).badWire(0.05, 0.02, 0.05)
						s.both(func(h *simHost) {
							h.mtu(mtu, tso)
							h.out.middle = middle
							h.total = int64(min(150*mtu, 300_000))
						})
						s.transfer(time.Hour)
					})
				}
			}
		}
	}
}

func TestSimSeeds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			s := newSim(t, seed, Config{ReceiveBuffer: 8<<(seed%8*2)<<10&(16<<20-1) | 4096}, 20*mbit, 10*time.Millisecond)
			s.badWire(float64(seed%4)*0.04, 0.02, 0.03)
			s.a.total, s.b.total = 400_000, int64(seed)*3000
			s.b.closeOn = seed%2 == 0
			s.a.chunk = []int{0, 1, 700, 5000}[seed%4]
			if s.a.chunk == 1 {
				s.a.total = 20_000
			}
			s.transfer(time.Hour)
		})
	}
}

// A wire that loses nearly everything for a while, and heals.
func TestSimHeals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		dark func(s *sim) *simPath // the direction that goes dark
	}{
		{"data lost", func(s *sim) *simPath { return &s.a.out }},
		{"acks lost", func(s *sim) *simPath { return &s.b.out }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, 1, Config{}, 50*mbit, 10*time.Millisecond)
			s.a.total = 2 << 20
			tt.dark(s).drop = func(n int, _ *Header) bool {
				at := time.Duration(s.now)
				return at > 100*time.Millisecond && at < 20*time.Second
			}
			s.transfer(3 * time.Minute)
		})
	}
}

// A reader that stalls closes the window; the transfer goes on when it reads again, though window
// updates are lost.
func TestSimZeroWindow(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100, 3000, 60_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			s := newSim(t, uint64(size), Config{ReceiveBuffer: 4096}, 10*mbit, 5*time.Millisecond)
			s.a.total = int64(min(100*size, 300_000)) + 10_000
			s.b.readSize, s.b.readEvery = size, 3*time.Second
			if size == 1 {
				s.b.readSize, s.b.readEvery = 50, 100*time.Millisecond
			}
			s.b.out.loss = 0.3
			s.transfer(24 * time.Hour)
			if s.a.stats.ZeroWindowProbes == 0 && size < 60_000 {
				t.Error("the window was never probed")
			}
		})
	}
}

// A FIN that arrives with the window closed does not shut out the ACKs that follow it.
func TestSimFINAtClosedWindow(t *testing.T) {
	t.Parallel()
	s := newSim(t, 1, Config{ReceiveBuffer: 8192}, 10*mbit, time.Millisecond)
	s.a.total = 8192
	s.b.total = 1 << 20
	s.b.readSize, s.b.readEvery = 1<<20, time.Hour // reads only when the other direction is long done
	s.run(time.Minute, func() bool { return s.a.got == s.b.total })
}

// The data of a peer that does not read is acknowledged, also while its window is probed.
func TestSimACKsIntoShutWindow(t *testing.T) {
	t.Parallel()
	s := newSim(t, 1, Config{ReceiveBuffer: 8192}, 10*mbit, time.Millisecond)
	s.a.total = 100_000
	s.b.total, s.b.chunk, s.b.writeEvery = 40_000, 4000, time.Second
	s.b.readSize, s.b.readEvery = 1<<20, time.Hour
	s.run(11*time.Second, func() bool { return s.a.got == s.b.total })
	if s.a.stats.ZeroWindowProbes == 0 || s.b.counts.retrans > 0 {
		t.Errorf("%d probes, %d segments sent again", s.a.stats.ZeroWindowProbes, s.b.counts.retrans)
	}
}

// Both ends open at once, over a bad wire too.
func TestSimSimultaneousOpen(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		s := newSim(t, seed, Config{GiveUp: time.Hour, KeepAlive: -1}, 10*mbit, 10*time.Millisecond).badWire(float64(seed%5)*0.1, 0.05, 0.1)
		s.b.passive = false
		s.a.total, s.b.total = 50_000, 70_000
		s.transfer(time.Hour)
	}
}

// goodput is the rate in bits/s at which b's application got its data.
func (s *sim) goodput() float64 { return float64(s.b.got) * 8 / time.Duration(s.b.lastGot).Seconds() }

func TestSimGoodput(t *testing.T) {
	t.Parallel()
	for _, cc := range []string{CUBIC, Reno} {
		for _, tso := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/tso=%v", cc, tso), func(t *testing.T) {
				t.Parallel()
				s := newSim(t, 1, Config{SendBuffer: 4 << 20, ReceiveBuffer: 4 << 20, Congestion: cc}, 100*mbit, 10*time.Millisecond)
				s.both(func(h *simHost) { h.mtu(1500, tso) })
				s.a.total = 16 << 20
				s.transfer(time.Minute)
				// 1448 of 1500 bytes on the wire are data, and slow start takes some round trips.
				if g := s.goodput(); g < 90*mbit {
					t.Errorf("%.1f Mbit/s of 100", g/mbit)
				}
				if s.a.counts.retrans > 0 || s.a.counts.timeouts > 0 {
					t.Errorf("%d retransmissions, %d timeouts without a loss", s.a.counts.retrans, s.a.counts.timeouts)
				}
			})
		}
	}
}

// One segment lost in the middle costs one fast retransmit, and no timeout.
func TestSimSingleLoss(t *testing.T) {
	t.Parallel()
	for _, sack := range []bool{true, false} {
		for _, tso := range []bool{false, true} {
			t.Run(fmt.Sprintf("sack=%v/tso=%v", sack, tso), func(t *testing.T) {
				t.Parallel()
				s := newSim(t, 1, Config{}, 50*mbit, 10*time.Millisecond)
				s.both(func(h *simHost) {
					h.mtu(1500, tso)
					if !sack {
						h.out.middle = func(h *Header) { h.Options.SACKPermitted = false }
					}
				})
				s.a.total = 2 << 20
				s.a.out.drop = func(n int, _ *Header) bool { return n == 300 }
				s.transfer(time.Minute)
				if c := s.a.counts; c.retrans != 1 || c.timeouts != 0 || s.a.stats.FastRecoveries != 1 || int(c.bytesRetrans) != s.a.out.bytesLost {
					t.Errorf("%d retransmissions of %d bytes, %d timeouts, %d recoveries for one loss of %d bytes",
						c.retrans, c.bytesRetrans, c.timeouts, s.a.stats.FastRecoveries, s.a.out.bytesLost)
				}
				if s.b.counts.dsacks+s.a.counts.dsacks > 0 || s.b.stats.InDuplicate > 0 {
					t.Errorf("%d duplicates", s.b.stats.InDuplicate)
				}
			})
		}
	}
}

// With SACK, what is sent again is what was lost, and little else.
func TestSimResendsWhatWasLost(t *testing.T) {
	t.Parallel()
	for _, tso := range []bool{false, true} {
		s := newSim(t, 7, Config{}, 50*mbit, 20*time.Millisecond)
		s.both(func(h *simHost) { h.mtu(1500, tso) })
		s.a.total = 8 << 20
		s.a.out.loss = 0.005
		s.transfer(10 * time.Minute)
		if again, gone := int(s.a.counts.bytesRetrans), s.a.out.bytesLost; again > gone*11/10 || gone == 0 {
			t.Errorf("tso=%v: sent %d bytes again for %d lost, %d timeouts", tso, again, gone, s.a.counts.timeouts)
		}
	}
}

// A queue of the path that overflows: slow start overshoots it by far, and what is lost then is
// mended without going back to the start. CUBIC, which leaves more in flight, loses
// some of it a second time.
func TestSimShallowQueue(t *testing.T) {
	t.Parallel()
	for cc, least := range map[string]float64{CUBIC: 30, Reno: 40} {
		s := newSim(t, 3, Config{SendBuffer: 4 << 20, ReceiveBuffer: 4 << 20, Congestion: cc}, 50*mbit, 20*time.Millisecond)
		s.a.out.line.limit = 250_000 // a bandwidth-delay product
		s.a.total = 24 << 20
		s.transfer(10 * time.Minute)
		if g := s.goodput() / mbit; g < least || s.a.counts.timeouts > 1 {
			t.Errorf("%s: %.1f Mbit/s of 50, %d timeouts, %d lost, %d sent again", cc, g, s.a.counts.timeouts, s.a.out.lost, s.a.counts.retrans)
		}
		if again, gone := int(s.a.counts.bytesRetrans), s.a.out.bytesLost; again > gone*11/10 {
			t.Errorf("%s: sent %d bytes again for %d lost", cc, again, gone)
		}
	}
}
