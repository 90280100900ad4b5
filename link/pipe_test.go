package link

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/tinystack/tinystack/packet"
)

const allFeatures = packet.TxChecksum | packet.TSO | packet.USO

func TestPairCarriesPackets(t *testing.T) {
	t.Parallel()
	a, b := Pair(PairConfig{})
	for i, d := range []struct{ from, to *Pipe }{{a, b}, {b, a}} {
		p := datagram(i, 600)
		want := p.AppendTo(nil)
		write(t, d.from, p)
		buf := make([]byte, d.to.MaxRead())
		n, o, err := d.to.Read(buf, false)
		if err != nil || o != (packet.Offload{}) || !bytes.Equal(buf[:n], want) {
			t.Errorf("%s to %s: read %d bytes, %+v, %v", d.from.Name(), d.to.Name(), n, o, err)
		}
		if _, _, err := d.to.Read(buf, false); err != ErrWouldBlock {
			t.Errorf("nothing to read: %v, want ErrWouldBlock", err)
		}
	}
}

// With features super-packets and partial checksums pass as they are.
func TestPairOffloads(t *testing.T) {
	t.Parallel()
	a, b := Pair(PairConfig{Features: allFeatures})
	p := super(segment{src: stackAddr, dst: hostAddr, protocol: protoTCP, payload: pattern(20000)}.out(true), packet.GSOTCP, 1460)
	want, offload := p.AppendTo(nil), p.Offload
	write(t, a, p)
	buf := make([]byte, b.MaxRead())
	n, o, err := b.Read(buf, false)
	if err != nil || o != offload || !bytes.Equal(buf[:n], want) {
		t.Errorf("read %d bytes, %+v, %v; want %d, %+v", n, o, err, len(want), offload)
	}
	// Verified by one device says nothing to the next.
	p = datagram(1, 100)
	p.Csum = packet.CsumValid
	write(t, a, p)
	if _, o, err := b.Read(buf, false); err != nil || o.Csum != packet.CsumFull {
		t.Errorf("checksum state %d, %v; want CsumFull", o.Csum, err)
	}
}

// What a device can't send it refuses, as a socket would.
func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	tcp := func(n int) *packet.Out {
		return segment{src: stackAddr, dst: hostAddr, protocol: protoTCP, payload: pattern(n)}.out(true)
	}
	udp := func(n int) *packet.Out {
		return segment{src: stackAddr, dst: hostAddr, protocol: protoUDP, payload: pattern(n)}.out(true)
	}
	whole := super(tcp(3000), packet.GSOTCP, 1460)
	whole.Csum = packet.CsumFull
	for _, c := range []struct {
		name     string
		features packet.Features
		p        *packet.Out
		want     error
	}{
		{"of the MTU", 0, datagram(1, 1500), nil},
		{"above the MTU", 0, datagram(1, 1501), syscall.EMSGSIZE},
		{"above the MTU, with TSO", allFeatures, datagram(1, 1501), syscall.EMSGSIZE},
		{"empty", allFeatures, packet.NewOut(), syscall.EINVAL},
		{"partial checksum", 0, tcp(10), syscall.EINVAL},
		{"super-packet without TSO", packet.TxChecksum | packet.USO, super(tcp(3000), packet.GSOTCP, 1460), syscall.EMSGSIZE},
		{"UDP super-packet without USO", packet.TxChecksum | packet.TSO, super(udp(3000), packet.GSOUDP, 1000), syscall.EMSGSIZE},
		{"TCP segments of the MTU", allFeatures, super(tcp(3000), packet.GSOTCP, 1460), nil},
		{"TCP segments above the MTU", allFeatures, super(tcp(3000), packet.GSOTCP, 1461), syscall.EMSGSIZE},
		{"one TCP segment of the MTU", allFeatures, super(tcp(1460), packet.GSOTCP, 9000), nil},
		{"UDP segments of the MTU", allFeatures, super(udp(3000), packet.GSOUDP, 1472), nil},
		{"UDP segments above the MTU", allFeatures, super(udp(3000), packet.GSOUDP, 1473), syscall.EMSGSIZE},
		{"the largest", allFeatures, super(tcp(packet.MaxSize-40), packet.GSOTCP, 1460), nil},
		{"too large", allFeatures, super(tcp(packet.MaxSize-39), packet.GSOTCP, 1460), syscall.EMSGSIZE},
		{"headers in the body, segments of the MTU", allFeatures, flat(super(tcp(3000), packet.GSOTCP, 1460)), nil},
		{"headers in the body, segments above the MTU", allFeatures, flat(super(tcp(3000), packet.GSOTCP, 1461)), syscall.EMSGSIZE},
		{"no segment size", allFeatures, super(tcp(3000), packet.GSOTCP, 0), syscall.EINVAL},
		{"super-packet with a whole checksum", allFeatures, whole, syscall.EINVAL},
		{"super-packet without a header", allFeatures, bad(tcp(10)), syscall.EINVAL},
	} {
		a, _ := Pair(PairConfig{Features: c.features})
		if err := a.Write(c.p); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// flat has the packet's headers in its body's pieces, as a forwarded one may.
func flat(p *packet.Out) *packet.Out {
	b, o := p.AppendTo(nil), p.Offload
	p.Reset()
	p.Offload, p.Body = o, [2][]byte{b[:30], b[30:]}
	return p
}

func bad(p *packet.Out) *packet.Out {
	super(p, packet.GSOTCP, 1460).CsumStart = 60000
	return p
}

// A full queue loses what comes, counts it, and makes nobody wait.
func TestPairQueueIsBounded(t *testing.T) {
	t.Parallel()
	a, b := Pair(PairConfig{Queue: 3})
	for i := range 5 {
		write(t, a, datagram(i, 100))
	}
	buf := make([]byte, b.MaxRead())
	for i := range 3 {
		n, _, err := b.Read(buf, true)
		if err != nil || number(buf[:n]) != i {
			t.Errorf("read packet %d, %v; want %d", number(buf[:n]), err, i)
		}
	}
	if _, _, err := b.Read(buf, false); err != ErrWouldBlock {
		t.Errorf("%v, want ErrWouldBlock", err)
	}
	if got, want := a.Stats(), (PipeStats{Written: 5, QueueDrops: 2}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

// Closing one end ends its waiting Read; the other end is not closed by it.
func TestPairClose(t *testing.T) { synctest.Test(t, testPairClose) }

func testPairClose(t *testing.T) {
	a, b := Pair(PairConfig{})
	done := make(chan error)
	go func() {
		_, _, err := b.Read(make([]byte, b.MaxRead()), true)
		done <- err
	}()
	synctest.Wait() // it is durably blocked
	write(t, b, datagram(1, 100))
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != ErrClosed {
		t.Errorf("waiting Read: %v, want ErrClosed", err)
	}
	if _, _, err := b.Read(make([]byte, b.MaxRead()), false); err != ErrClosed {
		t.Errorf("Read: %v, want ErrClosed", err)
	}
	if err := b.Write(datagram(1, 100)); err != ErrClosed {
		t.Errorf("Write: %v, want ErrClosed", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
	write(t, a, datagram(2, 100))
	if got, want := a.Stats(), (PipeStats{Written: 1, PeerClosed: 1}); got != want {
		t.Errorf("the other end's stats %+v, want %+v", got, want)
	}
	buf := make([]byte, a.MaxRead())
	if n, _, err := a.Read(buf, true); err != nil || number(buf[:n]) != 1 {
		t.Errorf("the other end's Read: %v; want what was sent before", err)
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	lo := Loopback()
	if lo.Name() != "lo" || lo.MTU() != 65535 {
		t.Errorf("%s of MTU %d, want lo of 65535", lo.Name(), lo.MTU())
	}
	buf := make([]byte, lo.MaxRead())
	for i := range 2 {
		write(t, lo, datagram(i, 65535))
		if n, _, err := lo.Read(buf, true); err != nil || n != 65535 || number(buf) != i {
			t.Errorf("read %d bytes, %v", n, err)
		}
	}
	lo.Close()
	if err := lo.Write(datagram(1, 100)); err != ErrClosed {
		t.Errorf("Write: %v, want ErrClosed", err)
	}
}

func TestPairMTU(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mtu, want int }{{0, 1500}, {-1, 68}, {9000, 9000}, {1 << 20, 65535}} {
		if a, _ := Pair(PairConfig{MTU: c.mtu}); a.MTU() != c.want || a.MaxRead() != c.want {
			t.Errorf("MTU %d: %d, MaxRead %d; want %d", c.mtu, a.MTU(), a.MaxRead(), c.want)
		}
	}
	a, _ := Pair(PairConfig{})
	if _, _, err := a.Read(make([]byte, 100), false); err != io.ErrShortBuffer {
		t.Errorf("a short buffer: %v, want io.ErrShortBuffer", err)
	}
}

// Readers, writers and Close at the same time: no race, no hang, no lost count.
func TestPairConcurrency(t *testing.T) {
	t.Parallel()
	a, b := Pair(PairConfig{Queue: 4})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 200 {
				p := datagram(1, 100)
				if err := a.Write(p); err != nil {
					t.Error(err)
				}
				p.Release()
			}
		})
	}
	read := make(chan uint64)
	go func() {
		buf := make([]byte, b.MaxRead())
		var n uint64
		for {
			if _, _, err := b.Read(buf, true); err != nil {
				read <- n
				return
			}
			n++
		}
	}()
	wg.Wait()
	b.Close()
	n, s := <-read, a.Stats()
	if s.Written != 600 || n > s.Written-s.QueueDrops {
		t.Errorf("read %d, stats %+v", n, s)
	}
}

func TestPairAllocations(t *testing.T) {
	a, b := Pair(PairConfig{})
	p := datagram(1, 1500)
	buf := make([]byte, b.MaxRead())
	if n := testing.AllocsPerRun(500, func() {
		if err := a.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Read(buf, true); err != nil {
			t.Fatal(err)
		}
	}); n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPair(b *testing.B) {
	for _, size := range []int{100, 1500, 65535} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			x, y := Pair(PairConfig{MTU: 65535})
			p := datagram(1, size)
			buf := make([]byte, y.MaxRead())
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := x.Write(p); err != nil {
					b.Fatal(err)
				}
				if _, _, err := y.Read(buf, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The ends of a pair have names.
func TestPairNames(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]PairConfig{
		"pipea pipeb": {},
		"xa xb":       {Name: "x"},
		"eth0 wan":    {Name: "x", Names: [2]string{"eth0", "wan"}},
		"xa lan":      {Name: "x", Names: [2]string{1: "lan"}},
	} {
		a, b := Pair(cfg)
		if got := a.Name() + " " + b.Name(); got != want {
			t.Errorf("%+v: %s, want %s", cfg, got, want)
		}
	}
}
