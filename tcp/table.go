package tcp

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
)

const shards = 64

// table finds the connection a segment belongs to. It is sharded so that no lock
// is common to all connections, and keyed by a hash that no peer can foresee, so that an
// entry takes a few words: the tuple itself is where the entry points to.
type table struct {
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu   sync.RWMutex
	m    map[uint64]entry // by the tuple's hash
	rest map[tuple]entry  // whose hash was taken by another; nearly always nil
}

// entry is what a tuple stands for: one of the two is set.
type entry struct {
	conn *Conn
	wait *timeWait
}

// is reports whether the entry is there, and is what t stands for.
func (e entry) is(t tuple) bool {
	switch {
	case e.conn != nil:
		return e.conn.tuple == t
	case e.wait != nil:
		return e.wait.tuple == t
	}
	return false
}

func (tb *table) init() { tb.seed = maphash.MakeSeed() }

func (tb *table) hash(t tuple) uint64 {
	var b [16 + 16 + 2 + 2]byte
	l, r := t.local.Addr().As16(), t.remote.Addr().As16()
	copy(b[:], l[:])
	copy(b[16:], r[:])
	binary.NativeEndian.PutUint16(b[32:], t.local.Port())
	binary.NativeEndian.PutUint16(b[34:], t.remote.Port())
	return maphash.Bytes(tb.seed, b[:])
}

func (tb *table) shard(hash uint64) *shard { return &tb.shards[hash%shards] }

func (tb *table) get(t tuple) entry {
	h := tb.hash(t)
	s := tb.shard(h)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.get(h, t)
}

// add enters e, unless the tuple is taken.
func (tb *table) add(t tuple, e entry) bool {
	h := tb.hash(t)
	s := tb.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.get(h, t) != (entry{}) {
		return false
	}
	s.set(h, t, e)
	return true
}

// replace puts e, or nothing, in the place of old, if that is still there.
func (tb *table) replace(t tuple, old, e entry) bool {
	h := tb.hash(t)
	s := tb.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.get(h, t) != old {
		return false
	}
	s.set(h, t, e)
	return true
}

func (s *shard) get(h uint64, t tuple) entry {
	if e := s.m[h]; e.is(t) {
		return e
	}
	return s.rest[t]
}

// set makes e, or nothing, what t stands for.
func (s *shard) set(h uint64, t tuple, e entry) {
	old := s.m[h]
	switch here := old == (entry{}) || old.is(t); {
	case e == (entry{}):
		if here {
			delete(s.m, h)
		}
		delete(s.rest, t)
	case here && s.rest[t] == (entry{}):
		if s.m == nil {
			s.m = make(map[uint64]entry)
		}
		s.m[h] = e
	default:
		if s.rest == nil {
			s.rest = make(map[tuple]entry)
		}
		s.rest[t] = e
	}
}

// all returns all connections, those in TIME-WAIT too.
func (tb *table) all() (entries []entry) {
	for i := range tb.shards {
		s := &tb.shards[i]
		s.mu.RLock()
		for _, e := range s.m {
			entries = append(entries, e)
		}
		for _, e := range s.rest {
			entries = append(entries, e)
		}
		s.mu.RUnlock()
	}
	return entries
}
