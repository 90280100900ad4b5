//go:build !race

// Under the race detector a sync.Pool drops some of what it is given.

package tcp

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/tinystack/tinystack/packet"
)

// allocs is testing.AllocsPerRun after the pools and the congestion window have filled.
func allocs(f func()) float64 {
	for range 300 {
		f()
	}
	return testing.AllocsPerRun(300, f)
}

// In the steady state no segment costs an allocation: bulk data both ways, with
// super-segments and without, and single bytes to and fro.
func TestNoAllocationPerSegment(t *testing.T) {
	for _, tt := range []struct {
		name     string
		features packet.Features
		size     int
	}{
		{"one byte", 0, 1},
		{"one segment", 0, 1400},
		{"many segments", 0, 64 << 10},
		{"super-segments", packet.TSO | packet.TxChecksum, 256 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, a, b := newWirePair(t, tt.features, 1500, Config{}, 1)
			p, q := make([]byte, tt.size), make([]byte, tt.size)
			there := func(from, to *Conn) {
				if _, err := from.Write(p); err != nil {
					t.Fatal(err)
				}
				for n := 0; n < len(q); {
					w.pump()
					m, err := to.Read(q[n:])
					if err != nil {
						t.Fatal(err)
					}
					n += m
				}
				w.pump()
			}
			before := w.packets
			if n := allocs(func() { there(a[0], b[0]); there(b[0], a[0]) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
			if w.packets == before {
				t.Error("nothing was sent")
			}
		})
	}
}

// An idle connection is small: no buffer, no goroutine, no timer, and a bound on the rest.
func TestIdleConnectionIsSmall(t *testing.T) {
	const n = 5000
	var before, after runtime.MemStats
	w, _, _ := newWirePair(t, 0, 1500, Config{}, 10) // the tables and pools
	goroutines := runtime.NumGoroutine()
	_ = w
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	w2, a, b := newWirePair(t, 0, 1500, Config{}, n)
	w2.queue, w2.in = nil, packet.In{}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := int(after.HeapAlloc-before.HeapAlloc) / (2 * n)
	t.Logf("%d bytes for each open connection with what the table needs; Conn %d, tcb %d, cubic %d, timeWait %d, halfOpen %d, segment %d",
		each, unsafe.Sizeof(Conn{}), unsafe.Sizeof(tcb{}), unsafe.Sizeof(cubic{}), unsafe.Sizeof(timeWait{}), unsafe.Sizeof(halfOpen{}), unsafe.Sizeof(segment{}))
	if each > 1024 {
		t.Errorf("%d bytes for an idle connection", each)
	}
	if size := unsafe.Sizeof(Conn{}); size > 760 {
		t.Errorf("Conn has %d bytes: with the allocator's 8 it does not fit into 768, and takes 896", size)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines more", now-goroutines)
	}
	for _, c := range []*Conn{a[n-1], b[n-1]} {
		if c.tcb.sndBuf.buf != nil || c.tcb.fl != nil || c.tcb.queue.head != nil || c.tcb.ooo != nil {
			t.Error("an idle connection holds a buffer")
		}
	}
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
}
