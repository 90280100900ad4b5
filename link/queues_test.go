package link

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tinystack/tinystack/packet"
)

// onQueue makes the packet leave on a queue.
func onQueue(p *packet.Out, queue uint8) *packet.Out {
	p.Queue = queue
	return p
}

// readNumber returns the number of the next datagram on the queue, -1 if there is none.
func readNumber(t *testing.T, q Queue) int {
	t.Helper()
	buf := make([]byte, packet.MaxSize)
	n, _, err := q.Read(buf, false)
	if err == ErrWouldBlock {
		return -1
	}
	if err != nil {
		t.Fatal(err)
	}
	return number(buf[:n])
}

// What leaves on a queue comes in on that of the same number, in order; the device's own
// Read is the first's. A capture in between changes nothing, and sees all.
func TestQueues(t *testing.T) {
	t.Parallel()
	a, b := Pair(PairConfig{Queues: 2})
	captured := NewCapture(b)
	tap, err := captured.Tap(TapConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		number int
		queue  uint8
	}{{1, 1}, {2, 0}, {3, 1}, {4, 2}, {5, 255}} { // 2 and 255 are 0 and 1 of two
		write(t, a, onQueue(datagram(p.number, 100), p.queue))
	}
	queues := QueuesOf(captured)
	if len(queues) != 2 {
		t.Fatalf("%d queues", len(queues))
	}
	for _, want := range []struct {
		queue   Queue
		numbers []int
	}{{queues[1], []int{1, 3, 5, -1}}, {captured, []int{2}}, {queues[0], []int{4, -1}}} {
		for _, n := range want.numbers {
			if got := readNumber(t, want.queue); got != n {
				t.Errorf("read datagram %d, want %d", got, n)
			}
		}
	}
	seen, err := tap.Next()
	if err != nil || len(seen) != 5 {
		t.Errorf("the tap saw %d packets, %v", len(seen), err)
	}
}

// A device that says nothing of queues is one.
func TestQueuesOfOne(t *testing.T) {
	t.Parallel()
	d, err := Impair(Loopback(), ImpairConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if q := QueuesOf(d); len(q) != 1 || q[0] != Queue(d) {
		t.Errorf("queues %v", q)
	}
	for n, want := range map[int]int{-1: 1, 0: 1, 7: 7, 1000: 256} {
		if a, _ := Pair(PairConfig{Queues: n, Queue: 1}); len(QueuesOf(a)) != want {
			t.Errorf("a pair of %d queues has %d, want %d", n, len(QueuesOf(a)), want)
		}
	}
}

// Close ends the wait of all queues' readers.
func TestQueuesClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, b := Pair(PairConfig{Queues: 3})
		dev := NewCapture(b)
		var readers sync.WaitGroup
		for _, q := range dev.Queues() {
			readers.Go(func() {
				if _, _, err := q.Read(make([]byte, dev.MaxRead()), true); err != ErrClosed {
					t.Errorf("Read: %v, want ErrClosed", err)
				}
			})
		}
		synctest.Wait()
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
		readers.Wait()
	})
}

// A bad wire carries what comes in on any queue below, also when its reader is so far behind
// that the queues wait for room; it has one itself.
func TestImpairQueues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const each = 3 * maxArrived
		a, b := Pair(PairConfig{Queues: 2, Queue: each})
		d, err := Impair(b, ImpairConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for i := range each {
			write(t, a, onQueue(datagram(i, 100), 0))
			write(t, a, onQueue(datagram(each+i, 100), 1))
		}
		synctest.Wait()
		next := [2]int{0, each}
		buf := make([]byte, d.MaxRead())
		for range 2 * each {
			n, _, err := d.Read(buf, true)
			if err != nil {
				t.Fatal(err)
			}
			got := number(buf[:n])
			if q := got / each; got != next[q] {
				t.Fatalf("queue %d: datagram %d, want %d", q, got, next[q])
			}
			next[got/each]++
		}
	})
}
