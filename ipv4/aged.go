package ipv4

import (
	"container/list"
	"time"
)

// aged is a map whose entries all live for the same time from when they are put
// in, and the timer that says when the oldest has. Its user has a lock, held in
// all calls, and a function that the timer calls, without it. The timer runs only
// while there are entries.
type aged[K comparable, V any] struct {
	life    time.Duration
	entries map[K]*list.Element
	order   list.List // of agedEntry[K, V], the oldest first
	timer   *time.Timer
	expired func()
}

type agedEntry[K comparable, V any] struct {
	key   K
	value V
	ends  time.Time
}

func (a *aged[K, V]) init(life time.Duration, expired func()) {
	a.life, a.expired, a.entries = life, expired, map[K]*list.Element{}
}

func (a *aged[K, V]) len() int { return len(a.entries) }

func (a *aged[K, V]) get(k K) (v V, ok bool) {
	e, ok := a.entries[k]
	if !ok {
		return v, false
	}
	return e.Value.(agedEntry[K, V]).value, true
}

// put stores v under k, to live from now on.
func (a *aged[K, V]) put(k K, v V) {
	a.remove(k)
	a.entries[k] = a.order.PushBack(agedEntry[K, V]{k, v, time.Now().Add(a.life)})
	if a.order.Len() == 1 {
		a.arm()
	}
}

func (a *aged[K, V]) remove(k K) {
	e, ok := a.entries[k]
	if !ok {
		return
	}
	delete(a.entries, k)
	a.order.Remove(e)
	if a.order.Len() == 0 {
		a.timer.Stop()
	}
}

// oldest returns the entry put in first. There must be one.
func (a *aged[K, V]) oldest() (K, V) {
	e := a.order.Front().Value.(agedEntry[K, V])
	return e.key, e.value
}

// takeExpired removes those whose time is over, and returns them.
func (a *aged[K, V]) takeExpired() (gone []V) {
	now := time.Now()
	for a.order.Len() > 0 {
		e := a.order.Front().Value.(agedEntry[K, V])
		if e.ends.After(now) {
			a.arm()
			break
		}
		a.remove(e.key)
		gone = append(gone, e.value)
	}
	return gone
}

// arm sets the timer to the oldest entry's end.
func (a *aged[K, V]) arm() {
	wait := time.Until(a.order.Front().Value.(agedEntry[K, V]).ends)
	if a.timer == nil {
		a.timer = time.AfterFunc(wait, a.expired)
		return
	}
	a.timer.Reset(wait)
}

// clear removes all entries and stops the timer.
func (a *aged[K, V]) clear() {
	clear(a.entries)
	a.order.Init()
	if a.timer != nil {
		a.timer.Stop()
	}
}
