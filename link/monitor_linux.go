package link

import "time"

// A monitor keeps the monitor of Go's runtime awake while packets come. That interrupts goroutines which
// compute for long, so that the device's reader runs; but it sleeps as soon as no goroutine runs, and only
// a system call that tells the scheduler, or the next timer, wakes it. To wake it for each packet takes as long as
// a small packet does.
type monitor struct {
	woken time.Time
	timer *time.Timer
}

// monitorPeriod is how long goroutines may compute before the monitor interrupts them, in the runtime.
const monitorPeriod = 10 * time.Millisecond

// due reports whether to tell the scheduler of a call: once in a period. It sees to it
// that the monitor, should it sleep again at once, is awake at the end of that.
func (m *monitor) due() bool {
	now := time.Now()
	if now.Sub(m.woken) < monitorPeriod {
		return false
	}
	m.woken = now
	if m.timer == nil {
		m.timer = time.AfterFunc(monitorPeriod, func() {})
	} else {
		m.timer.Reset(monitorPeriod)
	}
	return true
}
