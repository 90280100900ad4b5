package stack

import (
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
)

// maxBatch is the most packets that are handled before what was put off for the
// end of the batch, such as acknowledgments, is done.
const maxBatch = 64

// read takes in packets from a queue until the device fails or is closed.
func (i *Interface) read(q *countedQueue) {
	defer func() {
		if i.readers.Add(-1) == 0 {
			close(i.done)
		}
	}()
	if err := i.pump(q); !i.closing.Load() {
		i.failure.Do(func() { i.failed(err) })
	}
}

// failed takes the interface out of use, for the device can't be read any more. Where one
// queue fails the flows of the others go on nowhere.
func (i *Interface) failed(err error) {
	i.err = err
	counter.Inc(&i.dev.inErrors)
	i.stack.ip.RemoveInterface(i.ip)
	i.dev.Close()
	i.stack.log.Error("device failed", "interface", i.Name(), "err", err)
}

// pump reads packets and takes each all the way up, to the application's queue. It
// looks for the next without waiting, until there is none; only then does it do what
// was put off, and wait. A packet whose memory a socket took leaves it without a
// buffer.
func (i *Interface) pump(q *countedQueue) error {
	in := packet.In{Queue: q.number}
	buf, batch := packet.Get(i.dev.MaxRead()), 0
	defer func() { buf.Release() }()
	for {
		if batch == maxBatch {
			in.EndBatch()
			batch = 0
		}
		n, o, err := q.read(buf.B, batch == 0)
		if err == link.ErrWouldBlock {
			in.EndBatch()
			batch = 0
			continue
		}
		if err != nil {
			in.EndBatch()
			return err
		}
		batch++
		in.Fill(buf)
		if i.stack.trace.On() {
			in.Mark = link.MarkOf(q.queue)
		}
		i.stack.ip.Input(i.ip, &in, buf.B[:n], o)
		if buf = in.Take(); buf == nil {
			buf = packet.Get(i.dev.MaxRead())
		}
	}
}
