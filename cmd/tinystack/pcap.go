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
	file *os.File // nil: record nothing
	log  *slog.Logger
	done chan struct{} // closed when the recording has ended; nil if there is none
}

// createPcap makes the file, unless its name is empty.
func createPcap(name string, log *slog.Logger) (p *pcapFile, err error) {
	p = &pcapFile{log: log}
	if name != "" {
		p.file, err = os.Create(name)
	}
	return p, err
}

// record starts to write what passes dev, until dev is closed.
func (p *pcapFile) record(dev *link.Capture) error {
	if p.file == nil {
		return nil
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
		p.log.Info("captured", "file", p.file.Name(), "packets", s.Captured, "missed", s.Missed)
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
