package tcp

import (
	"math"
	"testing"
	"time"
)

// simAlgorithms are those that every path is shown to.
var simAlgorithms = []string{Reno, CUBIC, BBR}

// eachAlgorithm runs a test for each of them.
func eachAlgorithm(t *testing.T, f func(t *testing.T, name string)) {
	for _, name := range simAlgorithms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, name)
		})
	}
}

// download is a flow that always has data to send, over a path whose queue takes so many bytes; 0: any.
func (s *sim) download(cfg Config, rate int, rtt time.Duration, queue int) (from, to *simHost) {
	from, to = s.flow(cfg, rate, rtt/2)
	from.total = 1 << 40
	from.out.line.limit = queue
	return from, to
}

// "IW = min (10*MSS, ...)", and then for each byte that arrives one more (RFC 6928 2, RFC 3465 2.2): where
// nothing is in the way, each round trip carries twice what the one before it did. BBR spreads what it sends over
// the round trip (draft-ietf-ccwg-bbr-06 5.3.1), so that some of it falls into the next one.
func TestSimSlowStartDoubles(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, name string) {
		const rtt = 100 * ms
		least := 2.0
		if name == BBR {
			least = 1.65
		}
		s := newLeanSim(t, 1)
		from, _ := s.download(Config{Congestion: name}, 0, rtt, 0)
		var sent [9]int // in each round trip, that of the SYN first
		from.out.see = func(now instant, _ *Header, n int) {
			if i := int(now.sub(1) / rtt); i < len(sent) {
				sent[i] += n
			}
		}
		s.runFor(time.Duration(len(sent)) * rtt)
		if sent[1] != 10*1448 {
			t.Errorf("%d bytes at first", sent[1])
		}
		for i := 2; i < len(sent); i++ {
			if growth := float64(sent[i]) / float64(sent[i-1]); growth < least || growth > 2.1 {
				t.Errorf("%.2f times as much in round trip %d: %d", growth, i, sent)
			}
		}
	})
}

// HyStart++ ends the first slow start by the delay: where the queue takes four bandwidth-delay products,
// before it overflows.
func TestSimHyStartLeavesInTime(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Reno, CUBIC} {
		s := newLeanSim(t, 1)
		const rtt, product = 20 * ms, 100 * mbit / 8 / 50
		from, _ := s.download(Config{Congestion: name}, 100*mbit, rtt, 4*product)
		s.run(time.Minute, func() bool { return from.cc != nil && from.cc.threshold() < math.MaxInt })
		line := from.out.line
		if line.drops > 0 || from.stats.FastRecoveries > 0 || from.cc.threshold() < product {
			t.Errorf("%s: ssthresh is %d, the path holds %d; dropped %d", name, from.cc.threshold(), product, line.drops)
		}
	}
}

// Where the queue takes less it overflows, but not by a whole window: conservative slow start grows by a quarter of one in
// a round trip (CSS_GROWTH_DIVISOR of RFC 9406 4.2), where slow start doubles it.
func TestSimHyStartOverflowsByLess(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Reno, CUBIC} {
		s := newLeanSim(t, 1)
		const rtt, product = 40 * ms, 100 * mbit / 8 / 25
		from, _ := s.download(Config{Congestion: name}, 100*mbit, rtt, 2*product)
		s.runFor(time.Second)
		const window = 3 * product / 1500
		if drops := from.out.line.drops; drops == 0 || drops > window*2/5 || from.counts.timeouts > 0 {
			t.Errorf("%s: a window of %d segments overflowed by %d, %d timeouts", name, window, drops, from.counts.timeouts)
		}
	}
}
