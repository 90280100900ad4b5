package tcp

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The receive buffer grows to what a path needs and no sender is slower for it than with all the buffer
// there may be; with timestamps, and without, where a window's worth of data tells the round trip.
func TestReceiveBufferFollowsPath(t *testing.T) {
	t.Parallel()
	for _, path := range []struct {
		mbits int
		rtt   time.Duration
		loss  float64
	}{
		{1, 200 * ms, 0},
		{10, 20 * ms, 0},
		{10, 100 * ms, 0.01},
		{100, 2 * ms, 0},
		{100, 40 * ms, 0},
		{200, 20 * ms, 0.001},
	} {
		for _, timestamps := range []bool{true, false} {
			t.Run(fmt.Sprintf("%+v, timestamps %v", path, timestamps), func(t *testing.T) {
				t.Parallel()
				run := func(tuned bool) (got int64, size int) {
					s := newLeanSim(t, 1)
					a, b := s.flow(Config{}, path.mbits*mbit, path.rtt/2)
					a.total, a.out.loss = 1<<40, path.loss
					a.out.line.limit = path.mbits * mbit / 8 / 50 // 20 ms
					a.out.middle = func(h *Header) { h.Options.HasTimestamps = h.Options.HasTimestamps && timestamps }
					b.rcvBufSet = !tuned
					if !tuned {
						b.rcvBuf = int32(b.cfg.ReceiveBuffer)
					}
					s.runFor(4 * time.Second)
					if b.tsOK != timestamps {
						t.Fatal("timestamps are not as wanted")
					}
					return b.got, int(b.rcvBuf)
				}
				got, size := run(true)
				most, _ := run(false)
				if float64(got) < 0.98*float64(most) {
					t.Errorf("%d bytes arrived, with a larger buffer %d", got, most)
				}
				bdp := path.mbits * mbit / 8 * int(path.rtt/ms) / 1000
				slice := path.mbits * mbit / 8 / int(time.Second/leastTuneInterval)
				limit := max(initialReceiveBuffer, 10*bdp, 10*slice)
				if !timestamps { // the first window's worth may last for several round trips
					limit = max(limit, 5*initialReceiveBuffer)
				}
				if size > limit {
					t.Errorf("the buffer has grown to %d bytes, where the path holds %d", size, bdp)
				}
			})
		}
	}
}

// receiveChunks has the peer, which has timestamps, send chunks of n bytes, each some time after the last.
func (tc *testConn) receiveChunks(n, count int, every time.Duration, read bool) {
	tc.t.Helper()
	const size = testMSS - timestampsLen
	for range count {
		time.Sleep(every)
		for range n / size {
			tc.inject(seg{seq: 1 + int(tc.conn.Info().BytesReceived), ack: 1, n: size})
			if read {
				tc.read(size)
			}
			for s, ok := tc.net.next(); ok; s, ok = tc.net.next() {
				tc.lastTSVal = s.Options.TSVal
			}
		}
	}
}

func (tc *testConn) wantReceiveBuffer(name string, want int) {
	tc.t.Helper()
	if got := tc.conn.Info().RcvSpace; got != want {
		tc.t.Errorf("%s: the receive buffer is of %d bytes, want %d", name, got, want)
	}
}

// What waits for the application is no reason to hold more.
func TestReceiveBufferOfSlowReader(t *testing.T) { synctest.Test(t, testReceiveBufferOfSlowReader) }

func testReceiveBufferOfSlowReader(t *testing.T) {
	tc := newTestConn(t, setup{scale: 7, ts: true, passive: true})
	tc.receiveChunks(100_000, 1, 0, false)
	tc.wantReceiveBuffer("nothing is read", initialReceiveBuffer)
}

// Chunks that come now and then fill no more than a buffer of four of them, and their pauses are
// not taken for round trips.
func TestReceiveBufferOfChunks(t *testing.T) { synctest.Test(t, testReceiveBufferOfChunks) }

func testReceiveBufferOfChunks(t *testing.T) {
	tc := newTestConn(t, setup{scale: 7, ts: true, passive: true})
	tc.receiveChunks(20_000, 20, 3*time.Second, true)
	tc.wantReceiveBuffer("20 KB every 3 s", initialReceiveBuffer)
	tc.receiveChunks(60_000, 20, 3*time.Second, true)
	if got := tc.conn.Info().RcvSpace; got <= initialReceiveBuffer || got > 4*60_000 {
		t.Errorf("60 KB every 3 s: the buffer is of %d bytes", got)
	}
}

// The window scale in the SYN suits what the window may become; what a SYN and the first ACKs offer is
// what there is at first.
func TestReceiveBufferAtFirst(t *testing.T) { synctest.Test(t, testReceiveBufferAtFirst) }

func testReceiveBufferAtFirst(t *testing.T) {
	tc := newTestConn(t, setup{scale: 7, ts: true, cfg: Config{ReceiveBuffer: 16 << 20}})
	if i := tc.conn.Info(); i.RcvWscale != 9 || i.RcvWnd != initialReceiveBuffer || i.RcvSpace != initialReceiveBuffer {
		t.Errorf("scale %d, window %d, buffer %d", i.RcvWscale, i.RcvWnd, i.RcvSpace)
	}
}

// An application that sets the size gets what it set.
func TestReceiveBufferSetByApplication(t *testing.T) {
	synctest.Test(t, testReceiveBufferSetByApplication)
}

func testReceiveBufferSetByApplication(t *testing.T) {
	tc := newTestConn(t, setup{scale: 7, ts: true})
	must(t, tc.conn.SetReadBuffer(50_000))
	tc.receiveChunks(40_000, 50, 0, true)
	tc.wantReceiveBuffer("set", 50_000)
	if tc.conn.tcb.tuner != nil {
		t.Error("it is still tuned")
	}
}

// What tunes the buffer is there neither for a connection that gets little, nor once there is nothing to tune.
func TestReceiveTunerIsLazy(t *testing.T) { synctest.Test(t, testReceiveTunerIsLazy) }

func testReceiveTunerIsLazy(t *testing.T) {
	tc := newTestConn(t, setup{scale: 7, ts: true, cfg: Config{ReceiveBuffer: 256 << 10}})
	tc.receiveChunks(20_000, 1, 0, true)
	if tc.conn.tcb.tuner != nil {
		t.Error("20 KB are tuned for")
	}
	tc.receiveChunks(300_000, 1, 0, true)
	tc.wantReceiveBuffer("full speed", 256<<10)
	if tc.conn.tcb.tuner != nil {
		t.Error("it is still tuned")
	}
}

// The least round trip is of the last ten to twenty seconds: a path may become longer.
func TestReceiveRTTForgets(t *testing.T) {
	t.Parallel()
	cfg, err := Config{}.withDefaults()
	must(t, err)
	var c tcb
	c.init(&cfg, new(Stats), 0, 0)
	c.tsOK, c.tuner = true, new(rcvTuner)
	now := instant(time.Hour)
	sample := func(rtt time.Duration) {
		s := segment{}
		s.Options.TSEcr = c.tsNow(now.add(-rtt))
		c.sampleReceiveRTT(now, &s)
		now = now.add(time.Second)
	}
	want := func(name string, rtt time.Duration) {
		t.Helper()
		if got := c.tuner.leastRTT(); got != rtt {
			t.Errorf("%s: %v, want %v", name, got, rtt)
		}
	}
	sample(20 * ms)
	sample(10 * ms)
	sample(30 * ms)
	want("the least", 10*ms)
	for range 10 {
		sample(100 * ms)
	}
	want("ten seconds later", 10*ms)
	for range 12 {
		sample(100 * ms)
	}
	want("twenty", 100*ms)
	sample(-5 * ms)
	sample(time.Hour)
	want("what is no echo of ours", 100*ms)
	sample(0)
	want("within a tick of the clock", granularity)
}
