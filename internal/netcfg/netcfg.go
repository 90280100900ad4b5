package netcfg

import "net/netip"

// MissingError says that a privilege, the device or the subnet is not to be
// had, and the one command that mends it.
type MissingError struct {
	What string // a sentence without its full stop
	Mend string // a command; empty if there is none to give
	Err  error  // the cause; nil if the check itself found it
}

func (e *MissingError) Error() string {
	s := e.What
	if e.Err != nil {
		s += " (" + e.Err.Error() + ")"
	}
	if e.Mend != "" {
		s += "; this mends it:\n  " + e.Mend
	}
	return s
}

func (e *MissingError) Unwrap() error { return e.Err }

// Config is the host's end of a point-to-point link.
type Config struct {
	Device string       // the interface's name
	Host   netip.Prefix // the host's address and its subnet
	Peer   netip.Addr   // the stack's address
	MTU    int          // bytes
}
