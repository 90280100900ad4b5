package tcp

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// newSynQueue returns a listener's queue of half-open connections, on a network that loses everything.
func newSynQueue(t *testing.T, backlog int) *synQueue {
	t.Helper()
	w := &wirePair{mtu: 1500, drop: true}
	l, err := New(&wireRoute{w, 0}, Config{Backlog: backlog})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := l.Listen(netip.AddrPortFrom(wireAddrs[0], 80))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &ln.half
}

// syn has a SYN arrive.
func (q *synQueue) syn(port uint16, seq Seq) {
	q.ln.receive(testTuple(80, port), &segment{Header: Header{Seq: seq, Flags: SYN, Window: 1000}}, 0)
}

// checkSyns holds the queue against itself.
func checkSyns(t *testing.T, q *synQueue, want int) {
	t.Helper()
	q.ln.mu.Lock()
	defer q.ln.mu.Unlock()
	n := 0
	for sends := range q.bySends {
		var prev *halfOpen
		for h := q.bySends[sends].first; h != nil; h = h.next {
			if h.prev != prev || int(h.sends) != sends || q.all[h.tuple] != h || (prev != nil && prev.sentAt > h.sentAt) {
				t.Fatalf("after %d SYN-ACKs the queue is out of order", sends)
			}
			prev = h
			n++
		}
		if q.bySends[sends].last != prev {
			t.Fatal("the queue's end is not its last record")
		}
	}
	if n != want || len(q.all) != want {
		t.Fatalf("%d records queued, %d known, want %d", n, len(q.all), want)
	}
}

// A SYN-ACK without an answer goes out six times in 63 seconds, then the record is gone.
func TestSynQueueGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newSynQueue(t, 100)
		q.syn(1, 1)
		time.Sleep(10 * time.Second)
		q.syn(2, 1)
		checkSyns(t, q, 2)
		time.Sleep(53*time.Second + time.Millisecond)
		synctest.Wait()
		checkSyns(t, q, 1)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		checkSyns(t, q, 0)
		if s := q.ln.layer.Stats(); s.AttemptFails != 2 || s.PassiveOpens != 2 || s.OutSegs != 2 || s.RetransSegs != 2*(maxSynAcks-1) {
			t.Errorf("%+v", s)
		}
	})
}

// A flood takes no more than the backlog, and costs first those that were
// answered most often without a reply.
func TestSynQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newSynQueue(t, 20)
		for port := range uint16(10) {
			q.syn(port, 1)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for port := uint16(10); port < 30; port++ {
			q.syn(port, 1)
			checkSyns(t, q, min(int(port)+1, 20))
		}
		for port := range uint16(10) {
			if q.find(testTuple(80, port)) != nil {
				t.Errorf("an old one, from port %d, is there", port)
			}
		}
		for port := uint16(30); port < 1000; port++ {
			q.syn(port, 1)
		}
		checkSyns(t, q, 20)
		if s := q.ln.layer.Stats(); s.SynEvicted != 980 || s.AttemptFails != 980 {
			t.Errorf("%d evicted", s.SynEvicted)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		checkSyns(t, q, 0)
	})
}

// SYNs again, resets and time in any order leave the queue whole.
func TestSynQueueInAnyOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newSynQueue(t, 30)
		d := seeded(1)
		for range 2000 {
			port := uint16(d.n(60))
			switch d.n(4) {
			case 0, 1:
				q.syn(port, 1)
			case 2:
				q.ln.receive(testTuple(80, port), &segment{Header: Header{Seq: 2, Flags: RST}}, 0)
			case 3:
				time.Sleep(time.Duration(d.n(3000)) * time.Millisecond)
				synctest.Wait()
			}
			q.ln.mu.Lock()
			n := len(q.all)
			q.ln.mu.Unlock()
			checkSyns(t, q, n)
			if n > 30 {
				t.Fatalf("%d records", n)
			}
		}
		q.ln.Close()
		if len(q.all) != 0 || q.bySends != [maxSynAcks + 1]synFIFO{} {
			t.Error("a listener that was closed has half-open connections")
		}
	})
}
