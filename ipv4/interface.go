package ipv4

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/tinystack/tinystack/packet"
)

// Device is what the layer needs of a link. Write may be called by any number of
// goroutines, and keeps nothing of p.
type Device interface {
	// Name is the interface's name, for people.
	Name() string
	// MTU is the largest packet in bytes that Write takes, but for those with GSO
	// set, whose segments must each fit. It is 68 or more (RFC 791 3.2).
	MTU() int
	// Features are what Write does for its packets.
	Features() packet.Features
	// Write sends a packet. An error that is not a syscall.Errno is reported to
	// senders as ENETDOWN.
	Write(p *packet.Out) error
}

// Interface is a device in use by a [Layer], with its addresses.
type Interface struct {
	layer *Layer
	dev   Device
	gone  atomic.Bool         // removed, or the layer is closed
	whole atomic.Pointer[hop] // the last one out of here whose path takes all
}

// AddInterface brings a device into use. It has no address yet; the one that gets
// an address in 127.0.0.0/8 is the loopback interface, which all packets to this
// host's own addresses go through. A device whose MTU is below 68 is refused
// with EINVAL, one that is there already with EEXIST, any after Close with ENETDOWN.
func (l *Layer) AddInterface(dev Device) (*Interface, error) {
	if mtu := dev.MTU(); mtu < minMTU {
		return nil, fmt.Errorf("ipv4: %s: MTU of %d is below %d: %w", dev.Name(), mtu, minMTU, syscall.EINVAL)
	}
	i := &Interface{layer: l, dev: dev}
	err := l.change(func(t *table) error {
		if slices.ContainsFunc(t.ifaces, func(x *Interface) bool { return same(x.dev, dev) }) {
			return syscall.EEXIST
		}
		t.ifaces = append(t.ifaces, i)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ipv4: add interface %s: %w", dev.Name(), err)
	}
	return i, nil
}

// same reports whether a and b are the same device. Those of a type that can't be
// compared are not.
func same(a, b Device) bool { return reflect.TypeOf(a).Comparable() && a == b }

// RemoveInterface ends a device's use, its addresses and the routes through it.
// Packets that still come in through it are dropped. The device stays open.
func (l *Layer) RemoveInterface(i *Interface) {
	i.gone.Store(true)
	// It fails only after Close, when there is nothing to remove.
	_ = l.change(func(t *table) error {
		t.ifaces = slices.DeleteFunc(t.ifaces, func(x *Interface) bool { return x == i })
		mine := t.addrs[i]
		delete(t.addrs, i)
		t.rehost()
		t.removeRoutes(func(e Entry) bool {
			return e.Interface == i || slices.ContainsFunc(mine, func(p netip.Prefix) bool { return p.Addr() == e.Src })
		})
		return nil
	})
}

// Name returns the device's name.
func (i *Interface) Name() string { return i.dev.Name() }

// MTU returns the largest packet in bytes that the device takes now: 68 to 65535,
// whatever the device says.
func (i *Interface) MTU() int { return min(max(i.dev.MTU(), minMTU), packet.MaxSize) }

// Addresses returns the interface's addresses, each with its subnet, in the order
// they were added.
func (i *Interface) Addresses() []netip.Prefix {
	return slices.Clone(i.layer.table.Load().addrs[i])
}

// AddAddress gives the interface an address, and the route to its subnet. It
// fails with EINVAL if p is not an IPv4 address that one host can have, EEXIST
// if this host has it, ENODEV if the interface was removed.
func (i *Interface) AddAddress(p netip.Prefix) error {
	err := checkAddress(p)
	if err == nil {
		err = i.layer.change(func(t *table) error { return t.addAddress(i, p) })
	}
	if err != nil {
		return fmt.Errorf("ipv4: add address %v to %s: %w", p, i.Name(), err)
	}
	return nil
}

// checkAddress reports why p can't be a host's address.
func checkAddress(p netip.Prefix) error {
	if !p.IsValid() || !p.Addr().Is4() {
		return fmt.Errorf("not an IPv4 address and prefix length: %w", syscall.EINVAL)
	}
	a := bits4(p.Addr())
	if !unicast(a) {
		return fmt.Errorf("not a unicast address: %w", syscall.EINVAL)
	}
	if b, ok := broadcast(p); ok && a == b {
		return fmt.Errorf("the subnet's broadcast address: %w", syscall.EINVAL)
	}
	if p.Bits() <= 30 && p.Addr() == p.Masked().Addr() {
		return fmt.Errorf("the subnet itself, not a host in it: %w", syscall.EINVAL)
	}
	return nil
}

func (t *table) addAddress(i *Interface, p netip.Prefix) error {
	if !slices.Contains(t.ifaces, i) {
		return syscall.ENODEV
	}
	if t.hosts[bits4(p.Addr())] == hostLocal {
		return syscall.EEXIST
	}
	t.addrs[i] = append(slices.Clone(t.addrs[i]), p)
	t.rehost()
	if !p.IsSingleIP() {
		t.insert(Entry{Dst: p.Masked(), Interface: i, Src: p.Addr()})
	}
	return nil
}

// RemoveAddress takes an address away, and the routes that prefer it as source:
// the one to its subnet, and those with it as Entry.Src. It fails with
// EADDRNOTAVAIL if the interface doesn't have it.
func (i *Interface) RemoveAddress(p netip.Prefix) error {
	err := i.layer.change(func(t *table) error {
		at := slices.Index(t.addrs[i], p)
		if at < 0 {
			return syscall.EADDRNOTAVAIL
		}
		t.addrs[i] = slices.Delete(slices.Clone(t.addrs[i]), at, at+1)
		t.rehost()
		t.removeRoutes(func(e Entry) bool { return e.Src == p.Addr() })
		return nil
	})
	if err != nil {
		return fmt.Errorf("ipv4: remove address %v from %s: %w", p, i.Name(), err)
	}
	return nil
}
