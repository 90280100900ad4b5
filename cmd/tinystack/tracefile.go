package main

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/tinystack/tinystack/trace"
)

// traceRing is how many events may wait to be written; of more, the oldest are lost.
const traceRing = 1 << 16

// traceFile writes all that happens in the stack to a file, as JSON, one event to a line.
// What goes wrong with it is told and ends the trace, not the stack.
type traceFile struct {
	name   string       // "": nothing is written
	file   *os.File     // nil until it begins
	log    *slog.Logger // nil: what goes wrong is the error of Close
	err    error
	end    context.CancelFunc
	done   chan struct{} // closed when all is written
	events uint64        // written
	lost   uint64
}

// begin makes the file and listens to the tracer.
func (f *traceFile) begin(t *trace.Tracer) (err error) {
	if f.name == "" {
		return nil
	}
	if f.file, err = os.Create(f.name); err != nil {
		return err
	}
	ring := trace.NewRing(traceRing)
	cancel := t.Subscribe(ring.Add)
	ctx, end := context.WithCancel(context.Background())
	f.end, f.done = end, make(chan struct{})
	go func() {
		defer close(f.done)
		f.err = f.write(ctx, ring)
		cancel()
		f.tell()
	}()
	return nil
}

// tell logs how it ended.
func (f *traceFile) tell() {
	switch {
	case f.log == nil:
	case f.err != nil:
		f.log.Error("the trace ends here", "err", f.err)
		f.err = nil
	default:
		f.log.Info("traced", "file", f.name, "events", f.events, "lost", f.lost)
	}
}

// write writes what comes into the ring until ctx ends, and what is in it then.
func (f *traceFile) write(ctx context.Context, ring *trace.Ring) error {
	buf := bufio.NewWriterSize(f.file, 1<<16)
	enc := trace.NewEncoder(buf)
	for ended := false; !ended; {
		ended = ring.Wait(ctx) != nil
		events, lost := ring.Take()
		if err := enc.Lost(lost); err != nil {
			return err
		}
		for _, e := range events {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		f.events, f.lost = f.events+uint64(len(events)), f.lost+lost
		if err := buf.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// Close writes what is left, and closes the file.
func (f *traceFile) Close() error {
	if f.file == nil {
		return nil
	}
	f.end()
	<-f.done
	return errors.Join(f.err, f.file.Close())
}
