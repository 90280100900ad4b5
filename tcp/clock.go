package tcp

import "time"

// instant is a moment in nanoseconds since the layer began, from one on. Zero
// is never. It takes a third of a time.Time's room in every timer of every connection.
type instant int64

func (t instant) sub(u instant) time.Duration { return time.Duration(t - u) }

func (t instant) add(d time.Duration) instant { return t + instant(d) }

// earlier returns the earlier of two deadlines, of which each may be never.
func earlier(t, u instant) instant {
	if t == 0 || (u != 0 && u < t) {
		return u
	}
	return t
}

// clock tells how long ago the layer began.
type clock struct{ epoch time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) now() instant { return instant(time.Since(c.epoch)) + 1 }
