package tcp

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/tinystack/tinystack/packet"
)

// wirePair joins two layers in one goroutine: what one sends waits in a queue
// until pump hands it to the other, as a device's reader does.
type wirePair struct {
	features packet.Features
	mtu      int
	layers   [2]*Layer
	in       packet.In
	packets  int // delivered

	mu    sync.Mutex // timers send, too
	queue []wirePacket
	head  int
	drop  bool
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
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.drop {
		return nil
	}
	buf := packet.Get(20 + p.Len()) // after where an IP header would be
	n := len(p.AppendTo(buf.B[20:20]))
	w.queue = append(w.queue, wirePacket{buf, n, p.Offload, 1 - from})
	return nil
}

// take returns the oldest packet, and whether the queue is empty now.
func (w *wirePair) take() (p wirePacket, last, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.head == len(w.queue) {
		return p, true, false
	}
	p = w.queue[w.head]
	if w.head++; w.head == len(w.queue) {
		w.queue, w.head = w.queue[:0], 0
		return p, true, true
	}
	return p, false, true
}

// pump delivers until nothing more is on its way. A batch ends when the queue is empty.
func (w *wirePair) pump() {
	for p, last, ok := w.take(); ok; p, last, ok = w.take() {
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
		if last {
			in.EndBatch()
		}
	}
}

// cut loses all that is sent from now on.
func (w *wirePair) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop = true
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
		w.cut()
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
	c.unlock()
	w.pump()
	return c, nil
}
