//go:build !linux

package link

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/tinystack/tinystack/packet"
)

// TUN is a Linux TUN device. There is none on this system.
type TUN struct{}

var _ Device = (*TUN)(nil)

// OpenTUN returns an error that is [errors.ErrUnsupported]: see [OpenWater].
func OpenTUN(TUNConfig) (*TUN, error) {
	return nil, fmt.Errorf("link: the TUN driver is for Linux; on %s use the water driver: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Name returns nothing: there is no such device here.
func (*TUN) Name() string { return "" }

// MTU returns 0.
func (*TUN) MTU() int { return 0 }

// Features returns none.
func (*TUN) Features() packet.Features { return 0 }

// MaxRead returns 0.
func (*TUN) MaxRead() int { return 0 }

// Stats returns zeros.
func (*TUN) Stats() TUNStats { return TUNStats{} }

// Queues returns none.
func (*TUN) Queues() []Queue { return nil }

// Read returns ErrClosed.
func (*TUN) Read([]byte, bool) (int, packet.Offload, error) { return 0, packet.Offload{}, ErrClosed }

// Write returns ErrClosed.
func (*TUN) Write(*packet.Out) error { return ErrClosed }

// Close does nothing.
func (*TUN) Close() error { return nil }
