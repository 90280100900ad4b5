package stack

import (
	"fmt"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
)

// countedDevice counts what goes through a device.
type countedDevice struct {
	inErrors uint64 // first, for its alignment on 32-bit machines
	link.Device
	queues []*countedQueue
}

// countedQueue is one of a device's queues. Each has counters of its own, so that no two
// readers write to the same memory.
type countedQueue struct {
	stats  queueCounters // first, for its alignment on 32-bit machines
	number uint8
	queue  link.Queue
	device link.Device
	_      [64]byte // keeps the next queue's counters off this one's cache lines
}

// queueCounters are the counters of a queue.
type queueCounters struct {
	InPackets, InOctets              uint64
	OutPackets, OutOctets, OutErrors uint64
}

func newCountedDevice(dev link.Device) *countedDevice {
	d := &countedDevice{Device: dev}
	for i, q := range link.QueuesOf(dev) {
		d.queues = append(d.queues, &countedQueue{number: uint8(i), queue: q, device: dev})
	}
	return d
}

// read reads a packet. That a device which someone else wrote returns an
// impossible length is an error, not a panic.
func (q *countedQueue) read(b []byte, wait bool) (n int, o packet.Offload, err error) {
	n, o, err = q.queue.Read(b, wait)
	if err != nil {
		return 0, o, err
	}
	if n < 0 || n > len(b) {
		return 0, o, fmt.Errorf("stack: device %s read %d bytes into %d", q.device.Name(), n, len(b))
	}
	counter.Inc(&q.stats.InPackets)
	counter.Add(&q.stats.InOctets, uint64(n))
	return n, o, nil
}

// Write sends a packet.
func (d *countedDevice) Write(p *packet.Out) error {
	n, stats := uint64(p.Len()), &d.queues[int(p.Queue)%len(d.queues)].stats
	if err := d.Device.Write(p); err != nil {
		counter.Inc(&stats.OutErrors)
		return err
	}
	counter.Inc(&stats.OutPackets)
	counter.Add(&stats.OutOctets, n)
	return nil
}
