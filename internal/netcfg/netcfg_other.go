//go:build !linux

package netcfg

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
)

// Host is the host's end of a link.
type Host struct {
	// Todo is the command the user has still to run.
	Todo string
}

// Up sets Todo to the command that sets the interface up: the address and the
// route to the stack come with it.
func Up(c Config) (*Host, error) {
	return &Host{Todo: fmt.Sprintf("sudo ifconfig %s inet %s %s mtu %d up", c.Device, c.Host.Addr(), c.Peer, c.MTU)}, nil
}

// Down does nothing: the interface goes with the device, and all that was set on it.
func (h *Host) Down() error { return nil }

// CheckSubnet finds no conflict: the system refuses a taken address itself.
func CheckSubnet(netip.Prefix, string) error { return nil }

// Forwards can't tell, and does not deny it.
func Forwards(string) bool { return true }

// Explain turns a permission error into a *MissingError.
func Explain(err error, _, command string) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return &MissingError{What: "opening a TUN device needs root", Mend: "sudo " + command, Err: err}
}
