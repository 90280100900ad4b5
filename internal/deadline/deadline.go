// Package deadline ends waits at a set time, for calls that wait on a sync.Cond.
package deadline

import (
	"sync"
	"time"
)

// Deadline is a moment after which waits fail. All methods but New are called with its lock held.
//
// A deadline that moves later, or away, leaves its timer as it is: an HTTP server moves it
// several times a request, and a timer that goes off early now and then costs less than to move
// that as often.
type Deadline struct {
	lock   sync.Locker
	wake   func()
	at     time.Time // zero: never
	timer  *time.Timer
	rings  time.Time // when the timer goes off; zero: it does not
	passed bool
}

// New returns a deadline that never comes until it is Set. wake, which wakes all who wait, is called with
// lock held each time it does come.
func New(lock sync.Locker, wake func()) *Deadline { return &Deadline{lock: lock, wake: wake} }

// Passed reports whether the deadline has come. It may be called on nil.
func (d *Deadline) Passed() bool { return d != nil && d.passed }

// Set moves the deadline to t, which may have passed already; the zero time is never.
func (d *Deadline) Set(t time.Time) {
	d.at, d.passed = time.Time{}, false
	if t.IsZero() {
		return
	}
	now := time.Now()
	wait := t.Sub(now)
	if wait <= 0 {
		d.pass()
		return
	}
	d.at = now.Add(wait) // by the clock that the timer has, even if t is by the wall's
	if d.rings.IsZero() || d.at.Before(d.rings) {
		d.ring(wait)
	}
}

// pass ends the waits.
func (d *Deadline) pass() {
	d.at, d.passed = time.Time{}, true
	d.wake()
}

// ring sets the timer for the deadline, which is so far away.
func (d *Deadline) ring(wait time.Duration) {
	d.rings = d.at
	if d.timer != nil {
		d.timer.Reset(wait)
		return
	}
	d.timer = time.AfterFunc(wait, d.rang)
}

// rang is called by the timer. The deadline may have moved since that was set, or while this call
// waited for the lock.
func (d *Deadline) rang() {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.rings = time.Time{}
	if d.at.IsZero() {
		return
	}
	if wait := time.Until(d.at); wait > 0 {
		d.ring(wait)
		return
	}
	d.pass()
}

// Stop ends the deadline for good and frees its timer. It may be called on nil.
func (d *Deadline) Stop() {
	if d != nil && d.timer != nil {
		d.at = time.Time{}
		d.timer.Stop()
	}
}
