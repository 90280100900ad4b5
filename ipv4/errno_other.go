//go:build !linux

package ipv4

import "syscall"

// errNoNet is the error for a host that is isolated from the network. Only Linux
// has one of its own.
const errNoNet = syscall.EHOSTUNREACH
