// Package stack is a host: interfaces, addresses and routes, and on them
// connections with the functions and meanings of package net.
//
//	dev, err := link.OpenTUN(link.TUNConfig{Name: "tun0"})
//	s, err := stack.New(stack.Config{})
//	err = s.AddInterface(dev, netip.MustParsePrefix("198.18.0.2/24"))
//	ln, err := s.Listen("tcp", ":80")
//	c, err := s.Dial("tcp", "198.18.0.1:9000")
//
// A [Stack] owns the layers and, once added, the devices. One goroutine for each
// interface, or for each queue of a device with several, reads the device and takes
// each packet all the way up: through IP, the table of ports and the connection,
// until the application is woken. There is no other goroutine and no queue in
// between; what applications write is sent on their own goroutines.
//
// Each stack has a loopback interface, "lo", with 127.0.0.1/8; packets to any of
// its own addresses go through it.
//
// Whoever listens to [Config].Trace is told what happens and because of what (package
// trace). With [Config].Rand a run in virtual time repeats on the wire.
//
// Left out: IPv6 (networks "tcp6" and "udp6" are unknown, and "tcp" and "udp" are
// IPv4), raw IP and Unix sockets, multicast, and name resolution of its own: package
// dnsclient has one that asks through a stack, for [Stack.SetResolver].
package stack
