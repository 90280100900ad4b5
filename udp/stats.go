package udp

import (
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
)

// Stats are the layer's counters of datagrams. The first four are those of
// [RFC 4113]; InErrors is the sum of the In...Errors and RcvbufErrors below it.
// The others are named as in Linux's /proc/net/snmp where that has them.
//
// [RFC 4113]: https://www.rfc-editor.org/rfc/rfc4113
type Stats struct {
	InDatagrams  uint64 // delivered to a socket
	NoPorts      uint64 // no socket was there
	InErrors     uint64 // not delivered for another reason
	OutDatagrams uint64 // sent

	RcvbufErrors uint64 // the socket's queue was full
	InCsumErrors uint64 // wrong checksum
	InHdrErrors  uint64 // truncated, or with an impossible length
	InClosed     uint64 // the socket was closed meanwhile; counted in NoPorts too
	OutErrors    uint64 // the network layer refused it

	ControlDelivered uint64 // ICMP errors told to a socket
	ControlNoPorts   uint64 // ICMP errors about no connected socket's datagrams
	ControlIgnored   uint64 // ICMP errors that pass by themselves, or need no action
}

// Stats returns the counters as they are now.
func (l *Layer) Stats() Stats { return counter.Snapshot(&l.stats) }

// discard drops n datagrams that arrived in error, for the given reason.
func (l *Layer) discard(in *packet.In, reason *uint64, n uint64) {
	l.drop(in, reason, n)
	counter.Add(&l.stats.InErrors, n)
}
