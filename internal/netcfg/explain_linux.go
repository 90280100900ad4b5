package netcfg

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const node = "/dev/net/tun"

// Explain turns the error of opening the TUN device, if a want of privilege or
// of the device is its cause, into a *MissingError; other errors it returns as
// they are. command is what the user ran, to be given again with sudo.
func Explain(err error, device, command string) error {
	missing := &MissingError{Err: err}
	var path *fs.PathError
	switch {
	case errors.Is(err, unix.EBUSY):
		missing.What = fmt.Sprintf("the device %s is taken by %s", device, user(device))
	case errors.Is(err, unix.EINVAL) && tuntap(device) != nil:
		missing.What, missing.Mend = otherKind(device, command)
	case errors.Is(err, unix.EINVAL) && present(device):
		missing.What = fmt.Sprintf("there is an interface %s, and it is not a TUN device", device)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		missing.What = "the TUN driver is not there (a container needs --device " + node + ")"
		missing.Mend = "sudo modprobe tun"
	case errors.Is(err, fs.ErrPermission) && errors.As(err, &path):
		missing.What = fmt.Sprintf("%s may not be opened by user %d", node, os.Geteuid())
		missing.Mend = openCommand(command)
	case errors.Is(err, fs.ErrPermission):
		missing.What, missing.Mend = "CAP_NET_ADMIN is missing", capCommand()
	default:
		return err
	}
	return missing
}

// present reports whether there is an interface of that name.
func present(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}

// otherKind is what is wrong with a TUN device that exists and can't be had: it was made with
// multi_queue or without, and asked for as what it is not.
func otherKind(name, command string) (what, mend string) {
	if tuntap(name).Flags&netlink.TUNTAP_MULTI_QUEUE == 0 {
		return fmt.Sprintf("the device %s was made without multi_queue, and has one queue", name), command + " --queues 1"
	}
	return fmt.Sprintf("the device %s was made with multi_queue, which the driver water does not know", name), command + " --driver tun"
}

// tuntap returns the interface of that name if it is a TUN device, else nil.
func tuntap(name string) *netlink.Tuntap {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return nil
	}
	tun, ok := l.(*netlink.Tuntap)
	if !ok || tun.Mode != netlink.TUNTAP_MODE_TUN {
		return nil
	}
	return tun
}

// explainStep is Explain for a step of setting up the interface.
func explainStep(what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	if errors.Is(err, fs.ErrPermission) {
		return &MissingError{What: "CAP_NET_ADMIN is missing", Mend: capCommand(), Err: err}
	}
	return err
}

// openCommand mends that the device node is closed to the user: its mode where
// that is all there is to it.
func openCommand(command string) string {
	if hasNetAdmin() {
		return "sudo chmod 0666 " + node
	}
	return "sudo " + command
}

// capCommand mends that CAP_NET_ADMIN is missing. Root lacks it only in a
// container, or in a user namespace without a network namespace of its own.
func capCommand() string {
	if os.Geteuid() == 0 {
		return "docker run --cap-add NET_ADMIN --device " + node + " ... (in a user namespace: unshare -rn)"
	}
	exe, err := os.Executable()
	if err != nil {
		exe = os.Args[0]
	}
	return "sudo setcap cap_net_admin+ep " + exe
}

func hasNetAdmin() bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0
}
