package ipv4

import "syscall"

// errNoNet is the error for a host that is isolated from the network.
const errNoNet = syscall.ENONET
