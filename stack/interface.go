package stack

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
)

// Interface is a device in use by a stack.
type Interface struct {
	stack *Stack
	dev   *countedDevice
	ip    *ipv4.Interface

	closing atomic.Bool   // by us: the readers' errors are none
	readers atomic.Int32  // that have not ended
	failure sync.Once     // the first reader's, which ends the others
	done    chan struct{} // closed when all readers have ended
	err     error         // why the first did; set before done is closed
}

// AddInterface brings a device into use under its name, with the given addresses,
// each with its subnet, and starts to read it: all its queues, if it is a
// link.MultiQueue. The device is the stack's from then on, which will close it. If
// AddInterface fails, the device is still the caller's. It fails with EEXIST if the
// name is in use, EINVAL if the device's MTU or MaxRead is too small or it has not
// 1 to 256 queues, net.ErrClosed if the stack is closed, and as
// [Interface.AddAddress] does.
func (s *Stack) AddInterface(dev link.Device, prefixes ...netip.Prefix) error {
	i := &Interface{stack: s, dev: newCountedDevice(dev), done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.attach(i, prefixes); err != nil {
		return fmt.Errorf("stack: add interface %s: %w", dev.Name(), err)
	}
	s.interfaces = append(s.interfaces, i)
	i.readers.Store(int32(len(i.dev.queues)))
	for _, q := range i.dev.queues {
		go i.read(q)
	}
	return nil
}

// attach makes i known to the IP layer, with all its addresses or not at all.
func (s *Stack) attach(i *Interface, prefixes []netip.Prefix) error {
	if s.closed {
		return net.ErrClosed
	}
	if s.find(i.Name()) != nil {
		return syscall.EEXIST
	}
	if n := len(i.dev.queues); n < 1 || n > link.MaxQueues {
		return fmt.Errorf("%d queues are not 1 to %d: %w", n, link.MaxQueues, syscall.EINVAL)
	}
	if size, mtu := i.dev.MaxRead(), i.dev.MTU(); size < mtu {
		return fmt.Errorf("MaxRead of %d is below the MTU of %d: %w", size, mtu, syscall.EINVAL)
	}
	if t, ok := i.dev.Device.(link.Traced); ok {
		t.Trace(s.trace)
	}
	var err error
	if i.ip, err = s.ip.AddInterface(i.dev); err != nil {
		return err
	}
	for _, p := range prefixes {
		if err := i.ip.AddAddress(p); err != nil {
			s.ip.RemoveInterface(i.ip)
			return err
		}
	}
	return nil
}

// RemoveInterface takes an interface out of use, with its addresses and routes,
// and closes its device; it waits until the device is no longer read. It fails
// with ENODEV if there is none of that name.
func (s *Stack) RemoveInterface(name string) error {
	s.mu.Lock()
	i := s.find(name)
	s.interfaces = slices.DeleteFunc(s.interfaces, func(x *Interface) bool { return x == i })
	s.mu.Unlock()
	if i == nil {
		return fmt.Errorf("stack: remove interface %s: %w", name, syscall.ENODEV)
	}
	s.ip.RemoveInterface(i.ip)
	err := i.close()
	<-i.done
	return err
}

// Interface returns the interface of that name, nil if there is none.
func (s *Stack) Interface(name string) *Interface {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(name)
}

// Interfaces returns the interfaces in the order they were added, loopback first.
// One whose device failed is among them until it is removed.
func (s *Stack) Interfaces() []*Interface {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.interfaces)
}

func (s *Stack) find(name string) *Interface {
	for _, i := range s.interfaces {
		if i.Name() == name {
			return i
		}
	}
	return nil
}

// Name returns the device's name.
func (i *Interface) Name() string { return i.dev.Name() }

// MTU returns the largest IP packet in bytes that the device takes.
func (i *Interface) MTU() int { return i.ip.MTU() }

// Addresses returns the interface's addresses, each with its subnet.
func (i *Interface) Addresses() []netip.Prefix { return i.ip.Addresses() }

// AddAddress gives the interface one more address, and the route to its subnet.
// It fails with EINVAL if p is not an address that a host can have, EEXIST if the
// stack has it, ENODEV if the interface was removed.
func (i *Interface) AddAddress(p netip.Prefix) error { return i.ip.AddAddress(p) }

// RemoveAddress takes an address away, with the route to its subnet; it fails
// with EADDRNOTAVAIL if the interface doesn't have it.
func (i *Interface) RemoveAddress(p netip.Prefix) error { return i.ip.RemoveAddress(p) }

// Done is closed when the device is no longer read: it failed, or the interface
// was removed, or the stack closed.
func (i *Interface) Done() <-chan struct{} { return i.done }

// Err returns why the device failed: link.ErrClosed if somebody else closed it.
// It is nil while the device is in use, and if it was the stack that closed it.
func (i *Interface) Err() error {
	select {
	case <-i.done:
		return i.err
	default:
		return nil
	}
}

// close closes the device, which ends its readers. One that failed is closed already.
func (i *Interface) close() error {
	i.closing.Store(true)
	if err := i.dev.Close(); !errors.Is(err, link.ErrClosed) {
		return err
	}
	return nil
}
