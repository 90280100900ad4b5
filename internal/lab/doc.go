// Package lab is a small Internet in one process: a host, its home router, a provider
// with a resolver, two more routers, a root server, name servers of com and of
// google.com, and the web server www.google.com. Every node is a stack of its own,
// every wire an impaired link, and what goes over it are real packets.
//
//	l, err := lab.New(lab.Config{Seed: 1})
//	c, err := l.Node("host").DialContext(ctx, "tcp", "www.google.com:80")
//
//	host ── home ── isp ── core ── edge ── web
//	                 │      ├ root    └ ns
//	             resolver   └ com
//
// Programs on the host find names through its own cache, the home router's forwarder and
// the provider's resolver, which begins at the root; see [Node.LookupNetIP].
//
// # Who owns what
//
// A [Lab] owns its nodes and wires; a [Node] its stack, its cache and the servers
// that run on it; a [Wire] the impairment, which may be changed while packets pass. What
// a caller opens on a node is the caller's until [Lab.Close], which ends all.
//
// # Time
//
// It needs neither root nor the Internet, and runs in real time, or in virtual time
// in a bubble of testing/synctest. There the same run gives the same packets at the
// same times, byte for byte: all that is random comes from [Config].Seed, the wires'
// delays differ, and applications take time ([Config].Pace), so that what they do does
// not meet what arrives. For the same reason a caller does one thing after another, or
// lets some time pass between two.
//
// # Addresses
//
// They are of the networks for documentation (RFC 5737) and for benchmarks (RFC 2544),
// public ones in the lab: there is no NAT at home, and hosts have fixed addresses, no
// DHCP. The zones hold what the story needs, and no more: there is no DNSSEC, no reverse
// zone, no IPv6.
package lab
