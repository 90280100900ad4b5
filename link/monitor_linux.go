package link

import "time"

// A monitor keeps the monitor of Go's runtime awake while packets come. That interrupts goroutines which
// compute for long, so that the device's reader runs; but it sleeps as soon as no goroutine runs, and only
// a system call that tells the scheduler, or the next timer, wakes it. To wake it for each packet takes as long as
// a small packet does.
type monitor struct {
	woken time.Time // by a call that told
	until time.Time // when a timer wakes it at the latest
	timer *time.Timer
}

// monitorPeriod is how long goroutines may compute before the monitor interrupts them, in the runtime.
const monitorPeriod = 10 * time.Millisecond

// due reports whether to tell the scheduler of a call: not while the monitor, should it sleep again at once, is
// awake in time by a timer. There is one if two calls come within a period.
func (m *monitor) due() bool {
	now := time.Now()
	if now.Before(m.until) {
		return false
	}
	if now.Sub(m.woken) < monitorPeriod {
		m.until = now.Add(monitorPeriod)
		m.wakeLater()
	}
	m.woken = now
	return true
}

func (m *monitor) wakeLater() {
	if m.timer == nil {
		m.timer = time.AfterFunc(monitorPeriod, func() {})
	} else {
		m.timer.Reset(monitorPeriod)
	}
}
