package tcp

import (
	"testing"
	"time"
)

// simRival is a flow that shares a bottleneck with others.
type simRival struct {
	algorithm string
	rtt       time.Duration
}

// simShares has flows that always have data share a queue, which takes so long to empty, before 20 Mbit/s. They begin
// half a second after each other, and a little jitter keeps them out of step. It returns what their applications got
// in a minute, in Mbit/s, after they had 20 s to settle.
func simShares(t *testing.T, queue time.Duration, flows ...simRival) []float64 {
	const rate = 20 * mbit
	heavy(t)
	s := newLeanSim(t, 1)
	var from, to []*simHost
	for i, f := range flows {
		a, b := s.flow(Config{Congestion: f.algorithm}, rate, f.rtt/2)
		a.total = 1 << 40
		a.startAt = s.now.add(time.Duration(i) * 500 * ms)
		a.out.jitter, b.out.jitter = ms, ms
		from, to = append(from, a), append(to, b)
	}
	s.share(from...)
	from[0].out.line.limit = rate / 8 / 1000 * int(queue/ms)
	s.runFor(20 * time.Second)
	before := make([]int64, len(to))
	for i, h := range to {
		before[i] = h.got
	}
	s.runFor(time.Minute)
	shares := make([]float64, len(to))
	sum := 0.0
	for i, h := range to {
		shares[i] = float64(h.got-before[i]) * 8 / 60 / mbit
		sum += shares[i]
	}
	if sum < 0.9*rate*1448/1500/mbit {
		t.Errorf("together they got %.1f Mbit/s: %.1f", sum, shares)
	}
	return shares
}

// fairness is Jain's index (RFC 5166 2.3): 1 if all have the same, 1/n if one has all.
func fairness(shares []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	return sum * sum / (float64(len(shares)) * squares)
}

// rivals are n flows whose round trips, without the queue, are those given in turn.
func rivals(n int, algorithm string, rtts ...time.Duration) (flows []simRival) {
	for i := range n {
		flows = append(flows, simRival{algorithm, rtts[i%len(rtts)]})
	}
	return flows
}

// Flows with the same round trip get the same.
func TestSimFairness(t *testing.T) {
	t.Parallel()
	for _, name := range simAlgorithms {
		for _, n := range []int{2, 8} {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				shares := simShares(t, 40*ms, rivals(n, name, 40*ms)...)
				if f := fairness(shares); f < 0.95 {
					t.Errorf("%s: an index of %.3f: %.1f", name, f, shares)
				}
			})
		}
	}
}

// Where one's round trip is three times that of another, Reno's shares are as 1:3 if each loses when chance
// has it, and as 1:9 if all lose at once: an index of 0.8 to 0.61. The queue, which both wait in, makes the round trips
// less different. CUBIC's are as 1:3, "linearly proportional to the inverse of their RTT ratio"
// (https://www.rfc-editor.org/rfc/rfc9438#section-3.3).
func TestSimFairnessAcrossRTTs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		algorithm string
		least     float64
	}{{Reno, 0.7}, {CUBIC, 0.78}, {BBR, 0.75}} {
		for _, n := range []int{2, 8} {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				shares := simShares(t, 40*ms, rivals(n, tt.algorithm, 40*ms, 120*ms)...)
				if f := fairness(shares); f < tt.least {
					t.Errorf("%s: an index of %.3f: %.1f", tt.algorithm, f, shares)
				}
			})
		}
	}
}

// CUBIC leaves Reno its share where Reno does well (RFC 9438 4.3).
func TestSimCubicBesideReno(t *testing.T) {
	t.Parallel()
	shares := simShares(t, 40*ms, simRival{CUBIC, 40 * ms}, simRival{Reno, 40 * ms})
	if ratio := shares[0] / shares[1]; ratio < 0.7 || ratio > 1.6 {
		t.Errorf("CUBIC has %.2f times what Reno has: %.1f", ratio, shares)
	}
}

// BBR takes no notice of the losses that make CUBIC give way where the queue is short; CUBIC fills a long one, which BBR does not want.
// Neither gets less than a third of an equal share.
func TestSimBBRBesideCUBIC(t *testing.T) {
	t.Parallel()
	for _, queue := range []time.Duration{20 * ms, 40 * ms, 160 * ms, 320 * ms} {
		t.Run(queue.String(), func(t *testing.T) {
			t.Parallel()
			shares := simShares(t, queue, simRival{BBR, 40 * ms}, simRival{CUBIC, 40 * ms})
			if least := (shares[0] + shares[1]) / 2 / 3; shares[0] < least || shares[1] < least {
				t.Errorf("BBR and CUBIC get %.1f Mbit/s", shares)
			}
		})
	}
}
