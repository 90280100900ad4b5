package main

import (
	"errors"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
)

// watched is a device that tells when it has failed for good.
type watched struct {
	link.Device
	failed chan error // gets the error that ended the reading
}

func watch(d link.Device) *watched { return &watched{d, make(chan error, 1)} }

// Read is the device's, whose errors are remembered.
func (w *watched) Read(b []byte, wait bool) (int, packet.Offload, error) {
	n, o, err := w.Device.Read(b, wait)
	if err != nil && !errors.Is(err, link.ErrWouldBlock) && !errors.Is(err, link.ErrClosed) {
		select {
		case w.failed <- err:
		default:
		}
	}
	return n, o, err
}
