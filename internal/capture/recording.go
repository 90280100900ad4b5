package capture

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/tinystack/tinystack/internal/pcapng"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/trace"
)

// Options say what is recorded. Their zero value is everything.
type Options struct {
	Filter  Filter
	SnapLen int    // the most bytes of a packet: 1 to 262144, the default
	Count   uint64 // ends the recording after so many packets; 0: no end
	Queue   int    // bytes that may wait to be written, as in link.TapConfig

	// Why gives each packet a comment: which event it is, and because of what it was sent. The
	// recording then listens to Trace, the tracer of the device's stack, which costs the stack
	// some time for each packet.
	Why   bool
	Trace *trace.Tracer // nil: there are comments while somebody else listens
}

// Recording is the packets from its start on.
type Recording struct {
	dev   *link.Capture
	tap   *link.Tap
	opts  Options
	began time.Time
	deaf  func() // ends the listening
}

// Start begins to record; it fails as [link.Capture.Tap] does. The caller calls Write.
func Start(dev *link.Capture, o Options) (*Recording, error) {
	cfg := link.TapConfig{SnapLen: o.SnapLen, Count: o.Count, Queue: o.Queue}
	if o.Filter != (Filter{}) {
		cfg.Match = o.Filter.Match
	}
	tap, err := dev.Tap(cfg)
	if err != nil {
		return nil, err
	}
	r := &Recording{dev: dev, tap: tap, opts: o, began: time.Now(), deaf: func() {}}
	if o.Why && o.Trace != nil {
		r.deaf = o.Trace.Subscribe(func(*trace.Event) {})
	}
	return r, nil
}

// Stop ends the recording: Write writes what was copied before, and returns.
func (r *Recording) Stop() { r.tap.Close() }

// Stats returns how many packets there were.
func (r *Recording) Stats() link.TapStats { return r.tap.Stats() }

// Write writes the packets to w until the recording ends, by Stop, Options.Count,
// the device's end, or an error of w, which it returns. After each batch of packets
// nothing is left unwritten.
func (r *Recording) Write(w io.Writer) error {
	defer r.tap.Close()
	defer r.deaf()
	buf := bufio.NewWriterSize(w, 1<<16)
	out, id, err := r.start(buf)
	if err != nil {
		return err
	}
	for {
		if err := buf.Flush(); err != nil {
			return err
		}
		batch, err := r.tap.Next()
		if err == io.EOF {
			break
		}
		if err := writeBatch(out, id, batch); err != nil {
			return err
		}
	}
	s := r.tap.Stats()
	err = out.WriteStatistics(id, pcapng.Statistics{
		Start: r.began, End: time.Now(),
		Received: s.Seen, Accepted: s.Matched, Missed: s.Missed, Delivered: s.Captured,
	})
	if err != nil {
		return err
	}
	return buf.Flush()
}

// start writes what stands before the packets.
func (r *Recording) start(w io.Writer) (*pcapng.Writer, int, error) {
	out, err := pcapng.NewWriter(w, "tinystack")
	if err != nil {
		return nil, 0, err
	}
	snap := r.opts.SnapLen
	if snap == 0 {
		snap = MaxSnapLen
	}
	id, err := out.AddInterface(pcapng.Interface{
		Name:        r.dev.Name(),
		Description: fmt.Sprintf("the stack's end of %s, MTU %d", r.dev.Name(), r.dev.MTU()),
		Filter:      r.opts.Filter.String(),
		LinkType:    pcapng.LinkTypeRaw,
		SnapLen:     uint32(snap),
	})
	return out, id, err
}

// MaxSnapLen is the largest Options.SnapLen, and the default.
const MaxSnapLen = 262144

func writeBatch(out *pcapng.Writer, id int, batch []link.Captured) error {
	for i := range batch {
		c := &batch[i]
		p := pcapng.Packet{Interface: id, Time: c.Time, Data: c.Data, Len: c.Len, Direction: pcapng.Inbound, Missed: c.Missed}
		if c.Direction == link.Outbound {
			p.Direction = pcapng.Outbound
		}
		if comment := c.Mark.Comment(); comment != "" {
			p.Comments = []string{comment}
		}
		if err := out.WritePacket(&p); err != nil {
			return err
		}
	}
	return nil
}
