package udp

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
)

// affinity remembers on which of a device's queues datagrams come in to sockets that are not
// connected, for the answers to leave there (link.MultiQueue). It is a cache: of two flows that
// want the same slot the one that came last has it, and the other's answers leave on queue 0,
// to which the device then moves the flow. Queue 0 itself takes no slot, so that there is
// nothing, and nothing to look up, where a device has one queue.
type affinity struct {
	seed  maphash.Seed
	slots atomic.Pointer[[affinitySlots]atomic.Uint64] // each the upper 56 bits of a flow's hash, and its queue
}

// affinitySlots is as many as the kernel's TUN driver remembers flows (MAX_TAP_FLOWS).
const affinitySlots = 4096

// note remembers that a datagram to a local port came from an address on a queue.
func (a *affinity) note(port uint16, from netip.AddrPort, queue uint8) {
	slots := a.slots.Load()
	if slots == nil {
		if queue == 0 {
			return
		}
		a.slots.CompareAndSwap(nil, new([affinitySlots]atomic.Uint64))
		slots = a.slots.Load()
	}
	flow := a.flow(port, from)
	slot := &slots[flow>>8%affinitySlots]
	now, is := flow|uint64(queue), slot.Load()
	switch {
	case is == now:
	case queue != 0:
		slot.Store(now)
	case is&^0xff == flow:
		slot.Store(0)
	}
}

// queue returns where the answer to an address leaves.
func (a *affinity) queue(port uint16, to netip.AddrPort) uint8 {
	slots := a.slots.Load()
	if slots == nil {
		return 0
	}
	flow := a.flow(port, to)
	if is := slots[flow>>8%affinitySlots].Load(); is&^0xff == flow {
		return uint8(is)
	}
	return 0
}

// flow is the hash of a local port and another's address, its last 8 bits zero.
func (a *affinity) flow(port uint16, remote netip.AddrPort) uint64 {
	var b [20]byte
	addr := remote.Addr().As16()
	copy(b[:], addr[:])
	binary.NativeEndian.PutUint16(b[16:], port)
	binary.NativeEndian.PutUint16(b[18:], remote.Port())
	return maphash.Bytes(a.seed, b[:]) &^ 0xff
}

// follow takes note of the queue that a datagram from an address came in on.
func (c *Conn) follow(from netip.AddrPort, queue uint8) {
	if !c.remote.IsValid() {
		c.layer.affinity.note(c.local.Port(), from, queue)
		return
	}
	if uint32(queue) != c.outQueue.Load() {
		c.outQueue.Store(uint32(queue))
	}
}

// queueTo returns the queue that a datagram to an address leaves on.
func (c *Conn) queueTo(to netip.AddrPort) uint8 {
	if !c.remote.IsValid() {
		return c.layer.affinity.queue(c.local.Port(), to)
	}
	return uint8(c.outQueue.Load())
}
