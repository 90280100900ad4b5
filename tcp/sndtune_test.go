package tcp

import (
	"testing"
	"testing/synctest"
	"time"
)

// writeInBackground writes n bytes; the function returned says how many were taken so far.
func (tc *testConn) writeInBackground(n int) (result func() error, taken func() int) {
	result = tc.background(func() error {
		_, err := tc.conn.Write(streamBytes(1, n))
		return err
	})
	return result, func() int {
		synctest.Wait()
		i := tc.conn.Info()
		return int(i.BytesAcked) + i.SendQueue
	}
}

// A writer waits while as many bytes are unsent as the low-water mark has it, and goes on when half of
// them are.
func TestNotSentLowat(t *testing.T) { synctest.Test(t, testNotSentLowat) }

func testNotSentLowat(t *testing.T) {
	tc := newTestConn(t, setup{})
	must(t, tc.conn.SetNotSentLowat(4000))
	done, taken := tc.writeInBackground(30_000)
	want := func(name string, n int) {
		t.Helper()
		if got := taken(); got != n {
			t.Fatalf("%s: %d bytes are taken, want %d", name, got, n)
		}
	}
	want("what cwnd lets go, and the mark", 10_000+4000)
	tc.drain()
	tc.inject(seg{seq: 1, ack: 1001}) // two more go out: half of the mark is still unsent
	want("half is unsent", 14_000)
	tc.inject(seg{seq: 1, ack: 2001})
	want("none is unsent", 14_000+4000)
	must(t, tc.conn.SetNotSentLowat(0))
	must(t, done())
	want("without the mark", 30_000)
}

// However low the mark, segments are whole ones.
func TestNotSentLowatOfOne(t *testing.T) { synctest.Test(t, testNotSentLowatOfOne) }

func testNotSentLowatOfOne(t *testing.T) {
	tc := newTestConn(t, setup{cfg: Config{NotSentLowat: 1}})
	done, _ := tc.writeInBackground(12_500)
	tc.wantData("the initial window", 1, 10_000, testMSS)
	tc.inject(seg{seq: 1, ack: 10_001})
	tc.wantData("the rest", 10_001, 2500, testMSS)
	must(t, done())
}

// What waits to be sent is as old as the mark has it, not as the buffer does: the time from a Write's
// end to the transmission of its last byte.
func TestNotSentLowatKeepsDataFresh(t *testing.T) {
	t.Parallel()
	unsent := func(mark int) (most int) {
		s := newLeanSim(t, 1)
		a, b := s.flow(Config{NotSentLowat: mark}, 20*mbit, 20*ms)
		a.total = 1 << 40
		a.out.line.limit = 20 * mbit / 8 / 50
		s.run(5*time.Second, func() bool {
			most = max(most, a.unsent())
			return s.now > instant(4*time.Second)
		})
		if rate := float64(b.got) * 8 / 4; rate < 0.9*20*mbit {
			t.Errorf("a mark of %d: %.1f Mbit/s of 20", mark, rate/mbit)
		}
		return most
	}
	if with, without := unsent(16<<10), unsent(0); with > 16<<10+1448 || without < 500_000 {
		t.Errorf("%d bytes wait at most with a mark of 16 KiB, %d without", with, without)
	}
}
