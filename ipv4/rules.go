package ipv4

import "github.com/tinystack/tinystack/trace"

// Why packets are sent.
const (
	ruleEcho       trace.Rule = "echo request: the application asked for it, RFC 792"
	ruleEchoReply  trace.Rule = "echo reply: an echo request was received, RFC 1122 3.2.2.6"
	ruleForward    trace.Rule = "forwarded: it is for another host, RFC 1812 5.2.1"
	ruleRoute      trace.Rule = "the longest matching prefix, then the lowest metric, RFC 1812 5.2.4.3"
	ruleReassembly trace.Rule = "reassembly timeout: the rest of the datagram did not come, RFC 1122 3.3.2"
	ruleUnderway   trace.Rule = "closed before the rest of the datagram came"
)

// errorRules are why ICMP errors are sent, by type and code.
var errorRules = map[[2]uint8]trace.Rule{
	{icmpUnreachable, codeNet}:         "network unreachable: no route to it, RFC 1812 5.2.7.1",
	{icmpUnreachable, codeHost}:        "host unreachable: the link it came from leads nowhere else, RFC 1812 5.2.7.1",
	{icmpUnreachable, codeProtocol}:    "protocol unreachable: nobody handles it, RFC 1122 3.2.2.1",
	{icmpUnreachable, codePort}:        "port unreachable: nobody listens, RFC 1122 4.1.3.1",
	{icmpUnreachable, codeFragNeeded}:  "fragmentation needed and DF set, with the next link's MTU, RFC 1191 4",
	{icmpTimeExceeded, codeTransit}:    "time exceeded in transit: the TTL came to zero, RFC 1812 5.3.1",
	{icmpTimeExceeded, codeReassembly}: "time exceeded in reassembly, RFC 1122 3.3.2",
	{icmpParamProblem, 0}:              "parameter problem: the options are malformed, RFC 1122 3.2.2.5",
}

// dropRules are the reasons to drop, by the counter's name: of [Stats] after "Ip", of
// [ICMPStats] after "Icmp".
var dropRules = map[string]trace.Rule{
	"IpDropShort":            "too short for the header, RFC 1812 5.2.2",
	"IpDropVersion":          "not IP version 4, RFC 1122 3.2.1.1",
	"IpDropLength":           "header length or total length impossible, RFC 1812 5.2.2",
	"IpDropTruncated":        "shorter than its total length, RFC 1812 5.2.2",
	"IpDropChecksum":         "wrong header checksum, RFC 1122 3.2.1.2",
	"IpDropFragmentRange":    "a fragment that ends beyond 65535 bytes, RFC 791 3.2",
	"IpDropOptions":          "malformed options, RFC 1122 3.2.1.8",
	"IpDropSourceRoute":      "a source route, RFC 7126 4.3",
	"IpDropMartianSource":    "from an address that nobody can have, RFC 1812 5.3.7",
	"IpDropSpoofedSource":    "from one of our own addresses, but from outside, RFC 1122 3.2.1.3",
	"IpDropMartianDest":      "to an address that nobody can have, or to loopback from outside, RFC 1812 5.3.7",
	"IpDropMulticast":        "to a multicast group, of which we join none, RFC 1112",
	"IpDropNotLocal":         "to another host, and we are no router, RFC 1122 3.2.1.3",
	"IpDropNotForwardable":   "a link-local address is not forwarded, RFC 3927 2.7",
	"IpDropNoRoute":          "no route to its destination, RFC 1812 5.2.7.1",
	"IpDropSameLink":         "its destination is on the link it came from, which has no other host",
	"IpDropTTL":              "the TTL came to zero, RFC 1812 5.3.1",
	"IpDropTooBig":           "larger than the next link's MTU, and DF is set, RFC 1191 4",
	"IpDropNoHandler":        "nobody handles its protocol, RFC 1122 3.2.2.1",
	"IpDropClosed":           "its interface was removed",
	"IpDropReasmTimeout":     "the rest of the datagram did not come in time, RFC 1122 3.3.2",
	"IpDropReasmMemory":      "the oldest datagram makes room for newer fragments, RFC 815 7",
	"IpDropReasmOverlap":     "fragments overlap, RFC 5722 4",
	"IpDropReasmECN":         "fragments with CE and with Not-ECT in one datagram, RFC 3168 5.3",
	"IpDropReasmBadLength":   "a fragment of no length, or not of a multiple of 8 bytes, RFC 791 3.2",
	"IpDropReasmDuplicate":   "a fragment that came before, RFC 791 3.2",
	"IpDropReasmLate":        "a fragment of a datagram that was dropped for overlap, RFC 5722 4",
	"IpDropReasmDisabled":    "reassembly is off",
	"IpDropReasmInterrupted": "closed before the rest of the datagram came",
	"IpOutNoRoutes":          "no route to its destination, RFC 1122 3.3.1",
	"IpOutFragFails":         "larger than the path's MTU, and not to be fragmented, RFC 1191 3",
	"IpOutDiscards":          "the device refused it",

	"IcmpDropShort":           "shorter than its header, RFC 792",
	"IcmpDropChecksum":        "wrong ICMP checksum, RFC 792",
	"IcmpDropType":            "a type that is not answered, RFC 1122 3.2.2",
	"IcmpDropBroadcast":       "an echo request to all hosts, RFC 1122 3.2.2.6",
	"IcmpDropQuote":           "it does not quote the start of a packet, RFC 792",
	"IcmpDropForeign":         "about a packet that this host can't have sent, RFC 5927 4.1",
	"IcmpDropMTU":             "fragmentation needed for less than 68 bytes, RFC 1191 3",
	"IcmpDropUnknownEcho":     "nobody waits for it, RFC 1122 3.2.2.6",
	"IcmpDropNoHandler":       "about a protocol that nobody handles, RFC 1122 3.2.2.1",
	"IcmpNoErrorForError":     "no ICMP error about an ICMP error, RFC 1122 3.2.2",
	"IcmpNoErrorForBroadcast": "no ICMP error about a packet to all, RFC 1122 3.2.2",
	"IcmpNoErrorForFragment":  "no ICMP error about a fragment but the first, RFC 1122 3.2.2",
	"IcmpNoErrorForSource":    "no ICMP error to an address that is not one host's, RFC 1122 3.2.2",
	"IcmpRateLimitGlobal":     "rate limit of ICMP errors, RFC 1812 4.3.2.8",
	"IcmpRateLimitPeer":       "rate limit of ICMP errors to one host, RFC 1812 4.3.2.8",
}
