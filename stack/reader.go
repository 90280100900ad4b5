package stack

import (
	"fmt"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// maxBatch is the most packets that are handled before what was put off for the
// end of the batch, such as acknowledgments, is done.
const maxBatch = 64

// read takes in packets until the device fails or is closed.
func (i *Interface) read() {
	defer close(i.done)
	err := i.pump()
	if i.closing.Load() {
		return
	}
	i.err = err
	counter.Inc(&i.dev.stats.InErrors)
	i.stack.ip.RemoveInterface(i.ip)
	i.dev.Close()
	i.stack.log.Error("device failed", "interface", i.Name(), "err", err)
}

// pump reads packets and takes each all the way up, to the application's queue. It
// looks for the next without waiting, until there is none; only then does it do what
// was put off, and wait. A packet whose memory a socket took leaves it without a
// buffer.
func (i *Interface) pump() error {
	var in packet.In
	buf, batch := packet.Get(i.dev.MaxRead()), 0
	defer func() { buf.Release() }()
	for {
		if batch == maxBatch {
			in.EndBatch()
			batch = 0
		}
		n, o, err := i.dev.read(buf.B, batch == 0)
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
			in.Mark = i.dev.mark()
		}
		i.stack.ip.Input(i.ip, &in, buf.B[:n], o)
		if buf = in.Take(); buf == nil {
			buf = packet.Get(i.dev.MaxRead())
		}
	}
}

// countedDevice counts what goes through a device.
type countedDevice struct {
	stats interfaceCounters // first, for its alignment on 32-bit machines
	link.Device
}

// read reads a packet. That a device which someone else wrote returns an
// impossible length is an error, not a panic.
func (d *countedDevice) read(b []byte, wait bool) (n int, o packet.Offload, err error) {
	n, o, err = d.Read(b, wait)
	if err != nil {
		return 0, o, err
	}
	if n < 0 || n > len(b) {
		return 0, o, fmt.Errorf("stack: device %s read %d bytes into %d", d.Name(), n, len(b))
	}
	counter.Inc(&d.stats.InPackets)
	counter.Add(&d.stats.InOctets, uint64(n))
	return n, o, nil
}

// mark is that of the packet that was just read.
func (d *countedDevice) mark() trace.Mark {
	if t, ok := d.Device.(link.Traced); ok {
		return t.Mark()
	}
	return trace.Mark{}
}

// Write sends a packet.
func (d *countedDevice) Write(p *packet.Out) error {
	n := uint64(p.Len())
	if err := d.Device.Write(p); err != nil {
		counter.Inc(&d.stats.OutErrors)
		return err
	}
	counter.Inc(&d.stats.OutPackets)
	counter.Add(&d.stats.OutOctets, n)
	return nil
}
