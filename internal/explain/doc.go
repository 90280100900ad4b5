// Package explain tells what happens when a URL is typed into a browser: a trip through the
// lab (package lab), station by station, from what every node of it knows.
//
//	err := explain.Run(ctx, explain.Config{URL: "http://www.google.com/"}, os.Stdout)
//
// Or a trip over a real network, from a stack of the caller's ([Own]): then the story is of
// what that stack knows.
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
// that is lost keeps its number. Of a stack of the caller's they are those that it sends and
// gets on its device.
//
// # What is not seen
//
// Over a real network the events are those of the stack alone, and the story says so where it
// ends: it has no word of what a name server asked, of other routers' choices, of the server's states and
// its cwnd. What can be told from here is: the options that the server agreed to, the rounds of
// its slow start, which the timestamps that it echoes tell apart, that it closes a
// connection between two requests, for which another one is then opened.
//
// # Who owns what
//
// A run owns its lab, which ends with it, the log of its events, at most [maxEvents], and
// the browser with its caches. Nothing outlives it. An [Own] is its caller's, who opens and closes
// its stack; the cache of names that is asked is the run's.
//
// # Left out
//
// A browser opens several connections and asks for pages in parallel; this one has one, so
// that the story has one thread. There is no TLS, no HTTP/2 and no IPv6. Over a real network
// no packet is lost on purpose, and no plain trip is taken to compare with: no two are alike there.
package explain
