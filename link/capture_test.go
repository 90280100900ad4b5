package link

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/packet"
)

// captured is a capture on one end of a pair with the features, and the other end.
func captured(t *testing.T, f packet.Features) (*Capture, *Pipe) {
	t.Helper()
	a, b := Pair(PairConfig{Features: f})
	c := NewCapture(a)
	t.Cleanup(func() { c.Close(); b.Close() })
	return c, b
}

func tap(t *testing.T, c *Capture, cfg TapConfig) *Tap {
	t.Helper()
	tap, err := c.Tap(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tap.Close)
	return tap
}

// all reads to the end of a tap that is closed, or will be.
func all(t *testing.T, tap *Tap) (got []Captured) {
	t.Helper()
	for {
		batch, err := tap.Next()
		if err == io.EOF {
			return got
		}
		if err != nil || len(batch) == 0 {
			t.Fatalf("Next: %d packets, %v", len(batch), err)
		}
		for _, p := range batch {
			p.Data = bytes.Clone(p.Data)
			got = append(got, p)
		}
	}
}

// Both directions are copied, in order, with their times, and arrive as without a tap.
func TestCapture(t *testing.T) { synctest.Test(t, testCapture) }

func testCapture(t *testing.T) {
	c, peer := captured(t, 0)
	tap := tap(t, c, TapConfig{})
	began := time.Now()
	buf := make([]byte, 2048)
	for i := range 3 {
		write(t, c, datagram(2*i, 100+i))
		time.Sleep(time.Nanosecond)
		write(t, peer, datagram(2*i+1, 200+i))
		for _, d := range []Device{peer, c} {
			if _, _, err := d.Read(buf, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	tap.Close()
	got := all(t, tap)
	if len(got) != 6 {
		t.Fatalf("%d packets, want 6", len(got))
	}
	for i, p := range got {
		way, size := Outbound, 100+i/2
		if i%2 == 1 {
			way, size = Inbound, 200+i/2
		}
		when := began.Add(time.Duration((i + 1) / 2))
		if p.Direction != way || len(p.Data) != size || p.Len != size || number(p.Data) != i || !p.Time.Equal(when) || p.Missed != 0 {
			t.Errorf("packet %d: %d of %d bytes, direction %d, at +%v, number %d", i, len(p.Data), p.Len, p.Direction, p.Time.Sub(began), number(p.Data))
		}
	}
	if s := tap.Stats(); s != (TapStats{Seen: 6, Matched: 6, Captured: 6}) {
		t.Errorf("statistics %+v", s)
	}
	if _, err := tap.Next(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

// What an offload leaves undone is done in the copy, whole or cut, and in the copy
// alone; a super-segment stays one.
func TestCaptureCompletesChecksums(t *testing.T) {
	t.Parallel()
	for _, snap := range []int{0, 60} {
		c, peer := captured(t, packet.TxChecksum|packet.TSO)
		tap := tap(t, c, TapConfig{SnapLen: snap})
		payload := pattern(40000)
		seg := segment{src: stackAddr, dst: hostAddr, protocol: protoTCP, flags: 0x10, seq: 1, payload: payload}
		out := super(seg.out(true), packet.GSOTCP, 1460)
		if err := c.Write(out); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, packet.MaxSize)
		n, o, err := peer.Read(buf, false)
		if err != nil || o != out.Offload || !bytes.Equal(buf[:n], out.AppendTo(nil)) || intact(buf[:n]) {
			t.Errorf("the device got %d bytes with %+v, %v; want what was written, its checksum partial", n, o, err)
		}
		write(t, peer, super(seg.out(true), packet.GSOTCP, 1460))
		if _, _, err := c.Read(buf, false); err != nil {
			t.Fatal(err)
		}
		tap.Close()
		whole := seg.out(false).AppendTo(nil)
		for i, p := range all(t, tap) {
			want := whole
			if snap > 0 {
				want = whole[:snap]
			}
			if p.Len != len(whole) || !bytes.Equal(p.Data, want) {
				t.Errorf("snap %d, packet %d is %d of %d bytes, or its checksum is wrong", snap, i, len(p.Data), p.Len)
			}
		}
	}
}

// A reader that doesn't read costs nobody anything: all packets pass, what has no
// room in the queue is counted, and the next packet copied tells how many.
func TestCaptureBoundedQueue(t *testing.T) {
	t.Parallel()
	c, peer := captured(t, 0)
	slow := tap(t, c, TapConfig{Queue: minTapQueue})
	buf := make([]byte, 2048)
	const n, size = 1000, 1400
	for i := range n {
		write(t, c, datagram(i, size))
		if _, _, err := peer.Read(buf, false); err != nil || number(buf) != i {
			t.Fatalf("packet %d did not pass: %v", i, err)
		}
	}
	const room = minTapQueue / (size + captureCost)
	if s := slow.Stats(); s != (TapStats{Seen: n, Matched: n, Captured: room, Missed: n - room}) {
		t.Errorf("statistics %+v, want %d captured", s, room)
	}
	if batch, err := slow.Next(); err != nil || len(batch) != room {
		t.Errorf("%d packets, %v; want %d", len(batch), err, room)
	}
	write(t, c, datagram(n, size))
	write(t, c, datagram(n+1, size))
	slow.Close()
	got := all(t, slow)
	if len(got) != 2 || got[0].Missed != n-room || number(got[0].Data) != n || got[1].Missed != 0 {
		t.Errorf("then come %d packets, %+v", len(got), got)
	}
}

func TestCaptureCountAndMatch(t *testing.T) {
	t.Parallel()
	c, _ := captured(t, 0)
	var longest int
	tap := tap(t, c, TapConfig{Count: 3, Match: func(head []byte) bool {
		longest = max(longest, len(head))
		return number(head)%2 == 1
	}})
	for i := range 10 {
		write(t, c, datagram(i, 100+100*i))
	}
	got := all(t, tap) // ends by itself
	if len(got) != 3 || number(got[0].Data) != 1 || number(got[2].Data) != 5 {
		t.Errorf("got %d packets", len(got))
	}
	if s := tap.Stats(); s != (TapStats{Seen: 6, Matched: 3, Captured: 3}) {
		t.Errorf("statistics %+v", s)
	}
	if longest != matchLen {
		t.Errorf("Match saw %d bytes, want %d", longest, matchLen)
	}
}

// Taps come and go while packets pass: each sees what passes while it is there,
// and packets are in the same order for all.
func TestCaptureConcurrent(t *testing.T) {
	t.Parallel()
	c, peer := captured(t, 0)
	stop := make(chan struct{})
	var traffic, taps sync.WaitGroup
	traffic.Go(func() {
		for i := 0; !isClosed(stop); i++ {
			write(t, c, datagram(i, 100))
			write(t, peer, datagram(i, 100))
		}
	})
	traffic.Go(func() {
		buf := make([]byte, 2048)
		for !isClosed(stop) {
			_, _, _ = peer.Read(buf, false)
			_, _, _ = c.Read(buf, false)
		}
	})
	for range 4 {
		taps.Go(func() {
			for range 20 {
				tap, err := c.Tap(TapConfig{Count: 50, Queue: minTapQueue})
				if err != nil {
					t.Error(err)
					return
				}
				last := map[Direction]int{Inbound: -1, Outbound: -1}
				for {
					batch, err := tap.Next()
					if err != nil {
						break
					}
					for _, p := range batch {
						if n := number(p.Data); n <= last[p.Direction] {
							t.Errorf("packet %d after %d", n, last[p.Direction])
						} else {
							last[p.Direction] = n
						}
					}
				}
				tap.Close()
				if s := tap.Stats(); s.Captured != 50 || s.Matched != s.Captured+s.Missed {
					t.Errorf("statistics %+v", s)
				}
			}
		})
	}
	taps.Wait()
	close(stop)
	traffic.Wait()
	if c.taps.Load() != nil {
		t.Error("closed taps are still there")
	}
}

// The end of the device is the end of its taps, and there are no new ones.
func TestCaptureOfClosedDevice(t *testing.T) {
	t.Parallel()
	c, _ := captured(t, 0)
	tap := tap(t, c, TapConfig{})
	write(t, c, datagram(1, 100))
	done := make(chan []Captured)
	go func() { done <- all(t, tap) }()
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if got := <-done; len(got) != 1 {
		t.Errorf("%d packets before the end, want 1", len(got))
	}
	if _, err := c.Tap(TapConfig{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Tap: %v, want ErrClosed", err)
	}
}

func TestTapConfigRefused(t *testing.T) {
	t.Parallel()
	c, _ := captured(t, 0)
	for _, tt := range []struct {
		cfg  TapConfig
		want string
	}{
		{TapConfig{SnapLen: -1}, "TapConfig.SnapLen -1 is out of range: 1 to 262144"},
		{TapConfig{SnapLen: 262145}, "TapConfig.SnapLen 262145"},
		{TapConfig{Queue: 1000}, "TapConfig.Queue 1000 is out of range: 131072 to 1073741824"},
		{TapConfig{Queue: maxTapQueue + 1}, "TapConfig.Queue"},
	} {
		if _, err := c.Tap(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q in it", tt.cfg, err, tt.want)
		}
	}
	for range maxTaps {
		tap(t, c, TapConfig{Queue: minTapQueue})
	}
	if _, err := c.Tap(TapConfig{Queue: minTapQueue}); !errors.Is(err, ErrTooManyTaps) {
		t.Errorf("one tap too many: %v, want ErrTooManyTaps", err)
	}
}

// loop reads and writes packets that nobody allocates.
type loop struct{ Device }

func (loop) Read(b []byte, _ bool) (int, packet.Offload, error) { return 1400, packet.Offload{}, nil }
func (loop) Write(*packet.Out) error                            { return nil }
func (loop) Close() error                                       { return nil }

// Neither a capture without taps nor one with a tap allocates for a packet.
func TestCaptureAllocatesNothing(t *testing.T) {
	buf := make([]byte, 2048)
	p := datagram(1, 1400)
	defer p.Release()
	for _, taps := range []int{0, 2} {
		c := NewCapture(loop{})
		var readers sync.WaitGroup
		for range taps {
			tap := tap(t, c, TapConfig{Match: func(b []byte) bool { return b[0] == 0x45 }})
			readers.Go(func() {
				for err := error(nil); err == nil; {
					_, err = tap.Next()
				}
			})
		}
		pass := func() {
			_ = c.Write(p)
			_, _, _ = c.Read(buf, false)
		}
		for range 5000 { // until the lists of packets have grown
			pass()
		}
		if n := testing.AllocsPerRun(2000, pass); n != 0 {
			t.Errorf("%v allocations for two packets with %d taps", n, taps)
		}
		c.Close()
		readers.Wait()
	}
}

func BenchmarkCapture(b *testing.B) {
	p := datagram(1, 1400)
	defer p.Release()
	for _, name := range []string{"nobody", "tap"} {
		b.Run(name, func(b *testing.B) {
			c := NewCapture(loop{})
			var reader sync.WaitGroup
			defer reader.Wait()
			defer c.Close()
			if name == "tap" {
				tap, err := c.Tap(TapConfig{})
				if err != nil {
					b.Fatal(err)
				}
				reader.Go(func() {
					for err := error(nil); err == nil; {
						_, err = tap.Next()
					}
				})
			}
			b.SetBytes(1400)
			b.ReportAllocs()
			for b.Loop() {
				_ = c.Write(p)
			}
		})
	}
}
