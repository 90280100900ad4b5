// Package explain tells what happens when a URL is typed into a browser: a trip through the
// lab (package lab), station by station, from what every node of it knows.
//
//	err := explain.Run(ctx, explain.Config{URL: "http://www.google.com/"}, os.Stdout)
//
// The trip is real: a small browser looks the name up, connects, asks for the page and for
// what it names, and closes. The story is made of the events of that trip (package trace)
// and of nothing else, so what it says of a packet is what the stacks say, with the rules
// that they followed. Its times are those of the events: in a bubble of testing/synctest
// the same trip gives the same text.
//
// # Packets and their numbers
//
// The packets of a story are those on the wire between the host and its router, numbered
// from 1 on in the order in which they set out on it, DNS, TCP and ICMP alike. The ladder,
// the causes of a packet, the packets to lose and the capture all count so, and a packet
// that is lost keeps its number.
//
// # Who owns what
//
// A run owns its lab, which ends with it, the log of its events, at most [maxEvents], and
// the browser with its caches. Nothing outlives it.
//
// # Left out
//
// A browser opens several connections and asks for pages in parallel; this one has one, so
// that the story has one thread. There is no TLS, no HTTP/2 and no IPv6 in the lab.
package explain
