package tcp

import (
	"sync"
	"testing"
)

func TestTable(t *testing.T) {
	t.Parallel()
	var tb table
	tb.init()
	a, b := testTuple(1, 2), testTuple(2, 1)
	ca, cb, w := entry{conn: &Conn{tuple: a}}, entry{conn: &Conn{tuple: b}}, entry{wait: &timeWait{tuple: a}}
	if tb.get(a) != (entry{}) || tb.replace(a, ca, w) {
		t.Error("an empty table has an entry")
	}
	if !tb.add(a, ca) || tb.add(a, cb) || !tb.add(b, cb) {
		t.Error("a tuple is taken once")
	}
	if tb.get(a) != ca || tb.get(b) != cb || len(tb.all()) != 2 {
		t.Error("not what was added")
	}
	if tb.replace(a, cb, w) || !tb.replace(a, ca, w) || tb.get(a) != w {
		t.Error("only the entry that is there is replaced")
	}
	if !tb.replace(a, w, entry{}) || tb.get(a) != (entry{}) || len(tb.all()) != 1 {
		t.Error("an entry replaced by none is still there")
	}
	if !tb.add(a, ca) {
		t.Error("a tuple that came free is taken")
	}
}

// Of many who want the same tuple, one gets it.
func TestTableConcurrently(t *testing.T) {
	t.Parallel()
	var tb table
	tb.init()
	var wg sync.WaitGroup
	var got [8]int
	for g := range got {
		wg.Go(func() {
			for port := range uint16(500) {
				e := entry{conn: &Conn{tuple: testTuple(port, 80)}}
				if tb.add(e.conn.tuple, e) {
					got[g]++
				}
				tb.get(testTuple(port, 80))
				if port%100 == 0 {
					tb.all()
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range got {
		sum += n
	}
	if sum != 500 || len(tb.all()) != 500 {
		t.Errorf("%d added, %d there", sum, len(tb.all()))
	}
}

// Two tuples with one hash are two entries, whichever goes first.
func TestTableCollision(t *testing.T) {
	t.Parallel()
	const hash = 7
	a, b := testTuple(1, 80), testTuple(2, 80)
	ca, cb, wb := entry{conn: &Conn{tuple: a}}, entry{conn: &Conn{tuple: b}}, entry{wait: &timeWait{tuple: b}}
	for _, first := range []tuple{a, b} {
		var s shard
		s.set(hash, a, ca)
		if s.get(hash, b) != (entry{}) {
			t.Error("a tuple stands for what has the same hash")
		}
		s.set(hash, b, cb)
		if s.get(hash, a) != ca || s.get(hash, b) != cb {
			t.Error("one of two with the same hash is lost")
		}
		s.set(hash, first, entry{})
		second, left := b, cb
		if first == b {
			second, left = a, ca
		}
		if s.get(hash, first) != (entry{}) || s.get(hash, second) != left {
			t.Error("the wrong one of two with the same hash was removed")
		}
		if second == b { // it stays where it is, though its place has come free
			s.set(hash, b, wb)
			if s.get(hash, b) != wb || len(s.m)+len(s.rest) != 1 {
				t.Error("an entry was not replaced, but doubled")
			}
		}
		s.set(hash, second, entry{})
		if s.get(hash, second) != (entry{}) || len(s.m)+len(s.rest) != 0 {
			t.Error("a removed entry is still there")
		}
	}
}

// Connections spread over the shards, those of one server too; another layer's spread otherwise.
func TestTableSpreads(t *testing.T) {
	t.Parallel()
	var tb, other table
	tb.init()
	other.init()
	var n [shards]int
	same := 0
	for port := uint16(49152); port < 49152+6400; port++ {
		h := tb.hash(testTuple(80, port))
		n[h%shards]++
		if h%shards == other.hash(testTuple(80, port))%shards {
			same++
		}
	}
	if same > 200 {
		t.Errorf("%d of 6400 are in the same shard of two tables", same)
	}
	for i, k := range n {
		if k < 50 || k > 200 {
			t.Errorf("shard %d has %d of 6400", i, k)
		}
	}
}
