//go:build linux || darwin

package link

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/songgao/water"

	"github.com/tinystack/tinystack/packet"
)

// Water is a TUN device by the water package, which serves several systems. It
// has no offloads: each packet is one system call and one copy, of wire size.
type Water struct {
	tun    *water.Interface
	mtu    int
	closed atomic.Bool
}

var _ Device = (*Water)(nil)

// OpenWater opens a TUN device. It does not set it up, nor give it an address.
// Where it fails, errors.Is tells why, and on Linux errors.As at which step, as for
// [OpenTUN].
func OpenWater(cfg WaterConfig) (*Water, error) {
	if err := checkName(cfg.Name); err != nil {
		return nil, err
	}
	if err := checkMTU(cfg.MTU); err != nil {
		return nil, err
	}
	c := water.Config{DeviceType: water.TUN}
	c.Name = cfg.Name
	tun, err := openWater(c)
	if err != nil {
		return nil, fmt.Errorf("link: TUN device %q by water: %w", cfg.Name, err)
	}
	mtu, err := setMTU(tun.Name(), cfg.MTU)
	if err != nil {
		tun.Close()
		return nil, fmt.Errorf("link: TUN device %q by water: %w", tun.Name(), err)
	}
	return &Water{tun: tun, mtu: mtu}, nil
}

// Name returns the interface's name.
func (w *Water) Name() string { return w.tun.Name() }

// MTU returns the interface's MTU as it was when the device was opened.
func (w *Water) MTU() int { return w.mtu }

// Features returns none.
func (w *Water) Features() packet.Features { return 0 }

// MaxRead returns the MTU.
func (w *Water) MaxRead() int { return w.mtu }

// Read returns the next packet that the host sends to the interface. Not to wait
// is more than water can do: it then returns ErrWouldBlock.
func (w *Water) Read(b []byte, wait bool) (int, packet.Offload, error) {
	switch {
	case len(b) < w.mtu:
		return 0, packet.Offload{}, io.ErrShortBuffer
	case w.closed.Load():
		return 0, packet.Offload{}, ErrClosed
	case !wait:
		return 0, packet.Offload{}, ErrWouldBlock
	}
	n, err := w.tun.Read(b)
	switch {
	case err == nil:
		return n, packet.Offload{}, nil
	case w.closed.Load():
		return 0, packet.Offload{}, ErrClosed
	default:
		return 0, packet.Offload{}, fmt.Errorf("link: read from %s: %w", w.Name(), err)
	}
}

// Write gives the host a packet.
func (w *Water) Write(p *packet.Out) error {
	if err := check(p, w.mtu, 0); err != nil {
		return err
	}
	q := copyOf(p) // water's Write takes one piece
	_, err := w.tun.Write(q.buf.B[:q.n])
	q.buf.Release()
	if err == nil {
		return nil
	}
	return w.writeError(err)
}

func (w *Water) writeError(err error) error {
	var errno syscall.Errno
	switch {
	case w.closed.Load():
		return ErrClosed
	case errors.Is(err, syscall.EIO): // what the driver says while the interface is down
		return syscall.ENETDOWN
	case errors.As(err, &errno) && errno != ebadfd:
		return errno
	case errors.Is(err, os.ErrClosed):
		return ErrClosed
	default:
		return syscall.ENODEV
	}
}

// Close closes the device, and the interface with it.
func (w *Water) Close() error {
	if w.closed.Swap(true) {
		return nil
	}
	return w.tun.Close()
}
