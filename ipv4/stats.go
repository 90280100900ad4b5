package ipv4

import "github.com/tinystack/tinystack/internal/counter"

// Stats are the layer's counters since it was made. The first have the names and
// meanings of [RFC 4293 section 5] (ipSystemStatsTable). Each of the others, from
// DropShort on, counts one reason for dropping a packet, which one of the first
// (InHdrErrors, InAddrErrors, InDiscards, ReasmFails, ...) counts too; only
// DropReasmDuplicate, DropReasmLate and DropReasmInterrupted stand alone.
//
// [RFC 4293 section 5]: https://www.rfc-editor.org/rfc/rfc4293#section-5
type Stats struct {
	InReceives      uint64 // packets that came in, also those in error
	InHdrErrors     uint64 // wrong header, TTL exceeded
	InNoRoutes      uint64 // to be forwarded, and no route
	InAddrErrors    uint64 // an address that is not valid here, or not this host's
	InUnknownProtos uint64 // nobody handles the protocol
	InTruncatedPkts uint64 // less data than the header says
	InForwDatagrams uint64 // to be forwarded
	ReasmReqds      uint64 // fragments that came in
	ReasmOKs        uint64 // datagrams reassembled
	ReasmFails      uint64 // failures of reassembly: a datagram given up, or a fragment that fits none
	InDiscards      uint64 // dropped with nothing wrong
	InDelivers      uint64 // handed to a protocol, ICMP included

	OutRequests      uint64 // packets that this host's protocols gave to send
	OutNoRoutes      uint64 // of those, without a route
	OutForwDatagrams uint64 // forwarded
	OutDiscards      uint64 // the device refused it
	OutFragReqds     uint64 // packets that had to be fragmented
	OutFragOKs       uint64 // that were
	OutFragFails     uint64 // that were not, also for DF
	OutFragCreates   uint64 // fragments made
	OutTransmits     uint64 // packets given to devices; one of several segments counts as one

	// Of the packets that came in with a good header, as many as there were on the wire, what
	// the ECN field says (RFC 3168 5). The names are those of Linux's IpExt.
	InECT0Pkts uint64 // ECT(0): their transport can be told of congestion
	InECT1Pkts uint64 // ECT(1)
	InCEPkts   uint64 // that they have met it

	DropShort            uint64 // too short for the header
	DropVersion          uint64 // not IPv4
	DropLength           uint64 // header length or total length impossible
	DropTruncated        uint64 // shorter than its total length
	DropChecksum         uint64 // wrong header checksum
	DropFragmentRange    uint64 // a fragment that ends beyond 65535 bytes
	DropOptions          uint64 // malformed options
	DropSourceRoute      uint64 // loose or strict source route (RFC 7126 4.3, 4.4)
	DropMartianSource    uint64 // from an address that nobody can have (RFC 1812 5.3.7)
	DropSpoofedSource    uint64 // from one of this host's addresses, but from outside
	DropMartianDest      uint64 // to an address that nobody can have, or to loopback from outside
	DropMulticast        uint64 // to a multicast group: this host joins none
	DropNotLocal         uint64 // to somebody else, and not forwarding
	DropNotForwardable   uint64 // link-local address (RFC 3927 2.7)
	DropNoRoute          uint64 // to be forwarded, no route
	DropSameLink         uint64 // to be forwarded to where it came from
	DropTTL              uint64 // time to live exceeded in transit
	DropTooBig           uint64 // forwarded with DF, larger than the next link's MTU
	DropNoHandler        uint64 // nobody handles the protocol
	DropClosed           uint64 // came in after Close, or through an interface that was removed
	DropReasmTimeout     uint64 // datagrams whose fragments didn't all come in time
	DropReasmMemory      uint64 // datagrams that made room for newer ones
	DropReasmOverlap     uint64 // datagrams with overlapping fragments (RFC 5722), or two ends
	DropReasmECN         uint64 // datagrams with both Not-ECT and CE fragments (RFC 3168 5.3)
	DropReasmBadLength   uint64 // fragments of no length, or not the last and not a multiple of 8
	DropReasmDuplicate   uint64 // fragments that came twice
	DropReasmLate        uint64 // fragments of a datagram that was dropped for overlap
	DropReasmDisabled    uint64 // fragments, where reassembly is off
	DropReasmInterrupted uint64 // datagrams not complete when the layer was closed
}

// ICMPStats are the counters of ICMP since the layer was made, with the names of
// [RFC 2011] (icmp group) and the meanings of RFC 4293; then one for each reason
// that a message in was dropped, or a message out was not sent.
//
// [RFC 2011]: https://www.rfc-editor.org/rfc/rfc2011
type ICMPStats struct {
	InMsgs          uint64 // messages that came in, also those in error
	InErrors        uint64 // of those, with wrong checksum, length, ...
	InDestUnreachs  uint64
	InTimeExcds     uint64
	InParmProbs     uint64
	InSrcQuenchs    uint64 // ignored (RFC 6633)
	InRedirects     uint64 // ignored
	InEchos         uint64
	InEchoReps      uint64
	OutMsgs         uint64 // messages to be sent
	OutErrors       uint64 // of those, not sent for a problem within ICMP: the rate limit
	OutDestUnreachs uint64
	OutTimeExcds    uint64
	OutParmProbs    uint64
	OutEchos        uint64
	OutEchoReps     uint64

	DropShort       uint64 // in: shorter than its header
	DropChecksum    uint64 // in: wrong checksum
	DropType        uint64 // in: a type this host doesn't know or answer
	DropBroadcast   uint64 // in: an echo request to all (RFC 1122 3.2.2.6)
	DropQuote       uint64 // in: an error that doesn't quote the start of a packet
	DropForeign     uint64 // in: an error about a packet that this host can't have sent
	DropMTU         uint64 // in: fragmentation needed for an MTU below 68 bytes
	DropUnknownEcho uint64 // in: an echo reply, or an error about a request, that nobody waits for
	DropNoHandler   uint64 // in: an error about a protocol that nobody handles

	NoErrorForError     uint64 // not sent: about an ICMP error (RFC 1122 3.2.2)
	NoErrorForBroadcast uint64 // not sent: about a packet to all
	NoErrorForFragment  uint64 // not sent: about a fragment other than the first
	NoErrorForSource    uint64 // not sent: to an address that is not one host's
	RateLimitGlobal     uint64 // not sent: above Config.ICMPRate
	RateLimitPeer       uint64 // not sent: above one destination's share of it
}

// Stats returns a copy of the layer's counters.
func (l *Layer) Stats() Stats { return counter.Snapshot(&l.stats) }

// ICMPStats returns a copy of the counters of ICMP.
func (l *Layer) ICMPStats() ICMPStats { return counter.Snapshot(&l.icmpStats) }
