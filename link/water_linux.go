package link

import (
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/songgao/water"
	"golang.org/x/sys/unix"
)

const ebadfd = syscall.EBADFD // what the driver says once the interface was deleted

// openWater opens the device as it would be opened fresh: a persistent one stays
// so, which water would change, and loses the offloads it may have been left
// with, whose packets water could not tell.
func openWater(c water.Config) (*water.Interface, error) {
	if c.Name != "" {
		_, err := net.InterfaceByName(c.Name)
		c.Persist = err == nil
	}
	tun, err := water.New(c)
	if err != nil {
		return nil, waterError(err)
	}
	if f, ok := tun.ReadWriteCloser.(*os.File); ok {
		if raw, err := f.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { // a driver without offloads may refuse it
				_ = unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, 0)
			})
		}
	}
	return tun, nil
}

// waterError says at which step water failed in the types that OpenTUN uses.
func waterError(err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return os.NewSyscallError("TUNSETIFF", call.Err)
	}
	return &os.PathError{Op: "open", Path: "/dev/net/tun", Err: err}
}
