package link

import (
	"os"

	"golang.org/x/sys/unix"
)

// setMTU sets the interface's MTU, unless mtu is 0 or what it is already (which
// needs no privilege), and returns what it then is.
func setMTU(name string, mtu int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFMTU, req); err != nil {
		return 0, os.NewSyscallError("SIOCGIFMTU", err)
	}
	if now := int(req.Uint32()); mtu == 0 || mtu == now {
		return now, nil
	}
	req.SetUint32(uint32(mtu))
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFMTU, req); err != nil {
		return 0, os.NewSyscallError("SIOCSIFMTU", err)
	}
	return mtu, nil
}
