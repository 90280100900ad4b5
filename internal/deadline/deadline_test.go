package deadline

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// waiter is a lock, and a deadline that counts how often it wakes.
type waiter struct {
	mu    sync.Mutex
	d     *Deadline
	wakes int
}

func newWaiter() *waiter {
	w := new(waiter)
	w.d = New(&w.mu, func() { w.wakes++ })
	return w
}

func (w *waiter) set(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.d.Set(t)
}

// rings returns when the timer goes off.
func (w *waiter) rings() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.d.rings
}

func (w *waiter) want(t *testing.T, when string, passed bool, wakes int) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.d.Passed() != passed || w.wakes != wakes {
		t.Errorf("%s: passed is %v and it woke %d times, want %v and %d", when, w.d.Passed(), w.wakes, passed, wakes)
	}
}

func inBubble(t *testing.T, f func(*testing.T, *waiter)) {
	synctest.Test(t, func(t *testing.T) { f(t, newWaiter()) })
}

func TestComesOnTime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiter) {
		w.want(t, "never set", false, 0)
		w.set(time.Now().Add(time.Second))
		time.Sleep(time.Second - 1)
		w.want(t, "just before", false, 0)
		time.Sleep(time.Nanosecond)
		w.want(t, "on time", true, 1)
		time.Sleep(time.Hour)
		w.want(t, "later", true, 1)
	})
}

// A deadline by the wall clock is turned into one of the monotonic clock: else it
// would never come where the wall clock is set back meanwhile.
func TestWallClock(t *testing.T) { // not in a bubble, which has one clock only
	t.Parallel()
	w := newWaiter()
	w.set(time.Now().Add(time.Hour).Round(0))
	defer w.d.Stop()
	if at := w.d.at; at == at.Round(0) {
		t.Errorf("%v has no monotonic reading", at)
	}
}

func TestPastIsNow(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiter) {
		w.set(time.Now())
		w.want(t, "set to now", true, 1)
		w.set(time.Time{})
		w.want(t, "taken away", false, 1)
	})
}

func TestMoved(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiter) {
		start := time.Now()
		w.set(start.Add(time.Second))
		w.set(start.Add(time.Minute))
		time.Sleep(time.Second)
		w.want(t, "at the first time", false, 0)
		w.set(start.Add(2 * time.Second))
		time.Sleep(time.Second)
		w.want(t, "moved earlier", true, 1)
		w.set(start.Add(time.Minute))
		w.want(t, "moved on after it came", false, 1)
		time.Sleep(time.Minute)
		w.want(t, "came again", true, 2)
	})
}

// Moved on again and again, as a server does for each request, it comes when it was set last, and its
// timer went off for none of the times in between but the first.
func TestMovedOnAgainAndAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiter) {
		w.set(time.Now().Add(time.Minute))
		rings := w.rings()
		for range 30 {
			time.Sleep(time.Second)
			w.set(time.Time{})
			w.set(time.Now().Add(time.Minute))
		}
		if now := w.rings(); now != rings {
			t.Errorf("the timer was set anew for %v, though it goes off at %v", now, rings)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		w.want(t, "just before", false, 0)
		time.Sleep(time.Nanosecond)
		w.want(t, "on time", true, 1)
	})
}

func TestTakenAway(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiter) {
		w.set(time.Now().Add(time.Second))
		w.set(time.Time{})
		time.Sleep(time.Hour)
		w.want(t, "taken away", false, 0)
	})
}

// The timer's call may be waiting for the lock when the deadline is moved; it
// must then do nothing.
func TestMovedWhileItComes(t *testing.T) {
	for name, to := range map[string]time.Duration{"later": time.Hour, "never": 0} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *waiter) {
				w.set(time.Now().Add(time.Second))
				w.mu.Lock()
				time.Sleep(time.Second) // the timer fires at this very time
				runtime.Gosched()       // its call waits for the lock
				next := time.Time{}
				if to > 0 {
					next = time.Now().Add(to)
				}
				w.d.Set(next)
				w.mu.Unlock()
				w.want(t, "moved", false, 0)
			})
		})
	}
}

func TestStop(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiter) {
		w.set(time.Now().Add(time.Second))
		w.d.Stop()
		time.Sleep(time.Hour)
		w.want(t, "stopped", false, 0)
	})
}

func TestNil(t *testing.T) {
	t.Parallel()
	var d *Deadline
	d.Stop()
	if d.Passed() {
		t.Error("a deadline that isn't there has passed")
	}
}

// What a server with a time-out does for each request.
func BenchmarkMoveOn(b *testing.B) {
	d := New(new(sync.Mutex), func() {})
	defer d.Stop()
	b.ReportAllocs()
	for b.Loop() {
		d.Set(time.Now().Add(time.Minute))
		d.Set(time.Time{})
	}
}
