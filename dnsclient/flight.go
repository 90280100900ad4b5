package dnsclient

import (
	"context"
	"sync"

	"github.com/miekg/dns"
)

// flights merges identical questions that are asked at the same time: all wait for
// the one that is in flight. Its zero value works.
type flights struct {
	mu  sync.Mutex
	all map[dns.Question]*flight
}

// flight is a question being asked.
type flight struct {
	waiting int // who waits; under flights.mu
	cancel  context.CancelFunc
	done    chan struct{} // closed when answer and err are there
	answer  *Answer
	err     error
}

// join returns the flight of q, and whether it is new. ask gets a context with the
// values of ctx that ends when nobody waits any more. Each join must be followed by
// a leave.
func (fs *flights) join(ctx context.Context, q dns.Question, ask func(context.Context) (*Answer, error)) (f *flight, first bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.all[q]; f != nil {
		f.waiting++
		return f, false
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f = &flight{waiting: 1, cancel: cancel, done: make(chan struct{})}
	if fs.all == nil {
		fs.all = map[dns.Question]*flight{}
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
func (fs *flights) leave(q dns.Question, f *flight, goOn bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.waiting--; f.waiting == 0 && !goOn {
		fs.remove(q, f) // who comes now has a new one
		f.cancel()
	}
}

func (fs *flights) remove(q dns.Question, f *flight) {
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
