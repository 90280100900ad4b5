package tcp

import (
	"testing"
	"testing/synctest"

	"github.com/tinystack/tinystack/packet"
)

func TestSuperSegments(t *testing.T) { synctest.Test(t, testSuperSegments) }

func testSuperSegments(t *testing.T) {
	tc := newTestConn(t, setup{tso: true, scale: 7, wnd: 1 << 20})
	tc.write(5500)
	tc.want("one super-segment, with the tail", seg{seq: 1, ack: 1, n: 5500, size: 1000})
	tc.write(100000)
	tc.want("what is left of cwnd, in whole segments", seg{seq: 5501, ack: 1, n: 4000, size: 1000})
	tc.inject(seg{seq: 1, ack: 5501})
	tc.drain()
	s := tc.layer.Stats()
	if s.OutSegs < 6+4 {
		t.Errorf("%d segments were sent: pieces are not counted", s.OutSegs)
	}
}

func TestSuperSegmentSize(t *testing.T) { synctest.Test(t, testSuperSegmentSize) }

func testSuperSegmentSize(t *testing.T) {
	// A packet is at most 65535 bytes with its headers.
	tc := newTestConn(t, setup{tso: true, scale: 7, wnd: 1 << 20, ts: true})
	tc.inject(seg{seq: 1, ack: 1}) // a window that is scaled
	tc.conn.mu.Lock()
	tc.conn.tcb.cc.(*reno).cwnd = 1 << 20
	tc.conn.mu.Unlock()
	tc.write(300000)
	for got := 0; got < 300000; {
		s := tc.take("a burst")
		if len(s.data)+s.Header.Len()+20 > packet.MaxSize {
			t.Fatalf("%d bytes are too much for a packet", len(s.data))
		}
		if len(s.data)%988 != 0 && got+len(s.data) != 300000 {
			t.Fatalf("%d bytes are no whole segments", len(s.data))
		}
		if s.size != 988 || s.Seq.Sub(tc.irs) != 1+got {
			t.Fatalf("got %v", tc.describe(&s))
		}
		got += len(s.data)
	}
}

// A piece that fits a segment is none.
func TestNoSuperSegmentOfOne(t *testing.T) { synctest.Test(t, testNoSuperSegmentOfOne) }

func testNoSuperSegmentOfOne(t *testing.T) {
	tc := newTestConn(t, setup{tso: true})
	tc.write(1000)
	tc.want("one segment", seg{seq: 1, ack: 1, n: 1000})
	tc.write(1001)
	tc.want("two", seg{seq: 1001, ack: 1, n: 1001, size: 1000})
}

// Only the piece that was lost is sent again.
func TestPieceOfSuperSegmentIsSentAgain(t *testing.T) {
	synctest.Test(t, testPieceOfSuperSegmentIsSentAgain)
}

func testPieceOfSuperSegmentIsSentAgain(t *testing.T) {
	tc := newTestConn(t, setup{tso: true})
	tc.write(10000)
	tc.want("all at once", seg{seq: 1, ack: 1, n: 10000, size: 1000})
	tc.inject(seg{seq: 1, ack: 3001})
	tc.inject(seg{seq: 1, ack: 3001, sack: [][2]int{{4001, 5001}}})
	tc.inject(seg{seq: 1, ack: 3001, sack: [][2]int{{6001, 8001}, {4001, 5001}}})
	tc.want("the first piece", seg{seq: 3001, ack: 1, n: 1000})
	if info := tc.conn.Info(); info.Sacked != 3000 || info.Lost != 1000 {
		t.Errorf("%+v", info)
	}
	tc.inject(seg{seq: 1, ack: 4001, sack: [][2]int{{6001, 10001}, {4001, 5001}}})
	tc.want("the second piece", seg{seq: 5001, ack: 1, n: 1000})
	tc.wantCount("RetransSegs", func(s Stats) uint64 { return s.RetransSegs }, 2)
}

func TestSuperSegmentTimesOut(t *testing.T) { synctest.Test(t, testSuperSegmentTimesOut) }

func testSuperSegmentTimesOut(t *testing.T) {
	tc := newTestConn(t, setup{tso: true, noSACK: true}) // no tail loss probe comes first
	tc.write(10000)
	tc.want("all at once", seg{seq: 1, ack: 1, n: 10000, size: 1000})
	tc.wantAfter("the loss window", tc.rto(), seg{seq: 1, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 1001})
	tc.want("two segments in one", seg{seq: 1001, ack: 1, n: 2000, size: 1000})
	tc.inject(seg{seq: 1, ack: 3001})
	tc.want("four", seg{seq: 3001, ack: 1, n: 4000, size: 1000})
}

// A super-segment received is as many as it was on the wire.
func TestSuperSegmentReceived(t *testing.T) { synctest.Test(t, testSuperSegmentReceived) }

func testSuperSegmentReceived(t *testing.T) {
	tc := newTestConn(t, setup{})
	before := tc.layer.Stats().InSegs
	tc.injectSuper(seg{seq: 1, ack: 1, n: 30500}, 1000)
	tc.want("acknowledged at once", seg{seq: 1, ack: 30501})
	tc.read(30500)
	if n := tc.layer.Stats().InSegs - before; n != 31 {
		t.Errorf("counted as %d segments", n)
	}
}

// The device may stop to split at any time.
func TestOffloadGoes(t *testing.T) { synctest.Test(t, testOffloadGoes) }

func testOffloadGoes(t *testing.T) {
	tc := newTestConn(t, setup{tso: true, noSACK: true}) // no tail loss probe comes first
	tc.write(5000)
	tc.want("one", seg{seq: 1, ack: 1, n: 5000, size: 1000})
	tc.net.set(func(n *fakeNet) { n.features = 0 })
	tc.wantAfter("again", tc.rto(), seg{seq: 1, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 1001})
	tc.want("apart", seg{seq: 1001, ack: 1, n: 1000}, seg{seq: 2001, ack: 1, n: 1000})
}
