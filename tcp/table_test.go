package tcp

import (
	"sync"
	"testing"
)

func TestTable(t *testing.T) {
	t.Parallel()
	var tb table
	a, b := testTuple(1, 2), testTuple(2, 1) // in one shard
	ca, cb, w := entry{conn: new(Conn)}, entry{conn: new(Conn)}, entry{wait: new(timeWait)}
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
	var wg sync.WaitGroup
	var got [8]int
	for g := range got {
		wg.Go(func() {
			for port := range uint16(500) {
				e := entry{conn: new(Conn)}
				if tb.add(testTuple(port, 80), e) {
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

// Ports spread over the shards, those of one server too.
func TestTableSpreads(t *testing.T) {
	t.Parallel()
	var n [shards]int
	for port := uint16(49152); port < 49152+6400; port++ {
		n[shardOf(testTuple(80, port))]++
	}
	for i, k := range n {
		if k < 50 || k > 200 {
			t.Errorf("shard %d has %d of 6400", i, k)
		}
	}
}
