package tcp

import (
	"testing"
	"testing/synctest"
	"time"
)

// newWaits returns a layer's queue with n records, and those.
func newWaits(t *testing.T, cfg Config, n int) (*timeWaits, []*timeWait) {
	t.Helper()
	l, err := New(&wireRoute{new(wirePair), 0}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var ws []*timeWait
	for i := range n {
		w := &timeWait{waits: &l.waits, tuple: testTuple(uint16(i), 80)}
		if !l.conns.add(w.tuple, entry{wait: w}) {
			t.Fatal("the tuple is taken")
		}
		l.waits.add(w)
		ws = append(ws, w)
	}
	return &l.waits, ws
}

// checkWaits holds the queue against itself and the table.
func checkWaits(t *testing.T, q *timeWaits, want int) {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	var prev *timeWait
	for w := q.queue.first; w != nil; w = w.next {
		if w.prev != prev || (prev != nil && prev.expires > w.expires) {
			t.Fatal("the queue is out of order")
		}
		if q.layer.conns.get(w.tuple).wait != w {
			t.Fatal("a record is not in the table")
		}
		prev = w
		n++
	}
	if q.queue.last != prev || n != q.n || n != want || len(q.layer.conns.all()) != want {
		t.Fatalf("%d records, %d counted, %d in the table, want %d", n, q.n, len(q.layer.conns.all()), want)
	}
}

func TestTimeWaitQueueExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, ws := newWaits(t, Config{TimeWait: time.Minute}, 3)
		time.Sleep(30 * time.Second)
		q.restart(ws[0], q.layer.clock.now())
		q.remove(ws[1])
		q.remove(ws[1]) // a second time does nothing
		q.restart(ws[1], q.layer.clock.now())
		checkWaits(t, q, 2)
		time.Sleep(30*time.Second + time.Millisecond)
		synctest.Wait()
		checkWaits(t, q, 1)
		if q.layer.conns.get(ws[0].tuple).wait == nil {
			t.Error("not the one that was begun again is left")
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		checkWaits(t, q, 0)
	})
}

// The oldest makes room, and it is counted.
func TestTimeWaitQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, ws := newWaits(t, Config{MaxTimeWait: 10}, 25)
		checkWaits(t, q, 10)
		s := q.layer.Stats()
		if q.layer.conns.get(ws[14].tuple).wait != nil || q.layer.conns.get(ws[15].tuple).wait == nil || s.TimeWaitOverflow != 15 {
			t.Errorf("%d made room", s.TimeWaitOverflow)
		}
	})
}

func TestTimeWaitQueueInAnyOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, ws := newWaits(t, Config{TimeWait: time.Second}, 50)
		d := seeded(1)
		gone := make(map[int]bool)
		for range 200 {
			i := d.n(len(ws))
			if d.n(3) == 0 {
				q.remove(ws[i])
				gone[i] = true
			} else {
				q.restart(ws[i], q.layer.clock.now())
			}
			time.Sleep(time.Millisecond)
			checkWaits(t, q, len(ws)-len(gone))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		checkWaits(t, q, 0)
	})
}

func TestTimeWaitQueueClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, _ := newWaits(t, Config{}, 5)
		if err := q.layer.Close(); err != nil {
			t.Fatal(err)
		}
		checkWaits(t, q, 0)
		w := &timeWait{waits: q, tuple: testTuple(9, 9)}
		q.layer.conns.add(w.tuple, entry{wait: w})
		q.add(w) // after the close it does not stay
		checkWaits(t, q, 0)
	})
}
