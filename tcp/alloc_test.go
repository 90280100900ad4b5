package tcp

import (
	"net/netip"
	"runtime"
	"testing"
	"unsafe"

	"github.com/tinystack/tinystack/packet"
)

// wirePair joins two layers in one goroutine: what one sends waits in a queue
// until pump hands it to the other, as a device's reader does.
type wirePair struct {
	features packet.Features
	mtu      int
	layers   [2]*Layer
	queue    []wirePacket
	head     int
	in       packet.In
	packets  int
	drop     bool
}

type wirePacket struct {
	buf     *packet.Buffer
	n       int
	offload packet.Offload
	to      int
}

var wireAddrs = [2]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}

// wireRoute is the way from one side to the other.
type wireRoute struct {
	w    *wirePair
	from int
}

func (r *wireRoute) Local() netip.Addr                           { return wireAddrs[r.from] }
func (r *wireRoute) Remote() netip.Addr                          { return wireAddrs[1-r.from] }
func (r *wireRoute) MTU() int                                    { return r.w.mtu }
func (r *wireRoute) LowerMTU(int)                                {}
func (r *wireRoute) Features() packet.Features                   { return r.w.features }
func (r *wireRoute) Send(p *packet.Out) error                    { return r.w.send(p, r.from) }
func (r *wireRoute) IsLocal(a netip.Addr) bool                   { return a == wireAddrs[r.from] }
func (r *wireRoute) Route(_, _ netip.Addr) (packet.Route, error) { return r, nil }

func (w *wirePair) send(p *packet.Out, from int) error {
	if w.drop {
		return nil
	}
	buf := packet.Get(20 + p.Len()) // after where an IP header would be
	n := len(p.AppendTo(buf.B[20:20]))
	w.queue = append(w.queue, wirePacket{buf, n, p.Offload, 1 - from})
	return nil
}

// pump delivers until nothing more is on its way, in batches as they came.
func (w *wirePair) pump() {
	for w.head < len(w.queue) {
		p := w.queue[w.head]
		w.head++
		w.packets++
		in := &w.in
		in.Fill(p.buf)
		in.Offload = p.offload
		in.Src, in.Dst = wireAddrs[1-p.to], wireAddrs[p.to]
		in.Packet, in.Payload = p.buf.B[:20+p.n], p.buf.B[20:20+p.n]
		w.layers[p.to].Receive(in)
		if buf := in.Take(); buf != nil {
			buf.Release()
		}
		if w.head == len(w.queue) {
			w.queue, w.head = w.queue[:0], 0
			in.EndBatch()
		}
	}
}

// newWirePair returns two layers, and open connections between them as many as asked for.
func newWirePair(t testing.TB, features packet.Features, mtu int, cfg Config, n int) (w *wirePair, a, b []*Conn) {
	t.Helper()
	w = &wirePair{features: features, mtu: mtu}
	for i := range w.layers {
		l, err := New(&wireRoute{w, i}, cfg)
		if err != nil {
			t.Fatal(err)
		}
		w.layers[i] = l
	}
	t.Cleanup(func() {
		w.drop = true
		w.layers[0].Close()
		w.layers[1].Close()
	})
	ln, err := w.layers[1].Listen(netip.AddrPortFrom(wireAddrs[1], 80))
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		c, err := w.open(ln.addr)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ln.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		a, b = append(a, c), append(b, d)
	}
	return w, a, b
}

// open is Dial without the wait.
func (w *wirePair) open(remote netip.AddrPort) (*Conn, error) {
	l := w.layers[0]
	route, err := l.net.Route(netip.Addr{}, remote.Addr())
	if err != nil {
		return nil, err
	}
	c, err := l.register(0, remote, route)
	if err != nil {
		return nil, err
	}
	c.tcb.connect(l.clock.now())
	c.settle(l.clock.now())
	c.mu.Unlock()
	w.pump()
	return c, nil
}

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
			if n := allocs(func() { there(a[0], b[0]); there(b[0], a[0]) }); n != 0 && !raceEnabled() {
				t.Errorf("%v allocations", n)
			}
			if w.packets == before {
				t.Error("nothing was sent")
			}
		})
	}
}

// raceEnabled: under the race detector a sync.Pool drops some of what it is given.
func raceEnabled() bool {
	buf := packet.Get(1)
	n := testing.AllocsPerRun(100, func() { buf.Release(); buf = packet.Get(1) })
	return n > 0
}

// An idle connection is small: no buffer, no goroutine, and a bound on the rest.
func TestIdleConnectionIsSmall(t *testing.T) {
	const n = 2000
	var before, after runtime.MemStats
	w, _, _ := newWirePair(t, 0, 1500, Config{KeepAlive: -1}, 10) // the tables and pools
	goroutines := runtime.NumGoroutine()
	_ = w
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	w2, a, b := newWirePair(t, 0, 1500, Config{KeepAlive: -1}, n)
	w2.queue, w2.in = nil, packet.In{}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := int(after.HeapAlloc-before.HeapAlloc) / (2 * n)
	t.Logf("%d bytes for each open connection with what the table needs; Conn %d, tcb %d, cubic %d, timeWait %d, halfOpen %d, segment %d",
		each, unsafe.Sizeof(Conn{}), unsafe.Sizeof(tcb{}), unsafe.Sizeof(cubic{}), unsafe.Sizeof(timeWait{}), unsafe.Sizeof(halfOpen{}), unsafe.Sizeof(segment{}))
	if each > 2048 {
		t.Errorf("%d bytes for an idle connection", each)
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
