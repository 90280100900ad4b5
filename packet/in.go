package packet

import (
	"net/netip"

	"github.com/tinystack/tinystack/trace"
)

// Flusher is something that has output waiting for the end of a batch.
type Flusher interface{ Flush() }

// In is a packet on its way up, as the network layer fills it in. One In serves
// all packets that a goroutine reads, one after the other.
type In struct {
	Offload
	Src, Dst  netip.Addr
	TTL       uint8
	TOS       uint8
	Queue     uint8  // of the device's queues, that which it came in on
	Broadcast bool   // sent to a broadcast or multicast address
	Packet    []byte // the whole IP packet (of fragments: the first one's header and the whole payload)
	Payload   []byte // its transport header and data, within Packet

	Mark  trace.Mark // what its sender said of it, if somebody listens
	Event trace.ID   // the cause of what is done about it now; 0 if nobody listens

	buf   *Buffer
	batch []Flusher
}

// Fill starts a new packet, which lies in buf. In owns buf from now on.
func (in *In) Fill(buf *Buffer) { in.buf = buf }

// Buffer returns the memory the packet lies in, nil if it was taken.
func (in *In) Buffer() *Buffer { return in.buf }

// Take hands the packet's memory to the caller, who is to Release it when
// Payload is no longer needed. It returns nil if the memory is not to be had;
// then the caller must copy what it keeps.
func (in *In) Take() *Buffer {
	b := in.buf
	in.buf = nil
	return b
}

// AtBatchEnd asks for f.Flush to be called once, before the reading goroutine
// waits for more packets. A caller does not ask twice before it is flushed.
func (in *In) AtBatchEnd(f Flusher) { in.batch = append(in.batch, f) }

// EndBatch flushes all who asked for it.
func (in *In) EndBatch() {
	for i, f := range in.batch {
		in.batch[i] = nil
		f.Flush()
	}
	in.batch = in.batch[:0]
}
