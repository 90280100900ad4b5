package tcp

import (
	"math"
	"time"
)

// RFC 9438 4.1, 4.6.
const (
	cubicC    = 0.4
	cubicBeta = 0.7
)

// cubic is the congestion control of RFC 9438. Its windows are in segments where
// the RFC's are.
type cubic struct {
	windows
	wMax      float64 // window before the last reduction, less by fast convergence
	cwndPrior float64 // window before the last reduction
	epoch     instant // start of the current congestion avoidance stage; 0: not started
	updated   instant // when cwnd was last looked at in this stage
	origin    float64 // W_max of this stage: the plateau of the curve
	k         float64 // seconds from the epoch to the plateau
	wEst      float64 // what Reno would have by now (4.3)
	fraction  float64 // bytes of growth not yet in cwnd
	before    *cubic  // the latest reduction; nil: there is none to undo
}

func (c *cubic) name() string { return CUBIC }

func (c *cubic) segments() float64 { return float64(c.cwnd) / float64(c.mss) }

func (c *cubic) acked(a ackInfo) {
	c.whole(func() { c.validate(&a) })
	if n := c.slowStart(&a, c.growth(&a)); n > 0 {
		c.avoid(a.now, n, a.srtt)
	}
}

func (c *cubic) restart(now instant, idle time.Duration, app bool) {
	c.whole(func() { c.windows.restart(now, idle, app) })
}

// whole runs what validates cwnd. If that lowers it, the curve and Reno's window begin from there: else
// they would take cwnd back to where it was.
func (c *cubic) whole(validate func()) {
	cwnd := c.cwnd
	validate()
	if c.cwnd < cwnd {
		c.epoch, c.fraction = 0, 0
	}
}

// avoid is congestion avoidance (4.2 to 4.5): n bytes were acknowledged.
func (c *cubic) avoid(now instant, n int, srtt time.Duration) {
	switch gap := now.sub(c.updated); {
	case c.epoch == 0:
		c.startEpoch(now)
	case gap > max(2*srtt, granularity): // 5.8: time in which cwnd was not the limit is not counted
		c.epoch = c.epoch.add(gap)
	}
	c.updated = now
	cwnd := c.segments()
	t := now.sub(c.epoch)
	alpha := 3 * (1 - cubicBeta) / (1 + cubicBeta)
	if c.wEst >= c.cwndPrior {
		alpha = 1 // 4.3: as fast as Reno once it is back where it was
	}
	ackedSegments := float64(n) / float64(c.mss)
	c.wEst += alpha * ackedSegments / cwnd
	if c.curve(t) < c.wEst { // 4.3, the Reno-friendly region
		c.grow((c.wEst - cwnd) * float64(c.mss))
		return
	}
	target := min(max(c.curve(t+srtt), cwnd), 1.5*cwnd) // 4.2
	c.grow((target - cwnd) / cwnd * float64(n))         // 4.4, 4.5
}

// startEpoch begins a congestion avoidance stage (4.2).
func (c *cubic) startEpoch(now instant) {
	c.epoch = now
	cwnd := c.segments()
	c.wEst = cwnd
	c.origin = max(c.wMax, cwnd)
	c.k = math.Cbrt((c.origin - cwnd) / cubicC)
}

// curve is W_cubic(t) (4.2, figure 1).
func (c *cubic) curve(t time.Duration) float64 {
	d := t.Seconds() - c.k
	return cubicC*d*d*d + c.origin
}

// grow adds bytes to cwnd and keeps the fraction.
func (c *cubic) grow(bytes float64) {
	whole, fraction := math.Modf(max(0, bytes) + c.fraction)
	c.cwnd += int(whole)
	c.fraction = fraction
}

// remember keeps what undo restores.
func (c *cubic) remember() {
	now := *c
	now.before = nil
	c.before = &now
}

// reduce remembers the window and lowers ssthresh (4.6, 4.7).
func (c *cubic) reduce(inFlight int) {
	cwnd := c.segments()
	c.cwndPrior = cwnd
	if cwnd < c.wMax { // 4.7, fast convergence
		c.wMax = cwnd * (1 + cubicBeta) / 2
	} else {
		c.wMax = cwnd
	}
	c.reduceTo(cubicBeta, inFlight)
	c.epoch, c.fraction = 0, 0
}

func (c *cubic) lost(_ instant, inFlight int) {
	c.remember()
	c.reduce(inFlight)
	c.cwnd = c.ssthresh
}

// ecnEcho is as a loss, but for small windows (4.6).
func (c *cubic) ecnEcho(now instant, inFlight int) {
	cwnd := c.cwnd
	c.lost(now, inFlight)
	c.marked(cubicBeta, cwnd)
	c.before = nil
}

// undo is 4.9: the curve goes on as if there had been no reduction, unless cwnd is back where it was by itself.
func (c *cubic) undo(instant) {
	b := c.before
	c.before = nil
	if b == nil || c.cwnd >= b.cwnd {
		c.doubted = 0
		return
	}
	c.restore(b.windows)
	c.wMax, c.cwndPrior, c.wEst = b.wMax, b.cwndPrior, b.wEst
	c.epoch, c.updated, c.origin, c.k = b.epoch, b.updated, b.origin, b.k
}

// timedOut is 4.8: the next stage starts on the plateau, at the window it finds.
func (c *cubic) timedOut(_ instant, inFlight, _ int) {
	c.remember()
	c.reduce(inFlight)
	c.wMax = 0
	c.cwnd, c.doubted = c.mss, 0
}

func (c *cubic) timedOutAgain(pipe int) {
	c.windows.timedOutAgain(pipe)
	c.epoch = 0
}

// setMSS keeps the windows' sizes in bytes.
func (c *cubic) setMSS(mss int) {
	scale := float64(c.mss) / float64(mss)
	c.wMax *= scale
	c.cwndPrior *= scale
	if mss != c.mss {
		c.epoch = 0
	}
	c.windows.setMSS(mss)
}
