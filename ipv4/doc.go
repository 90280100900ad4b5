// Package ipv4 is the Internet Protocol, version 4, of a host or a router:
// headers, fragmentation and reassembly, routing, path MTU, forwarding, and ICMP
// with its echo socket.
//
// A [Layer] has interfaces, each of them a [Device] with addresses, and a routing
// table. Packets come in through [Layer.Input], called by whoever reads a device,
// and are dealt with before it returns: there is no queue and no goroutine here.
// Packets go out through a [packet.Route], on the goroutine of who sends.
//
// # What a transport gives to Send
//
// A [packet.Out] with the transport header in its head, the data in its body, and
// Protocol set. For a checksum that the device may complete, Csum is CsumPartial,
// the checksum field holds the folded sum of the pseudo-header, and CsumOffset is
// where in the transport header that field is; Send sets CsumStart. For a
// super-packet, GSO and SegSize are set too. All of it works on every device: what
// Route.Features doesn't have, Send does in software. Send uses the packet up.
//
// # State, and who owns it
//
// The table of interfaces, addresses and routes is immutable and replaced as a
// whole under Layer.mu, so that packets need no lock. A route keeps its lookup
// until the table or a path MTU changes. The fragments that wait are bounded in
// bytes and time ([Config]), path MTUs in number (4096) and time (10 minutes),
// each behind a lock of its own that ordinary packets don't take. One timer each
// runs while there are any.
//
// # Decisions
//
//   - This host takes packets to any of its addresses through any interface (the
//     weak model of RFC 1122 3.3.4.2), but 127.0.0.0/8 through loopback only, and
//     nothing from its own addresses from outside.
//   - Links are point to point: no address resolution. A router doesn't send a
//     packet that is for a link's own subnet back into that link.
//   - Packets with source routes are dropped (RFC 7126); other options are checked
//     for form and otherwise ignored: route and time are not recorded.
//   - A fragment that overlaps another ends its datagram (RFC 5722), unless it is
//     the same; what comes of the datagram later is dropped until its time is over.
//   - The path MTU never falls below 552 bytes; where a path takes less, packets go
//     without DF (RFC 5927 7). A path MTU is for a destination, whatever the TOS.
//   - ICMP errors are rate limited, in all and by destination, those to this host
//     itself excepted; echo replies are not limited.
//   - Identifications are zero with DF (RFC 6864), and not to be guessed otherwise.
//
// # Left out
//
// Multicast (no group is joined; such packets are dropped); redirects, neither
// sent (there is no other host on a point-to-point link) nor heeded; ICMP
// timestamps, address masks and router discovery; answers to echo requests sent to
// all; reverse path filtering (RFC 3704) beyond this host's own addresses; several
// next hops for one destination; source routes sent; directed broadcasts
// forwarded (RFC 2644) or sent; sources 0.0.0.0 as DHCP has them.
package ipv4
