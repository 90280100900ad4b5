package trace

import (
	"context"
	"sync"
)

// Ring keeps the latest events, in bounded memory, and counts those it lost.
type Ring struct {
	mu     sync.Mutex
	events []*Event // of the ring's size
	first  int
	n      int
	lost   uint64        // since Take
	ready  chan struct{} // holds one if there are events
}

// NewRing returns a ring of the given size, at least one event.
func NewRing(size int) *Ring {
	return &Ring{events: make([]*Event, max(size, 1)), ready: make(chan struct{}, 1)}
}

// Add keeps e, in place of the oldest if the ring is full. It is made for
// [Tracer.Subscribe].
func (r *Ring) Add(e *Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == len(r.events) {
		r.first = (r.first + 1) % len(r.events)
		r.n--
		r.lost++
	}
	r.events[(r.first+r.n)%len(r.events)] = e
	r.n++
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// Take removes and returns all events, the oldest first, and how many were lost
// between those taken before and these.
func (r *Ring) Take() (events []*Event, lost uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	events = make([]*Event, r.n)
	for i := range events {
		at := (r.first + i) % len(r.events)
		events[i], r.events[at] = r.events[at], nil
	}
	lost, r.first, r.n, r.lost = r.lost, 0, 0, 0
	return events, lost
}

// Wait waits until there are events to take, or returns ctx's error.
func (r *Ring) Wait(ctx context.Context) error {
	for {
		r.mu.Lock()
		n := r.n
		r.mu.Unlock()
		if n > 0 {
			return nil
		}
		select {
		case <-r.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
