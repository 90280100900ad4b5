//go:build !linux && !darwin

package link

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/tinystack/tinystack/packet"
)

// Water is a TUN device by the water package. There is none on this system.
type Water struct{}

var _ Device = (*Water)(nil)

// OpenWater returns an error that is [errors.ErrUnsupported].
func OpenWater(WaterConfig) (*Water, error) {
	return nil, fmt.Errorf("link: the water driver is for Linux and macOS, not %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Name returns nothing: there is no such device here.
func (*Water) Name() string { return "" }

// MTU returns 0.
func (*Water) MTU() int { return 0 }

// Features returns none.
func (*Water) Features() packet.Features { return 0 }

// MaxRead returns 0.
func (*Water) MaxRead() int { return 0 }

// Read returns ErrClosed.
func (*Water) Read([]byte, bool) (int, packet.Offload, error) { return 0, packet.Offload{}, ErrClosed }

// Write returns ErrClosed.
func (*Water) Write(*packet.Out) error { return ErrClosed }

// Close does nothing.
func (*Water) Close() error { return nil }
