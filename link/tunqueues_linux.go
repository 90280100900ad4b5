package link

import (
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// setInterfaces makes each of fds a queue of the interface, and returns its name.
func setInterfaces(fds []int, name string, vnet bool) (string, error) {
	flags := uint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if vnet {
		flags |= unix.IFF_VNET_HDR
	}
	if len(fds) > 1 {
		flags |= unix.IFF_MULTI_QUEUE
	}
	name, err := setFirst(fds[0], name, flags)
	if err != nil {
		return "", err
	}
	for _, fd := range fds[1:] {
		if _, err := setInterface(fd, name, flags); err != nil {
			return "", err
		}
	}
	return name, nil
}

// setFirst makes fd the interface's first queue, or fails with EBUSY if it has one.
func setFirst(fd int, name string, flags uint16) (string, error) {
	name, err := setInterface(fd, name, flags)
	if errors.Is(err, unix.EINVAL) {
		flags, err = setOtherKind(fd, name, flags, err)
	}
	if err != nil {
		return "", err
	}
	// Of this kind the kernel gives anybody who has the right to it one more queue, and the
	// queue a share of the flows.
	if tun := tuntap(name); flags&unix.IFF_MULTI_QUEUE != 0 && tun != nil && tun.Queues+tun.DisabledQueues > 1 {
		return "", os.NewSyscallError("TUNSETIFF", unix.EBUSY)
	}
	return name, nil
}

// setOtherKind does what setInterface could not do for einval. Whether an interface can have several
// queues was said when it was made, and the kernel refuses whoever says the other: one queue can
// be had of both kinds. It returns the flags that it was done with.
func setOtherKind(fd int, name string, flags uint16, einval error) (uint16, error) {
	tun := tuntap(name)
	if tun == nil || tun.Mode != unix.IFF_TUN {
		return flags, einval
	}
	wanted := flags&unix.IFF_MULTI_QUEUE != 0
	switch multi := tun.Flags&netlink.TUNTAP_MULTI_QUEUE != 0; {
	case wanted && !multi:
		return flags, fmt.Errorf("%w: %w", einval, ErrOneQueue)
	case wanted == multi: // it is something else
		return flags, einval
	}
	flags |= unix.IFF_MULTI_QUEUE
	_, err := setInterface(fd, name, flags)
	return flags, err
}

// tuntap is what the kernel tells of an interface: nil, if it is no TUN device, or the
// kernel does not tell.
func tuntap(name string) *netlink.Tuntap {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return nil
	}
	tun, _ := l.(*netlink.Tuntap)
	return tun
}

// setInterface makes fd the interface of that name, which it returns, or a queue of it. The
// name of the one that could not be had it returns, too.
func setInterface(fd int, name string, flags uint16) (string, error) {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return name, err
	}
	req.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return name, os.NewSyscallError("TUNSETIFF", err)
	}
	return req.Name(), nil
}
