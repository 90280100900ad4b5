package trace

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Tracer hands the events of its nodes to those who listen.
type Tracer struct {
	last atomic.Uint64                   // ID given
	subs atomic.Pointer[[]*func(*Event)] // nil: nobody listens

	mu sync.Mutex // held while events are handed over, and to change subs
}

// New returns a tracer that nobody listens to.
func New() *Tracer { return new(Tracer) }

// Subscribe has f called with every event from now on. It is called by one goroutine at
// a time, which may hold locks of the stack: f must be quick, and call nothing of the
// stack or the tracer. Cancel ends that; when it returns, f is called no more.
func (t *Tracer) Subscribe(f func(*Event)) (cancel func()) {
	sub := &f
	t.change(func(subs []*func(*Event)) []*func(*Event) { return append(subs, sub) })
	return func() {
		t.change(func(subs []*func(*Event)) []*func(*Event) {
			return slices.DeleteFunc(subs, func(x *func(*Event)) bool { return x == sub })
		})
	}
}

func (t *Tracer) change(f func([]*func(*Event)) []*func(*Event)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var subs []*func(*Event)
	if old := t.subs.Load(); old != nil {
		subs = slices.Clone(*old)
	}
	if subs = f(subs); len(subs) == 0 {
		t.subs.Store(nil)
		return
	}
	t.subs.Store(&subs)
}

// Node returns the tracer's end at the host or router of that name.
func (t *Tracer) Node(name string) *Node { return &Node{tracer: t, name: name} }

// Node is where events happen. A nil *Node is one that nobody listens to. Its methods
// may be called by any number of goroutines.
type Node struct {
	tracer *Tracer
	name   string
}

// Name returns the node's name, "" for nil.
func (n *Node) Name() string {
	if n == nil {
		return ""
	}
	return n.name
}

// On reports whether anybody listens. Who would emit an event asks before it makes one.
func (n *Node) On() bool { return n != nil && n.tracer.subs.Load() != nil }

// Emit hands e to all who listen, and returns its number: e.ID, if that was given by
// Reserve, else the next one. Its time is now. It returns 0 if nobody listens.
func (n *Node) Emit(e Event) ID {
	if !n.On() {
		return 0
	}
	t := n.tracer
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.ID == 0 {
		e.ID = n.Reserve()
	}
	e.Time, e.Node = time.Now(), n.name
	subs := t.subs.Load()
	if subs == nil {
		return 0
	}
	for _, f := range *subs {
		(*f)(&e)
	}
	return e.ID
}

// Reserve returns the number of an event that is to be emitted soon.
func (n *Node) Reserve() ID { return ID(n.tracer.last.Add(1)) }
