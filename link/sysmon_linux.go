package link

import "time"

// A sysmonWaker keeps sysmon, the monitor of Go's runtime, awake while packets come on a queue. Sysmon interrupts
// goroutines that compute for long, so that the device's reader runs; but it sleeps as soon as no
// goroutine runs, and only a system call that tells the scheduler, or the next timer, wakes it. To wake it for
// each packet takes as long as a small packet does. Asleep, it is awake a period later, and
// may take two more: the reader runs again after 30 ms at the latest, where it would after 20.
type sysmonWaker struct {
	woken time.Time // by a call that told
	until time.Time // when a timer wakes it at the latest
	timer *time.Timer
}

// sysmonPeriod is sysmon's longest sleep between two looks while goroutines run, and the time for which it lets one compute.
const sysmonPeriod = 10 * time.Millisecond

// due reports whether to tell the scheduler of a call: not while a timer is to wake sysmon, should
// it sleep again at once. There is one if two calls come within a period.
func (w *sysmonWaker) due() bool {
	now := time.Now()
	if now.Before(w.until) {
		return false
	}
	if now.Sub(w.woken) < sysmonPeriod {
		w.until = now.Add(sysmonPeriod)
		w.wakeLater()
	}
	w.woken = now
	return true
}

func (w *sysmonWaker) wakeLater() {
	if w.timer == nil {
		w.timer = time.AfterFunc(sysmonPeriod, func() {})
	} else {
		w.timer.Reset(sysmonPeriod)
	}
}
