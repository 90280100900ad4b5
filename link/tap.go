package link

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// Direction is the way a packet goes.
type Direction uint8

const (
	// Inbound packets are read from the device.
	Inbound Direction = 1 + iota
	// Outbound packets are written to it.
	Outbound
)

// Captured is the copy of a packet.
type Captured struct {
	Time      time.Time
	Direction Direction
	// Data is the packet from its IP header on, or as much of it as TapConfig.SnapLen
	// allows. Its transport checksum is complete, whatever the device
	// was to do about it; a super-segment's is one over all of it.
	Data   []byte
	Len    int        // the packet's length in bytes
	Missed uint64     // packets missed since the one before, for want of room
	Mark   trace.Mark // why it was sent; zero if nobody listens, or nobody knows
}

const (
	defaultSnapLen  = 262144
	defaultTapQueue = 16 << 20
	minTapQueue     = 1 << 17 // a super-segment, and then some
	maxTapQueue     = 1 << 30
	// matchLen is two IP headers with all options, ICMP's, and a transport's ports.
	matchLen = 192
	// captureCost is what a packet takes of the queue besides its bytes.
	captureCost = 128
)

// TapConfig says what a tap copies. Its zero value is everything.
type TapConfig struct {
	// SnapLen is the most bytes kept of a packet. Default: 262144, which is all of any.
	SnapLen int
	// Count ends the tap after so many packets. 0: no end.
	Count uint64
	// Queue is how many bytes of packets may wait to be read, each counted
	// as 128 bytes more than are kept of it. What comes when it is full is missed. As much
	// again holds what is being read. 131072 (128 KiB) to 1073741824 (1 GiB); default 16 MiB.
	Queue int
	// Match, unless nil, selects packets by their first bytes, at most 192: all
	// headers, and those that an ICMP error quotes. It must be quick, must
	// neither keep nor change them, and not call the device or the tap.
	Match func(head []byte) bool
}

// TapStats are a tap's counters.
type TapStats struct {
	Seen     uint64 // packets that passed
	Matched  uint64 // of those, that TapConfig.Match selected
	Captured uint64 // of those, that were copied
	Missed   uint64 // of those, that were not, because the queue was full
}

// Tap copies the packets that pass a [Capture] into a queue of limited size. It
// never makes them wait: what comes when the queue is full is missed, and
// counted. Next is for one goroutine, Close and Stats for any.
//
// The queue is one of two blocks of memory; who reads takes the one
// whole, and leaves the other to be filled.
type Tap struct {
	dev *Capture
	cfg TapConfig

	wake chan struct{} // there is something to read, or an end

	mu      sync.Mutex
	filling tapBatch
	missed  uint64 // since the last packet copied
	stats   TapStats
	ended   bool
	head    [matchLen]byte // for Match

	reading tapBatch // of who calls Next
}

func newTap(dev *Capture, cfg TapConfig) (*Tap, error) {
	if cfg.SnapLen == 0 {
		cfg.SnapLen = defaultSnapLen
	}
	if cfg.Queue == 0 {
		cfg.Queue = defaultTapQueue
	}
	if cfg.SnapLen < 1 || cfg.SnapLen > defaultSnapLen {
		return nil, fmt.Errorf("link: TapConfig.SnapLen %d is out of range: 1 to %d bytes", cfg.SnapLen, defaultSnapLen)
	}
	if cfg.Queue < minTapQueue || cfg.Queue > maxTapQueue {
		return nil, fmt.Errorf("link: TapConfig.Queue %d is out of range: %d to %d bytes", cfg.Queue, minTapQueue, maxTapQueue)
	}
	return &Tap{
		dev: dev, cfg: cfg, wake: make(chan struct{}, 1),
		filling: tapBatch{bytes: make([]byte, 0, cfg.Queue)},
		reading: tapBatch{bytes: make([]byte, 0, cfg.Queue)},
	}, nil
}

// Next waits for packets and returns all that came, in order. They are the
// caller's until the next call. After the end, by Close, by Count or the device's, and the
// packets before it, it returns io.EOF.
func (t *Tap) Next() ([]Captured, error) {
	for {
		t.mu.Lock()
		if len(t.filling.packets) > 0 {
			t.reading.reset()
			t.reading, t.filling = t.filling, t.reading
			t.mu.Unlock()
			return t.reading.packets, nil
		}
		ended := t.ended
		t.mu.Unlock()
		if ended {
			return nil, io.EOF
		}
		<-t.wake
	}
}

// Stats returns the counters.
func (t *Tap) Stats() TapStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// Close ends the tap. What it has copied can still be read.
func (t *Tap) Close() {
	t.dev.remove(t)
	t.end()
}

func (t *Tap) end() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	signal(t.wake)
}

// take copies the packet that the three pieces are, of which c says the rest.
func (t *Tap) take(c Captured, o packet.Offload, head, b0, b1 []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.stats.Seen++
	p := pieces{head, b0, b1}
	if t.cfg.Match != nil && !t.cfg.Match(p.appendTo(t.head[:0], matchLen)) {
		return
	}
	t.stats.Matched++
	c.Missed = t.missed
	if !t.filling.add(p, o, c, t.cfg.SnapLen) {
		t.stats.Missed++
		t.missed++
		return
	}
	t.stats.Captured++
	t.missed = 0
	t.ended = t.stats.Captured == t.cfg.Count
	if len(t.filling.packets) == 1 || t.ended {
		signal(t.wake)
	}
}
