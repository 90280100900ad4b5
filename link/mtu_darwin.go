package link

import (
	"os"

	"golang.org/x/sys/unix"
)

// setMTU sets the interface's MTU, unless mtu is 0 or what it is already, and
// returns what it then is.
func setMTU(name string, mtu int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	req, err := unix.IoctlGetIfreqMTU(fd, name)
	if err != nil {
		return 0, os.NewSyscallError("SIOCGIFMTU", err)
	}
	if now := int(req.MTU); mtu == 0 || mtu == now {
		return now, nil
	}
	req.MTU = int32(mtu)
	if err := unix.IoctlSetIfreqMTU(fd, req); err != nil {
		return 0, os.NewSyscallError("SIOCSIFMTU", err)
	}
	return mtu, nil
}
