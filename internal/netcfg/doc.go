// Package netcfg sets up the host's end of a TUN device by netlink: its
// address (which brings the route to the subnet), MTU and link state. Before
// that it tells whether the subnet is free, and when the device can't be had,
// what is missing and the one command that mends it; and whether packets from the
// device get any further.
//
// What was there before stays: a persistent device that already has the address
// is used as it is, without privilege, and [Host.Down] undoes only what [Up] did.
//
// On systems other than Linux it changes nothing, and says which command the
// user is to run ([Host.Todo]).
package netcfg
