package link

import "time"

// alarm wakes the goroutine that takes from a wire: at a time, or when it is rung.
// One goroutine waits, any number ring.
type alarm interface {
	// wait returns at t, or, the zero t being never, when the alarm has been rung
	// since it last returned. It may return early.
	wait(t time.Time)
	ring()
	close()
}

// clockAlarm is by a timer of Go's clock, which may be a virtual one.
type clockAlarm struct {
	timer *time.Timer
	rung  chan struct{}
}

func newClockAlarm() *clockAlarm {
	a := &clockAlarm{timer: time.NewTimer(time.Hour), rung: make(chan struct{}, 1)}
	a.timer.Stop()
	return a
}

func (a *clockAlarm) wait(t time.Time) {
	if !t.IsZero() {
		a.timer.Reset(time.Until(t))
	}
	select {
	case <-a.timer.C:
	case <-a.rung:
	}
	a.timer.Stop()
}

func (a *clockAlarm) ring() { signal(a.rung) }

func (a *clockAlarm) close() {}
