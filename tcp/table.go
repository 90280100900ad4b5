package tcp

import "sync"

const shards = 64

// table finds the connection a segment belongs to. It is sharded so that no lock
// is common to all connections.
type table [shards]struct {
	mu sync.RWMutex
	m  map[tuple]entry
}

// entry is what a tuple stands for: one of the two is set.
type entry struct {
	conn *Conn
	wait *timeWait
}

func shardOf(t tuple) uint16 { return (t.local.Port() ^ t.remote.Port()) % shards }

func (tb *table) get(t tuple) entry {
	s := &tb[shardOf(t)]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[t]
}

// add enters e, unless the tuple is taken.
func (tb *table) add(t tuple, e entry) bool {
	s := &tb[shardOf(t)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.m[t]; taken {
		return false
	}
	if s.m == nil {
		s.m = make(map[tuple]entry)
	}
	s.m[t] = e
	return true
}

// replace puts e, or nothing, in the place of old, if that is still there.
func (tb *table) replace(t tuple, old, e entry) bool {
	s := &tb[shardOf(t)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[t] != old {
		return false
	}
	if e == (entry{}) {
		delete(s.m, t)
	} else {
		s.m[t] = e
	}
	return true
}

// all returns all connections, those in TIME-WAIT too.
func (tb *table) all() (entries []entry) {
	for i := range tb {
		s := &tb[i]
		s.mu.RLock()
		for _, e := range s.m {
			entries = append(entries, e)
		}
		s.mu.RUnlock()
	}
	return entries
}
