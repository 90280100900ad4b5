package counter

import (
	"sync"
	"testing"
)

type stats struct{ A, B, C uint64 }

func TestSnapshotCopiesEveryField(t *testing.T) {
	t.Parallel()
	s := stats{A: 1}
	Add(&s.B, 5)
	Inc(&s.C)
	if got := Snapshot(&s); got != (stats{1, 5, 1}) {
		t.Errorf("%+v", got)
	}
	Inc(&s.A)
	if got := Snapshot(&s); got != (stats{2, 5, 1}) {
		t.Errorf("%+v", got)
	}
}

func TestSnapshotCopiesStructsWithin(t *testing.T) {
	t.Parallel()
	type outer struct {
		Inner stats
		D     uint64
	}
	s := outer{Inner: stats{B: 2}, D: 4}
	Inc(&s.Inner.B)
	if got := Snapshot(&s); got != (outer{stats{B: 3}, 4}) {
		t.Errorf("%+v", got)
	}
}

// Snapshots while others count are no data race, and never go back.
func TestSnapshotWhileCounting(t *testing.T) {
	t.Parallel()
	var s stats
	var wg sync.WaitGroup
	const each = 1000
	for range 4 {
		wg.Go(func() {
			for range each {
				Inc(&s.A)
				Add(&s.B, 2)
			}
		})
	}
	wg.Go(func() {
		for last := (stats{}); last.A < each; {
			now := Snapshot(&s)
			if now.A < last.A || now.B < last.B {
				t.Errorf("%+v after %+v", now, last)
			}
			last = now
		}
	})
	wg.Wait()
	if got := Snapshot(&s); got != (stats{A: 4 * each, B: 8 * each}) {
		t.Errorf("%+v", got)
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	var s stats
	if n := testing.AllocsPerRun(100, func() { Inc(&s.A); Add(&s.B, 2) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
