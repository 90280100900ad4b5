// Package deadline ends waits at a set time, for calls that wait on a sync.Cond.
package deadline

import (
	"sync"
	"time"
)

// Deadline is a moment after which waits fail. The zero value never comes.
// All methods are called with the lock held that is given to Set.
type Deadline struct {
	at     time.Time
	timer  *time.Timer
	passed bool
}

// Passed reports whether the deadline has come. It may be called on nil.
func (d *Deadline) Passed() bool { return d != nil && d.passed }

// Set moves the deadline to t; the zero time is never. wake, which wakes all who
// wait, is called with l held when the deadline comes, or at once if it has.
func (d *Deadline) Set(t time.Time, l sync.Locker, wake func()) {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at, d.passed = time.Time{}, false
	if t.IsZero() {
		return
	}
	now := time.Now()
	wait := t.Sub(now)
	if wait <= 0 {
		d.passed = true
		wake()
		return
	}
	d.at = now.Add(wait) // by the clock that the timer has, even if t is by the wall's
	if d.timer != nil {
		d.timer.Reset(wait)
		return
	}
	d.timer = time.AfterFunc(wait, func() {
		l.Lock()
		defer l.Unlock()
		// A later Set may have run while this call waited for the lock.
		if !d.at.IsZero() && time.Until(d.at) <= 0 && !d.passed {
			d.passed = true
			wake()
		}
	})
}

// Stop ends the deadline for good and frees its timer.
func (d *Deadline) Stop() {
	if d != nil && d.timer != nil {
		d.timer.Stop()
	}
}
