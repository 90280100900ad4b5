package main

import (
	"log/slog"
	"os"

	"github.com/tinystack/tinystack/internal/capture"
	"github.com/tinystack/tinystack/link"
)

// pcapFile records all packets in a file. What goes wrong with it is told and
// ends the recording, not the stack.
type pcapFile struct {
	name string   // "": record nothing
	file *os.File // nil until recording starts
	log  *slog.Logger
	done chan struct{} // closed when the recording has ended; nil if there is none
}

// record makes the file, and starts to write what passes dev, until dev is
// closed. There is a device by then: an instance that can't have it, because
// another does, leaves the file alone that the other may be writing.
func (p *pcapFile) record(dev *link.Capture) (err error) {
	if p.name == "" {
		return nil
	}
	if p.file, err = os.Create(p.name); err != nil {
		return err
	}
	rec, err := capture.Start(dev, capture.Options{})
	if err != nil {
		return err
	}
	p.done = make(chan struct{})
	go func() {
		defer close(p.done)
		if err := rec.Write(p.file); err != nil {
			p.log.Error("the capture ends here", "err", err)
			return
		}
		s := rec.Stats()
		p.log.Info("captured", "file", p.name, "packets", s.Captured, "missed", s.Missed)
	}()
	return nil
}

// Close waits for the end of the recording, that is of the device, and closes the file.
func (p *pcapFile) Close() error {
	if p.file == nil {
		return nil
	}
	if p.done != nil {
		<-p.done
	}
	return p.file.Close()
}
