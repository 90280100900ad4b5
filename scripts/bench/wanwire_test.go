package main

import (
	"encoding/binary"
	"math"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
)

// arrival is a packet's number and how long it was on the way.
type arrival struct {
	number int
	took   time.Duration
}

// cross sends n packets of wire size over a path to the client, one every gap, and
// returns what arrives.
func cross(t *testing.T, p path, n int, gap time.Duration, seed uint64) (got []arrival) {
	t.Helper()
	near, sender := link.Pair(link.PairConfig{Queue: n})
	far, receiver := link.Pair(link.PairConfig{Queue: n})
	w, err := joinWire(near, far, p.impairment(seed))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	t.Cleanup(func() { receiver.Close() })
	sent := make([]time.Time, n)
	received := make(chan struct{})
	go func() {
		defer close(received)
		b := make([]byte, receiver.MaxRead())
		for {
			if _, _, err := receiver.Read(b, true); err != nil {
				return
			}
			i := int(binary.BigEndian.Uint64(b))
			got = append(got, arrival{i, time.Since(sent[i])})
		}
	}()
	for i := range n {
		sent[i] = time.Now()
		b := binary.BigEndian.AppendUint64(nil, uint64(i))
		send(t, sender, b, make([]byte, mtu-len(b)))
		time.Sleep(gap)
	}
	time.Sleep(time.Second)
	w.close()
	receiver.Close()
	<-received
	return got
}

func send(t *testing.T, to link.Device, body ...[]byte) {
	t.Helper()
	var out packet.Out
	out.Reset()
	copy(out.Body[:], body)
	if err := to.Write(&out); err != nil {
		t.Fatal(err)
	}
}

// turn is how long the path's rate takes for a packet.
func (p path) turn() time.Duration {
	return time.Duration(mtu * 8 * int64(time.Second) / p.rate)
}

// Packets that come at the path's rate all arrive in order, after half the round
// trip and their turn, but for those that are lost or late by the path's chances.
func TestWire(t *testing.T) {
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testWire(t, p) })
		})
	}
}

func testWire(t *testing.T, p path) {
	const n = 20_000
	got := cross(t, p, n, p.turn(), 1)
	within(t, "lost", n-len(got), n, p.loss)
	late, last := 0, -1
	for _, a := range got {
		extra := a.took - p.rtt/2 - p.turn()
		switch {
		case extra == 0 && a.number > last:
			last = a.number
		case extra == 3*time.Millisecond && p.late > 0:
			late++
		default:
			t.Fatalf("packet %d came %v late, after number %d", a.number, extra, last)
		}
	}
	within(t, "late", late, n, p.late)

	if again := cross(t, p, n, p.turn(), 1); !slices.Equal(got, again) {
		t.Error("the same seed gave other packets")
	}
	if other := cross(t, p, n, p.turn(), 2); slices.Equal(got, other) != (p.loss+p.late == 0) {
		t.Errorf("another seed gave the same packets: %t", slices.Equal(got, other))
	}
}

// within wants count of n to be what the probability makes likely.
func within(t *testing.T, what string, count, n int, probability float64) {
	t.Helper()
	mean := probability * float64(n)
	if math.Abs(float64(count)-mean) > 4*math.Sqrt(mean) {
		t.Errorf("%d of %d were %s, want some %.0f", count, n, what, mean)
	}
}

// Of what comes at once, the queue holds 50 ms of packets of wire size, and none
// waits longer.
func TestWireQueue(t *testing.T) { synctest.Test(t, testWireQueue) }

func testWireQueue(t *testing.T) {
	for _, p := range paths {
		if p.loss+p.late > 0 {
			continue
		}
		got := cross(t, p, 4000, 0, 1)
		want := int(queue/p.turn()) + 1 // and one that is sent meanwhile
		if len(got) != want {
			t.Errorf("%s: %d packets came, want %d", p.name, len(got), want)
		}
		if longest := got[len(got)-1].took - p.rtt/2; longest > queue+p.turn() {
			t.Errorf("%s: one waited %v", p.name, longest)
		}
	}
}

// The way back has the same delay, and neither loss nor lateness.
func TestWireBack(t *testing.T) { synctest.Test(t, testWireBack) }

func testWireBack(t *testing.T) {
	const n = 1000
	p := path{rate: 100 * mbit, rtt: 20 * time.Millisecond, loss: 0.5, late: 0.5}
	near, receiver := link.Pair(link.PairConfig{Queue: n})
	far, sender := link.Pair(link.PairConfig{Queue: n})
	w, err := joinWire(near, far, p.impairment(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	start := time.Now()
	for range n {
		send(t, sender, make([]byte, 40))
	}
	b := make([]byte, receiver.MaxRead())
	for range n {
		if _, _, err := receiver.Read(b, true); err != nil {
			t.Fatal(err)
		}
	}
	turn := 40 * 8 * time.Second / time.Duration(p.rate)
	if took, want := time.Since(start), p.rtt/2+n*turn; took != want {
		t.Errorf("the last of %d came after %v, want %v", n, took, want)
	}
}

// What the wire carries of a kernel's download if it has no rate of its own.
func BenchmarkWire(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root, for network namespaces and TUN")
	}
	if err := realTime(wirePriority); err != nil {
		b.Fatal(err)
	}
	kernel, err := findWANPeer("kernel")
	if err != nil {
		b.Fatal(err)
	}
	p := wanPlan{time: time.Second}
	var mbits float64
	for b.Loop() {
		t, err := p.download(b.Context(), contender{kernel, "cubic"}, path{rtt: time.Millisecond}, 0)
		if err != nil {
			b.Fatal(err)
		}
		mbits += t.mbits
	}
	b.ReportMetric(mbits/float64(b.N), "Mbit/s")
}
