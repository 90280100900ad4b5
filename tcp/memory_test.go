package tcp

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// another is a second connection of the same layer, from another port.
func (tc *testConn) another() *testConn {
	tc.t.Helper()
	o := *tc
	o.remote = netip.AddrPortFrom(peerAddr, tc.remote.Port()+1)
	o.written, o.readPos = 0, 0
	o.acceptHandshake()
	return &o
}

// fill has the peer send n segments that nobody reads.
func (tc *testConn) fill(n int) {
	tc.t.Helper()
	for range n {
		tc.inject(seg{seq: 1 + int(tc.conn.Info().BytesReceived), ack: 1, n: testMSS})
	}
	tc.drain()
}

func (tc *testConn) wantMemory(name string, low, high uint64) {
	tc.t.Helper()
	synctest.Wait()
	if got := tc.layer.Stats().CurrMemory; got < low || got > high {
		tc.t.Errorf("%s: %d bytes are in use, want %d to %d", name, got, low, high)
	}
}

// memoryConfig has room for 512 segments of the tests, each of which is kept in the 2 KiB that it arrived in.
var memoryConfig = Config{Memory: 1 << 20, ReceiveBuffer: 2 << 20, KeepAlive: -1}

// What a connection's buffers take is the layer's until it is read, acknowledged or dropped, however the
// connection ends.
func TestMemoryIsGivenBack(t *testing.T) {
	for name, end := range map[string]func(tc *testConn){
		"read": func(tc *testConn) {
			tc.inject(seg{seq: 50_001, ack: 3001, n: 10_000})
			tc.read(61_000)
		},
		"taken": func(tc *testConn) {
			tc.inject(seg{seq: 50_001, ack: 3001, n: 10_000})
			n, err := tc.conn.WriteTo(&lastWriter{left: 61_000})
			if n != 61_000 || err == nil {
				tc.t.Errorf("WriteTo: %d, %v", n, err)
			}
		},
		"read by nobody": func(tc *testConn) {
			must(tc.t, tc.conn.CloseRead())
			tc.inject(seg{seq: 50_001, ack: 3001, n: 10_000})
		},
		"closed": func(tc *testConn) { must(tc.t, tc.conn.Close()) },
		"closed by the layer, and closed": func(tc *testConn) {
			must(tc.t, tc.layer.Close())
			must(tc.t, tc.conn.Close())
		},
		"reset, and read": func(tc *testConn) {
			tc.inject(seg{flags: RST, seq: 50_001})
			tc.wantMemory("what is unread", 50_000, 110_000)
			tc.read(50_000)
		},
		"reset, and closed": func(tc *testConn) {
			tc.inject(seg{flags: RST, seq: 50_001})
			must(tc.t, tc.conn.Close())
		},
		"timed out": func(tc *testConn) {
			tc.read(50_000)
			time.Sleep(time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc := newTestConn(t, setup{passive: true, scale: 7})
				tc.wantMemory("at first", 0, 0)
				tc.fill(50)
				tc.inject(seg{seq: 60_001, ack: 1, n: 1000})
				tc.write(3000)
				tc.drain()
				tc.wantMemory("in use", 54_000, 120_000)
				end(tc)
				tc.wantMemory("in the end", 0, 0)
			})
		})
	}
}

// lastWriter fails when it has taken so many bytes.
type lastWriter struct{ left int }

func (w *lastWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left <= 0 {
		return len(p), errTimedOut
	}
	return len(p), nil
}

// Where memory is scarce, windows are of four segments beyond what was promised, which is kept: no right edge
// goes back. When half of it is free again, they are what they were.
func TestScarceMemoryMakesWindowsSmall(t *testing.T) {
	synctest.Test(t, testScarceMemoryMakesWindowsSmall)
}

func testScarceMemoryMakesWindowsSmall(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, scale: 7, cfg: memoryConfig, noDelAck: true})
	must(t, tc.conn.SetReadBuffer(2<<20))
	other := tc.another()
	edge := 0
	for i := range 400 {
		tc.inject(seg{seq: 1 + 1000*i, ack: 1, n: 1000})
		s := tc.take("ACK")
		at := s.Ack.Sub(tc.iss) + tc.windowOf(&s)
		if at < edge-1<<7 { // the unit of the field
			t.Fatalf("after %d segments the right edge went from %d back to %d", i+1, edge, at)
		}
		edge = max(edge, at)
	}
	if edge < 2<<20 { // promised while there was plenty
		t.Errorf("the right edge is %d", edge)
	}
	tc.wantCount("MemoryPressures", func(s Stats) uint64 { return s.MemoryPressures }, 1)
	left := 65535 // that the SYN-ACK promised
	for i := 0; left > 0; i++ {
		n := min(left, 10_000)
		other.inject(seg{seq: 1 + 10_000*i, ack: 1, n: n})
		s := other.take("ACK")
		other.read(n)
		if left -= n; other.windowOf(&s) > max(left, scarceWindow*testMSS) {
			t.Fatalf("a window of %d bytes, where %d were promised", other.windowOf(&s), left)
		}
	}
	time.Sleep(time.Minute)
	tc.wantCount("MemoryPressuresChrono", func(s Stats) uint64 { return s.MemoryPressuresChrono }, 60_000)
	tc.read(400_000)
	tc.drain()
	time.Sleep(time.Minute)
	tc.wantCount("MemoryPressuresChrono", func(s Stats) uint64 { return s.MemoryPressuresChrono }, 60_000)
	other.inject(seg{seq: 65536, ack: 1, n: 1000})
	other.want("there is plenty", seg{seq: 1, ack: 66536, wnd: initialReceiveBuffer - 1024})
}

// At the limit, what would wait for its application, or for what is missing before it, is dropped, and
// counted. What an application waits for is delivered.
func TestFullMemoryDrops(t *testing.T) { synctest.Test(t, testFullMemoryDrops) }

func testFullMemoryDrops(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, scale: 7, cfg: memoryConfig, noDelAck: true})
	must(t, tc.conn.SetReadBuffer(2<<20))
	other := tc.another()
	other.inject(seg{seq: 5001, ack: 1, n: 1000})
	other.drain()
	tc.fill(600)
	tc.wantMemory("at the limit", 1<<20, 1<<20+memoryUnit)
	dropped := tc.layer.Stats().InNoMemory
	if got := tc.conn.Info().BytesReceived; dropped == 0 || got+dropped*1000 != 600_000 {
		t.Errorf("%d bytes have been received, %d segments were dropped", got, dropped)
	}
	other.inject(seg{seq: 1, ack: 1, n: 1000})
	other.want("in order", seg{seq: 1, ack: 1001, sack: [][2]int{{5001, 6001}}})
	other.inject(seg{seq: 1001, ack: 1, n: 1000})
	other.wantIdle("not read yet")
	tc.wantCount("InNoMemory", func(s Stats) uint64 { return s.InNoMemory }, dropped+1)
	tc.wantCount("OfoPruned", func(s Stats) uint64 { return s.OfoPruned }, 1)
	other.read(1000)
	other.inject(seg{seq: 1001, ack: 1, n: 1000})
	other.want("read", seg{seq: 1, ack: 2001})
	other.inject(seg{seq: 3001, ack: 1, n: 1000})
	other.wantIdle("out of order")
	tc.wantCount("InNoMemory", func(s Stats) uint64 { return s.InNoMemory }, dropped+2)
}

// A FIN that comes with data for which there is no memory is not taken without it.
func TestFullMemoryAndFIN(t *testing.T) { synctest.Test(t, testFullMemoryAndFIN) }

func testFullMemoryAndFIN(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, scale: 7, cfg: memoryConfig, noDelAck: true})
	must(t, tc.conn.SetReadBuffer(2<<20))
	tc.fill(600)
	at := 1 + int(tc.conn.Info().BytesReceived)
	tc.inject(seg{flags: ACK | FIN, seq: at, ack: 1, n: 1000})
	tc.wantState(Established)
	tc.read(at - 1)
	tc.drain()
	tc.inject(seg{flags: ACK | FIN, seq: at, ack: 1, n: 1000})
	tc.wantState(CloseWait)
	tc.read(1000)
}

// Data beyond a gap that nobody fills is given up when the connection is next looked at.
func TestFullMemoryAndIdleGap(t *testing.T) { synctest.Test(t, testFullMemoryAndIdleGap) }

func testFullMemoryAndIdleGap(t *testing.T) {
	cfg := memoryConfig
	cfg.KeepAlive = time.Minute
	tc := newTestConn(t, setup{passive: true, scale: 7, cfg: cfg, noDelAck: true})
	must(t, tc.conn.SetReadBuffer(2<<20))
	other := tc.another()
	other.inject(seg{seq: 5001, ack: 1, n: 1000})
	tc.fill(600)
	time.Sleep(2 * time.Minute)
	if n := other.conn.Info().OutOfOrderBytes; n != 0 {
		t.Errorf("%d bytes are held beyond a gap", n)
	}
}

// A writer gets 64 KiB where memory is scarce, 4 KiB where there is none, and knows what it waits for.
func TestScarceMemoryLimitsWriters(t *testing.T) { synctest.Test(t, testScarceMemoryLimitsWriters) }

func testScarceMemoryLimitsWriters(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, scale: 7, wnd: 1 << 20, cfg: memoryConfig, noDelAck: true})
	must(t, tc.conn.SetReadBuffer(2<<20))
	other := tc.another()
	tc.fill(400)
	done, taken := other.writeInBackground(200_000)
	if got := taken(); got != scarceSendBuffer {
		t.Errorf("%d bytes are taken where memory is scarce", got)
	}
	ackAll := func() {
		synctest.Wait()
		i := other.conn.Info()
		other.drain()
		other.inject(seg{seq: 1, ack: 1 + int(i.BytesAcked) + i.Unacked})
		synctest.Wait()
	}
	for range 2 {
		tc.fill(200) // takes what is left
		ackAll()
	}
	time.Sleep(10 * ms)
	i := other.conn.Info() // all is sent, and there is room only once most of it has arrived
	if i.NotSent != 0 || i.SndBuf != minBuffer || i.Limited != LimitMemory || i.MemoryLimited < 10*ms {
		t.Errorf("of %d bytes %d are not sent where memory is full; limited by %v, by memory for %v", i.SndBuf, i.NotSent, i.Limited, i.MemoryLimited)
	}
	must(t, tc.conn.Close())
	for taken() < 200_000 {
		ackAll()
	}
	must(t, done())
}

// What nobody has any more, and its peer does not take, is the first to go.
func TestFullMemoryEndsOrphans(t *testing.T) { synctest.Test(t, testFullMemoryEndsOrphans) }

func testFullMemoryEndsOrphans(t *testing.T) {
	tc := newTestConn(t, setup{passive: true, scale: 7, cfg: memoryConfig, noDelAck: true})
	must(t, tc.conn.SetReadBuffer(2<<20))
	other := tc.another()
	other.write(1000)
	must(t, other.conn.Close())
	tc.fill(600)
	other.drain()
	time.Sleep(10 * time.Second)
	other.wantListed(Closed)
	tc.wantCount("AbortOnMemory", func(s Stats) uint64 { return s.AbortOnMemory }, 1)
}

// Without a limit memory is never scarce.
func TestUnlimitedMemory(t *testing.T) { synctest.Test(t, testUnlimitedMemory) }

func testUnlimitedMemory(t *testing.T) {
	cfg := memoryConfig
	cfg.Memory = -1
	tc := newTestConn(t, setup{passive: true, scale: 7, cfg: cfg, noDelAck: true})
	must(t, tc.conn.SetReadBuffer(2<<20))
	tc.fill(2000)
	tc.wantMemory("in use", 4_000_000, 5_000_000)
	if got := tc.conn.Info(); got.BytesReceived != 2_000_000 || tc.layer.Stats().MemoryPressures != 0 {
		t.Errorf("%d bytes have been received", got.BytesReceived)
	}
}
