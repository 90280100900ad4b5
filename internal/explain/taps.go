package explain

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/trace"
)

// Of packets beyond so many bytes of copies, only the headers are kept.
const (
	maxCopied  = 64 << 20
	headCopied = 128
)

// taps copy what passes the host's wire.
type taps struct {
	list    []*link.Tap
	reading sync.WaitGroup

	mu     sync.Mutex
	copies map[trace.ID]link.Captured // by the event of their being put on the wire
	bytes  int                        // of copies
	err    error
}

func newTaps(devices ...*link.Capture) (*taps, error) {
	ts := &taps{copies: map[trace.ID]link.Captured{}}
	for _, d := range devices {
		t, err := d.Tap(link.TapConfig{})
		if err != nil {
			ts.close()
			return nil, err
		}
		ts.list = append(ts.list, t)
		ts.reading.Go(func() { ts.read(t) })
	}
	return ts, nil
}

// read keeps what one tap copies, until it is closed.
func (ts *taps) read(t *link.Tap) {
	for {
		batch, err := t.Next()
		ts.mu.Lock()
		for _, c := range batch {
			ts.keep(c)
		}
		if err != nil && err != io.EOF {
			ts.err = errors.Join(ts.err, err)
		}
		ts.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// keep keeps a packet where it set out; where that is not told, where it arrived.
func (ts *taps) keep(c link.Captured) {
	id := c.Mark.ID
	if c.Direction == link.Inbound {
		if id != 0 {
			return
		}
		id = c.Mark.Arrival
	}
	if ts.bytes >= maxCopied {
		c.Data = c.Data[:min(len(c.Data), headCopied)]
	}
	c.Data = bytes.Clone(c.Data) // it is the tap's
	ts.bytes += len(c.Data)
	ts.copies[id] = c
}

// close ends the copying; a second time it does nothing.
func (ts *taps) close() {
	for _, t := range ts.list {
		t.Close()
	}
	ts.reading.Wait()
}

// packets ends the copying, and returns what was copied.
func (ts *taps) packets() (map[trace.ID]link.Captured, error) {
	ts.close()
	return ts.copies, ts.err
}
