package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/checksum"
	"github.com/tinystack/tinystack/packet"
)

// rig is an impaired end of a pair, and the other end.
type rig struct {
	t     *testing.T
	dev   *Impaired
	far   *Pipe
	start time.Time
}

func newRig(t *testing.T, cfg ImpairConfig, pair PairConfig) *rig {
	t.Helper()
	near, far := Pair(pair)
	dev, err := Impair(near, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return &rig{t: t, dev: dev, far: far, start: time.Now()}
}

func parsed(t *testing.T, s string) ImpairConfig {
	t.Helper()
	cfg, err := ParseImpair(s)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// arrival is a packet's number and when it came.
type arrival struct {
	number int
	after  time.Duration
}

// read returns the n packets that come to dev next, and fails if there are more.
func (r *rig) read(dev Device, n int) []arrival {
	r.t.Helper()
	var got []arrival
	buf := make([]byte, dev.MaxRead())
	for range n {
		n, _, err := dev.Read(buf, true)
		if err != nil {
			r.t.Fatalf("Read: %v", err)
		}
		got = append(got, arrival{number(buf[:n]), time.Since(r.start)})
	}
	r.empty(dev)
	return got
}

func (r *rig) empty(dev Device) {
	r.t.Helper()
	time.Sleep(time.Hour) // whatever travels has arrived
	synctest.Wait()
	if _, _, err := dev.Read(make([]byte, dev.MaxRead()), false); err != ErrWouldBlock {
		r.t.Errorf("more packets came than were sent (%v)", err)
	}
}

func (r *rig) want(dev Device, want ...arrival) {
	r.t.Helper()
	if got := r.read(dev, len(want)); !slices.Equal(got, want) {
		r.t.Errorf("%s: packets came as\n%v, want\n%v", dev.Name(), got, want)
	}
}

// A perfect wire changes nothing, either way.
func TestImpairNothing(t *testing.T) { synctest.Test(t, testImpairNothing) }

func testImpairNothing(t *testing.T) {
	r := newRig(t, ImpairConfig{}, PairConfig{})
	for i := range 3 {
		write(t, r.dev, datagram(i, 100))
		write(t, r.far, datagram(10+i, 100))
	}
	synctest.Wait()
	r.want(r.far, arrival{0, 0}, arrival{1, 0}, arrival{2, 0})
	r.start = time.Now()
	r.want(r.dev, arrival{10, 0}, arrival{11, 0}, arrival{12, 0})
	if got, want := r.dev.Stats(), (ImpairStats{In: WireStats{Packets: 3}, Out: WireStats{Packets: 3}}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

func TestImpairDelay(t *testing.T) { synctest.Test(t, testImpairDelay) }

func testImpairDelay(t *testing.T) {
	const ms = time.Millisecond
	r := newRig(t, parsed(t, "delay=10ms,in.delay=30ms"), PairConfig{})
	write(t, r.dev, datagram(1, 100))
	time.Sleep(4 * ms)
	write(t, r.dev, datagram(2, 100))
	write(t, r.far, datagram(3, 100))
	buf := make([]byte, r.dev.MaxRead())
	time.Sleep(30*ms - time.Nanosecond)
	synctest.Wait()
	if _, _, err := r.dev.Read(buf, false); err != ErrWouldBlock {
		t.Errorf("Read before the packet is due: %v, want ErrWouldBlock", err)
	}
	time.Sleep(time.Nanosecond)
	if n, _, err := r.dev.Read(buf, false); err != nil || number(buf[:n]) != 3 {
		t.Errorf("Read when the packet is due: %v", err)
	}

	r = newRig(t, parsed(t, "delay=10ms"), PairConfig{})
	write(t, r.dev, datagram(1, 100))
	time.Sleep(4 * ms)
	write(t, r.dev, datagram(2, 100))
	r.want(r.far, arrival{1, 10 * ms}, arrival{2, 14 * ms})
}

// Jitter varies the delay within its range, and no packet overtakes another.
func TestImpairJitter(t *testing.T) { synctest.Test(t, testImpairJitter) }

func testImpairJitter(t *testing.T) {
	const ms = time.Millisecond
	r := newRig(t, parsed(t, "delay=10ms,jitter=5ms,seed=3"), PairConfig{})
	const n = 200
	go func() {
		for i := range n {
			write(t, r.dev, datagram(i, 100))
			time.Sleep(ms)
		}
	}()
	low, high := time.Hour, time.Duration(0)
	for i, a := range r.read(r.far, n) {
		delay := a.after - time.Duration(i)*ms
		low, high = min(low, delay), max(high, delay)
		if a.number != i {
			t.Fatalf("packet %d came as number %d", a.number, i)
		}
	}
	if low < 5*ms || high > 15*ms || high-low < 5*ms {
		t.Errorf("delays from %v to %v, want most of 5ms to 15ms", low, high)
	}
}

// 1000 bytes at 1 Mbit/s take 8 ms. Four wait no longer than the queue's 30 ms,
// the next are dropped. Later there is room again.
func TestImpairRate(t *testing.T) { synctest.Test(t, testImpairRate) }

func testImpairRate(t *testing.T) {
	const ms = time.Millisecond
	r := newRig(t, parsed(t, "rate=1mbit,queue=30ms,delay=100ms"), PairConfig{})
	for i := range 8 {
		write(t, r.dev, datagram(i, 1000))
	}
	time.Sleep(20 * ms)
	write(t, r.dev, datagram(8, 500))
	r.want(r.far,
		arrival{0, 108 * ms}, arrival{1, 116 * ms}, arrival{2, 124 * ms},
		arrival{3, 132 * ms}, arrival{8, 136 * ms})
	if got := r.dev.Stats().Out; got.Packets != 9 || got.QueueDrops != 4 {
		t.Errorf("stats %+v, want 9 packets, 4 queue drops", got)
	}
}

// 1000 bytes at 1 Mbit/s take 8 ms: the third and what follows it wait for more than 10 ms. Of those
// the ones whose transport can be told are marked, and are whole packets still.
func TestImpairMarks(t *testing.T) { synctest.Test(t, testImpairMarks) }

func testImpairMarks(t *testing.T) {
	const ect1, ect0 = 1, 2
	sent := []byte{ect0, ect1, ect0, ect1, notECT, ecnCE, 0x2c | ect0}
	want := []byte{ect0, ect1, ecnCE, ecnCE, notECT, ecnCE, 0x2c | ecnCE}
	r := newRig(t, parsed(t, "rate=1mbit,ecn=10ms"), PairConfig{})
	for i, tos := range sent {
		write(t, r.dev, withTOS(datagram(i, 1000), tos))
	}
	buf := make([]byte, r.far.MaxRead())
	for i, tos := range want {
		n, _, err := r.far.Read(buf, true)
		if err != nil || number(buf[:n]) != i || buf[1] != tos {
			t.Errorf("packet %d came as %d, TOS %#x, %v; want TOS %#x", i, number(buf[:n]), buf[1], err, tos)
		}
		if checksum.Checksum(buf[:ipLen]) != 0 {
			t.Errorf("packet %d has a wrong checksum", i)
		}
	}
	if got := r.dev.Stats().Out.Marked; got != 4 {
		t.Errorf("%d were marked, want 4", got)
	}
}

// withTOS sets a packet's TOS.
func withTOS(p *packet.Out, tos byte) *packet.Out {
	h := p.Head()[:ipLen]
	h[1], h[10], h[11] = tos, 0, 0
	binary.BigEndian.PutUint16(h[10:], checksum.Checksum(h))
	return p
}

// What is selected by number happens to that packet and to no other.
func TestImpairByNumber(t *testing.T) { synctest.Test(t, testImpairByNumber) }

func testImpairByNumber(t *testing.T) {
	r := newRig(t, ImpairConfig{Out: &Impairment{
		LoseIf: Packets(2, 9), DuplicateIf: Packets(3), ReorderIf: Packets(4), MarkIf: Packets(5),
	}}, PairConfig{})
	for i := 1; i <= 10; i++ {
		write(t, r.dev, withTOS(datagram(i, 100), 2))
		write(t, r.far, datagram(i, 100))
	}
	var got []int
	for _, a := range r.read(r.far, 9) {
		got = append(got, a.number)
	}
	if want := []int{1, 3, 3, 5, 6, 7, 4, 8, 10}; !slices.Equal(got, want) {
		t.Errorf("packets came as %v, want %v", got, want)
	}
	got = nil
	for _, a := range r.read(r.dev, 10) {
		got = append(got, a.number)
	}
	if want := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}; !slices.Equal(got, want) {
		t.Errorf("the other way packets came as %v, want %v", got, want)
	}
	if got, want := r.dev.Stats().Out, (WireStats{Packets: 10, Lost: 2, Duplicated: 1, Reordered: 1, Marked: 1}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

// A packet that nothing overtakes comes in the end.
func TestImpairReorderLast(t *testing.T) { synctest.Test(t, testImpairReorderLast) }

func testImpairReorderLast(t *testing.T) {
	r := newRig(t, ImpairConfig{Impairment: Impairment{
		Delay: time.Millisecond, ReorderIf: Packets(1, 2), ReorderGap: 2,
	}}, PairConfig{})
	for i := 1; i <= 3; i++ {
		write(t, r.dev, datagram(i, 100))
	}
	r.want(r.far, arrival{3, time.Millisecond}, arrival{1, 11 * time.Millisecond}, arrival{2, 11 * time.Millisecond})
}

// A late packet travels longer than those after it, which overtake it; two that are
// late keep their order.
func TestImpairLate(t *testing.T) { synctest.Test(t, testImpairLate) }

func testImpairLate(t *testing.T) {
	const ms = time.Millisecond
	r := newRig(t, ImpairConfig{Impairment: Impairment{
		Delay: 10 * ms, LateIf: Packets(1, 2, 6), LateBy: 2*ms + ms/2,
	}}, PairConfig{})
	for i := 1; i <= 6; i++ {
		write(t, r.dev, datagram(i, 100))
		time.Sleep(ms)
	}
	r.want(r.far, arrival{3, 12 * ms}, arrival{1, 12*ms + ms/2}, arrival{4, 13 * ms},
		arrival{2, 13*ms + ms/2}, arrival{5, 14 * ms}, arrival{6, 17*ms + ms/2})
	if got, want := r.dev.Stats().Out, (WireStats{Packets: 6, Late: 3}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}

	r = newRig(t, ImpairConfig{Impairment: Impairment{LateIf: Packets(1)}}, PairConfig{})
	write(t, r.dev, datagram(1, 100))
	r.want(r.far, arrival{1, 3 * ms}) // the default
}

// A corrupted packet differs in one bit, and its checksums tell.
func TestImpairCorrupt(t *testing.T) { synctest.Test(t, testImpairCorrupt) }

func testImpairCorrupt(t *testing.T) {
	r := newRig(t, parsed(t, "corrupt=100%,in.corrupt=0%"), PairConfig{})
	buf := make([]byte, r.far.MaxRead())
	for i := range 200 {
		p := datagram(i, 60)
		sent := p.AppendTo(nil)
		write(t, r.dev, p)
		n, _, err := r.far.Read(buf, true)
		if err != nil || n != len(sent) {
			t.Fatalf("read %d bytes, %v", n, err)
		}
		flipped := 0
		for j := range sent {
			for d := sent[j] ^ buf[j]; d != 0; d &= d - 1 {
				flipped++
			}
		}
		if flipped != 1 || intact(buf[:n]) {
			t.Errorf("packet %d: %d bits flipped, intact %t", i, flipped, intact(buf[:n]))
		}
	}
	write(t, r.far, datagram(1, 60))
	if n, _, err := r.dev.Read(buf, true); err != nil || !intact(buf[:n]) {
		t.Errorf("the other way a packet was corrupted (%v)", err)
	}
}

// The same seed gives the same fate, another seed another; so do the two
// directions.
func TestImpairSeed(t *testing.T) { synctest.Test(t, testImpairSeed) }

func testImpairSeed(t *testing.T) {
	run := func(seed string) (out, in string) {
		near, far := Pair(PairConfig{})
		dev, err := Impair(near, parsed(t, "loss=10%,dup=10%,corrupt=10%,reorder=10%,late=10%,delay=5ms,jitter=5ms,seed="+seed))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			write(t, dev, datagram(i, 60))
			write(t, far, datagram(i, 60))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		out, in = everything(far), everything(dev)
		dev.Close()
		return out, in
	}
	out1, in1 := run("1")
	again, inAgain := run("1")
	if out1 != again || in1 != inAgain {
		t.Error("the same seed gave other packets")
	}
	if out2, _ := run("2"); out1 == out2 {
		t.Error("another seed gave the same packets")
	}
	if out1 == in1 {
		t.Error("both directions had the same fate")
	}
}

func everything(dev Device) string {
	var b strings.Builder
	buf := make([]byte, dev.MaxRead())
	for {
		n, _, err := dev.Read(buf, false)
		if err != nil {
			return b.String()
		}
		fmt.Fprintf(&b, "%x\n", buf[:n])
	}
}

// The probabilities are what happens, and each leaves the others' fates alone.
func TestImpairProbabilities(t *testing.T) {
	t.Parallel()
	const n = 100_000
	losses := func(extra float64) (lost []int, dup int) {
		w := newWire(Impairment{Loss: 0.05, Duplicate: extra}, 1, 1, nil, newClockAlarm())
		p := []byte{0}
		for i := range n {
			f := w.chances.next(p)
			if f.lose {
				lost = append(lost, i)
			}
			if f.duplicate {
				dup++
			}
		}
		return lost, dup
	}
	lost, _ := losses(0)
	also, dup := losses(0.2)
	if !slices.Equal(lost, also) {
		t.Error("duplication changed which packets are lost")
	}
	if len(lost) < 4700 || len(lost) > 5300 || dup < 19500 || dup > 20500 {
		t.Errorf("of %d packets %d lost, %d duplicated; want about 5%%, 20%%", n, len(lost), dup)
	}
}

// Super-packets read from the device below come in wire size, complete.
func TestImpairSplits(t *testing.T) { synctest.Test(t, testImpairSplits) }

func testImpairSplits(t *testing.T) {
	r := newRig(t, parsed(t, "delay=1ms"), PairConfig{Features: allFeatures})
	if r.dev.Features() != 0 || r.dev.MaxRead() != 1500 {
		t.Errorf("features %b, MaxRead %d; want 0, 1500", r.dev.Features(), r.dev.MaxRead())
	}
	payload := pattern(10_000)
	write(t, r.far, super(segment{src: hostAddr, dst: stackAddr, protocol: protoTCP, payload: payload}.out(true), packet.GSOTCP, 1460))
	write(t, r.far, segment{src: hostAddr, dst: stackAddr, protocol: protoTCP, payload: payload[:5]}.out(true))
	var got []byte
	buf := make([]byte, r.dev.MaxRead())
	for range 8 {
		n, o, err := r.dev.Read(buf, true)
		if err != nil || o != (packet.Offload{}) || !intact(buf[:n]) {
			t.Fatalf("read %d bytes, %+v, %v", n, o, err)
		}
		got = append(got, buf[ipLen+tcpLen:n]...)
	}
	if !bytes.Equal(got, append(payload, payload[:5]...)) {
		t.Error("the payload is not what was written")
	}
	bad := super(segment{src: hostAddr, dst: stackAddr, protocol: protoUDP, payload: payload}.out(true), packet.GSOUDP, 1000)
	bad.Head()[0] = 0x50
	write(t, r.far, bad)
	synctest.Wait()
	if got := r.dev.Stats().In; got.Packets != 8 || got.Malformed != 1 {
		t.Errorf("stats %+v, want 8 packets, 1 malformed", got)
	}
	p := segment{src: stackAddr, dst: hostAddr, protocol: protoTCP, payload: payload[:5]}.out(true)
	if err := r.dev.Write(p); err != syscall.EINVAL {
		t.Errorf("partial checksum written: %v, want EINVAL", err)
	}
	if err := r.dev.Write(datagram(1, 1501)); err != syscall.EMSGSIZE {
		t.Errorf("above the MTU: %v, want EMSGSIZE", err)
	}
}

// A reader that does not read leaves the device below to queue and to drop.
func TestImpairSlowReader(t *testing.T) { synctest.Test(t, testImpairSlowReader) }

func testImpairSlowReader(t *testing.T) {
	r := newRig(t, ImpairConfig{}, PairConfig{Queue: 10})
	for i := range 2000 {
		write(t, r.far, datagram(i, 100))
		synctest.Wait()
	}
	if got := r.dev.Stats().In.Packets; got != maxArrived {
		t.Errorf("%d packets taken from the device below, want %d", got, maxArrived)
	}
	if got := r.far.Stats().QueueDrops; got != 2000-maxArrived-10 {
		t.Errorf("the device below dropped %d, want %d", got, 2000-maxArrived-10)
	}
	for i, a := range r.read(r.dev, maxArrived+10) {
		if a.number != i {
			t.Fatalf("packet %d came as number %d", a.number, i)
		}
	}
}

// What travels is bounded, whatever the delay.
func TestImpairMemory(t *testing.T) { synctest.Test(t, testImpairMemory) }

func testImpairMemory(t *testing.T) {
	r := newRig(t, parsed(t, "delay=1m"), PairConfig{MTU: 65535})
	p := datagram(1, 65535)
	for range 1030 {
		if err := r.dev.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.dev.Stats().Out.QueueDrops; got != 1030-maxTraveling>>16 {
		t.Errorf("%d dropped, want %d", got, 1030-maxTraveling>>16)
	}
}

// Close ends a waiting Read, closes the device below, and ends the goroutines
// (or the bubble would complain).
func TestImpairClose(t *testing.T) { synctest.Test(t, testImpairClose) }

func testImpairClose(t *testing.T) {
	r := newRig(t, parsed(t, "delay=10ms"), PairConfig{})
	write(t, r.dev, datagram(1, 100))
	write(t, r.far, datagram(1, 100))
	done := make(chan error)
	for range 2 {
		go func() {
			_, _, err := r.dev.Read(make([]byte, r.dev.MaxRead()), true)
			done <- err
		}()
		synctest.Wait()
		time.Sleep(20 * time.Millisecond)
		if err := r.dev.Close(); err != nil {
			t.Error(err)
		}
		<-done
	}
	buf := make([]byte, 1500)
	if _, _, err := r.dev.Read(buf, true); err != ErrClosed {
		t.Errorf("Read: %v, want ErrClosed", err)
	}
	if err := r.dev.Write(datagram(1, 100)); err != ErrClosed {
		t.Errorf("Write: %v, want ErrClosed", err)
	}
	if _, _, err := r.dev.Read(buf[:99], true); err != io.ErrShortBuffer {
		t.Errorf("a short buffer: %v, want io.ErrShortBuffer", err)
	}
}

// broken is a device that goes away.
type broken struct{ *Pipe }

var errGone = fmt.Errorf("broken: %w", syscall.ENODEV)

func (b *broken) Write(*packet.Out) error { return errGone }

// The end of the device below is told, after what it read before.
func TestImpairDeviceEnds(t *testing.T) { synctest.Test(t, testImpairDeviceEnds) }

func testImpairDeviceEnds(t *testing.T) {
	near, far := Pair(PairConfig{})
	dev, err := Impair(&broken{near}, parsed(t, "delay=5ms"))
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	write(t, far, datagram(1, 100))
	write(t, dev, datagram(1, 100))
	synctest.Wait()
	near.Close()
	buf := make([]byte, 1500)
	if n, _, err := dev.Read(buf, true); err != nil || number(buf[:n]) != 1 {
		t.Errorf("what was read before: %v", err)
	}
	if _, _, err := dev.Read(buf, true); err != ErrClosed {
		t.Errorf("Read: %v, want ErrClosed", err)
	}
	synctest.Wait() // the packet written has come through as well
	if err := dev.Write(datagram(2, 100)); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("Write: %v, want ENODEV", err)
	}
	if got := dev.Stats().Out; got.WriteErrors != 1 || got.Packets != 1 {
		t.Errorf("stats %+v, want 1 packet, 1 write error", got)
	}
}

// Writers, a reader and Close at the same time: no race, no hang.
func TestImpairConcurrency(t *testing.T) {
	t.Parallel()
	near, far := Pair(PairConfig{})
	dev, err := Impair(near, ImpairConfig{Impairment: Impairment{
		Loss: 0.1, Duplicate: 0.1, Corrupt: 0.1, Reorder: 0.1,
		Delay: time.Millisecond, Jitter: time.Millisecond, Rate: 1e9,
	}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, d := range []Device{dev, far} {
		for range 3 {
			wg.Go(func() {
				p := datagram(1, 500)
				defer p.Release()
				for range 300 {
					if err := d.Write(p); err != nil && err != ErrClosed {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			buf := make([]byte, d.MaxRead())
			for {
				if _, _, err := d.Read(buf, true); err != nil {
					return
				}
			}
		})
	}
	time.Sleep(3 * time.Millisecond)
	for _, d := range []Device{dev, far} {
		wg.Go(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestImpairAllocations(t *testing.T) {
	near, far := Pair(PairConfig{})
	dev, err := Impair(near, ImpairConfig{Impairment: Impairment{Reorder: 0.1}})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	p, buf := datagram(1, 1000), make([]byte, 1500)
	round := func() {
		for _, d := range []struct{ from, to Device }{{dev, far}, {far, dev}} {
			if err := d.from.Write(p); err != nil {
				t.Fatal(err)
			}
			if _, _, err := d.to.Read(buf, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := testing.AllocsPerRun(200, round); n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

// A wire can be changed while packets are on it: those go on as before, later ones
// as it is now, counted from 1.
func TestSet(t *testing.T) { synctest.Test(t, testSet) }

func testSet(t *testing.T) {
	r := newRig(t, parsed(t, "delay=10ms"), PairConfig{})
	write(t, r.far, datagram(1, 100))
	synctest.Wait()
	now := parsed(t, "delay=20ms")
	now.LoseIf = Packets(2)
	if err := r.dev.Set(now); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		write(t, r.far, datagram(2+i, 100))
	}
	got := r.read(r.dev, 3)
	want := []arrival{{1, 10 * time.Millisecond}, {2, 20 * time.Millisecond}, {4, 20 * time.Millisecond}}
	if !slices.Equal(got, want) {
		t.Errorf("arrived %v, want %v", got, want)
	}
	if err := r.dev.Set(ImpairConfig{Impairment: Impairment{Loss: 2}}); err == nil {
		t.Error("a loss of 200% was taken")
	}
}
