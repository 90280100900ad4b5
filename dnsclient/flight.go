package dnsclient

import (
	"context"
	"sync"
)

// flights merges identical questions, those with the same K, that are asked at the
// same time: all wait for the one that is in flight. Its zero value works.
type flights[K comparable, V any] struct {
	mu  sync.Mutex
	all map[K]*flight[V]
}

// flight is a question being asked.
type flight[V any] struct {
	waiting int // who waits; under flights.mu
	cancel  context.CancelFunc
	done    chan struct{} // closed when answer and err are there
	answer  V
	err     error
}

// join returns the flight of q, and whether it is new. ask gets a context with the
// values of ctx that ends when nobody waits any more. Each join must be followed by
// a leave.
func (fs *flights[K, V]) join(ctx context.Context, q K, ask func(context.Context) (V, error)) (f *flight[V], first bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.all[q]; f != nil {
		f.waiting++
		return f, false
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f = &flight[V]{waiting: 1, cancel: cancel, done: make(chan struct{})}
	if fs.all == nil {
		fs.all = map[K]*flight[V]{}
	}
	fs.all[q] = f
	go func() {
		f.answer, f.err = ask(ctx)
		fs.mu.Lock()
		fs.remove(q, f)
		fs.mu.Unlock()
		cancel()
		close(f.done)
	}()
	return f, true
}

// leave ends a wait. The last to leave ends the flight, unless it is to go on for
// those who will ask later.
func (fs *flights[K, V]) leave(q K, f *flight[V], goOn bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.waiting--; f.waiting == 0 && !goOn {
		fs.remove(q, f) // who comes now has a new one
		f.cancel()
	}
}

func (fs *flights[K, V]) remove(q K, f *flight[V]) {
	if fs.all[q] == f {
		delete(fs.all, q)
	}
}

// clone returns a copy of the answer for one of several who asked.
func (a *Answer) clone() *Answer {
	if a == nil {
		return nil
	}
	b := *a
	b.Records, b.Authority = copyRecords(a.Records), copyRecords(a.Authority)
	return &b
}
