package link

import (
	"errors"

	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

var (
	// ErrWouldBlock is what Read returns when it was not to wait and no packet was there.
	ErrWouldBlock = errors.New("link: no packet is waiting")
	// ErrClosed is what Read and Write return once the device is closed.
	ErrClosed = errors.New("link: device closed")
)

// Device carries whole IP packets to and from a network. Read is called by one
// goroutine at a time, Write by any number, Close by any.
type Device interface {
	// Name is the interface's name, for people.
	Name() string
	// MTU is the largest IP packet in bytes that Write takes, but for those with
	// GSO set, whose segments must each fit.
	MTU() int
	// Features are what Write does for its packets.
	Features() packet.Features
	// Read stores the next packet in b, which holds MaxRead bytes or more, and
	// returns its length. It waits for one if wait is true, else it returns
	// ErrWouldBlock if there is none: the stack does what it put off before it
	// waits. A device that can't tell returns ErrWouldBlock whenever wait is false.
	Read(b []byte, wait bool) (n int, o packet.Offload, err error)
	// MaxRead is the largest packet in bytes that Read returns: MTU, or
	// packet.MaxSize where the device merges segments.
	MaxRead() int
	// Write sends a packet. It may wait for room, but not on this device's reader;
	// it keeps nothing of p.
	Write(p *packet.Out) error
	// Close makes Read and Write return ErrClosed, also those that wait.
	Close() error
}

// Queue is one of the queues that a device's packets come in on.
type Queue interface {
	// Read is that of a [Device], for this queue's packets. It is called by one goroutine
	// at a time; several queues may be read at the same time.
	Read(b []byte, wait bool) (n int, o packet.Offload, err error)
}

// MultiQueue is what a [Device] has besides if its packets may come in on several queues.
// Those of a flow come in on one and stay in order there, as long as what answers them
// leaves on the same: Write sends on the queue packet.Out.Queue.
type MultiQueue interface {
	// Queues returns the queues, always the same 1 to 256 of them. The device's own Read
	// is that of the first.
	Queues() []Queue
}

// QueuesOf returns the queues of a device, which is one itself if it has no others.
func QueuesOf(dev Device) []Queue {
	if m, ok := dev.(MultiQueue); ok {
		return m.Queues()
	}
	return []Queue{dev}
}

// MaxQueues is the most queues a device can have: as many as the kernel's TUN driver has (MAX_TAP_QUEUES), and
// packet.Out.Queue can tell.
const MaxQueues = 256

// DropCounter is what a [Device] has besides if it may lose packets itself.
type DropCounter interface {
	// Drops returns how many packets were lost before Read, and after Write, took them.
	Drops() (in, out uint64)
}

// Traced is what a [Device] has besides if it tells of the packets it loses, or if
// marks go with its packets.
type Traced interface {
	// Trace makes node the one where its events happen. It is called once, before the
	// device is read and written.
	Trace(node *trace.Node)
	Marked
}

// Marked is what a [Queue] has besides if marks go with its packets.
type Marked interface {
	// Mark returns the mark of the packet that Read returned last. It is called by the
	// goroutine that calls Read.
	Mark() trace.Mark
}

// MarkOf returns the mark of the packet that was last read from q: none, if q has no marks.
func MarkOf(q Queue) trace.Mark {
	if m, ok := q.(Marked); ok {
		return m.Mark()
	}
	return trace.Mark{}
}

// traceTo makes node the one where dev's events happen, if it has any.
func traceTo(dev Device, node *trace.Node) {
	if t, ok := dev.(Traced); ok {
		t.Trace(node)
	}
}
