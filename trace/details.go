package trace

import (
	"net/netip"
	"slices"
	"time"
)

// Packet is what the layers that it passed say of a packet. Bytes and lengths are of
// the IP packet; a super-segment is one packet.
type Packet struct {
	Interface string     `json:"interface,omitzero"`
	Src       netip.Addr `json:"src,omitzero"`
	Dst       netip.Addr `json:"dst,omitzero"`
	Protocol  string     `json:"protocol,omitzero"` // "tcp", "udp", "icmp", or a number
	TTL       uint8      `json:"ttl"`
	Len       int        `json:"len"`               // bytes
	Offset    int        `json:"offset,omitzero"`   // bytes before it in its datagram; of a fragment
	More      bool       `json:"more,omitzero"`     // more fragments follow
	SegSize   int        `json:"seg_size,omitzero"` // bytes of data in each segment of a super-segment
	SrcPort   uint16     `json:"src_port,omitzero"`
	DstPort   uint16     `json:"dst_port,omitzero"`
	TCP       *Segment   `json:"tcp,omitempty"`
	ICMP      *ICMP      `json:"icmp,omitempty"`
	Head      []byte     `json:"head,omitempty"` // its first bytes: the headers at least
}

// Segment is what a TCP header says.
type Segment struct {
	Flags   string `json:"flags"` // as tcpdump has them: "S", "S.", ".", "P.", "F.", "R"
	Seq     uint32 `json:"seq"`
	Ack     uint32 `json:"ack,omitzero"`
	Window  uint16 `json:"window"`           // as in the header, not scaled
	Data    int    `json:"data,omitzero"`    // bytes
	Options string `json:"options,omitzero"` // "mss 1460, sackOK, TS val 1 ecr 0, wscale 7"
}

// ICMP is the type and code of a message.
type ICMP struct {
	Type uint8 `json:"type"`
	Code uint8 `json:"code"`
}

// State is a change of a connection's state.
type State struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Window is how much data, in bytes, one end has room for, after a change.
type Window struct {
	Peer int `json:"peer"` // the window that the peer told
	Own  int `json:"own"`  // the window that it was told
}

// Congestion is what congestion control has come to.
type Congestion struct {
	Algorithm string        `json:"algorithm"`
	Phase     string        `json:"phase"`             // "slow start", "congestion avoidance", "recovery", "loss"
	Cwnd      int           `json:"cwnd"`              // bytes
	Ssthresh  int           `json:"ssthresh,omitzero"` // bytes; 0: none yet
	InFlight  int           `json:"in_flight"`         // bytes
	MSS       int           `json:"mss"`               // bytes
	SRTT      time.Duration `json:"srtt,omitzero"`     // nanoseconds; 0: not measured
	RTO       time.Duration `json:"rto"`               // nanoseconds
}

// Route is the way that was chosen to a destination, and the routes to it that were not.
type Route struct {
	Dst    netip.Addr   `json:"dst"`
	Chosen RouteEntry   `json:"chosen,omitzero"`  // zero: there is none
	Passed []RouteEntry `json:"passed,omitempty"` // the best first
}

// RouteEntry is an entry of a routing table.
type RouteEntry struct {
	Dst       netip.Prefix `json:"dst"`
	Gateway   netip.Addr   `json:"gateway,omitzero"` // zero: on the link
	Interface string       `json:"interface"`
	Metric    int          `json:"metric,omitzero"`
}

// DNS is a question, and what was answered.
type DNS struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`            // "A", "AAAA", ...
	Server string   `json:"server,omitzero"` // who was asked, as host:port
	ID     uint16   `json:"id,omitzero"`     // of the message
	Code   string   `json:"code,omitzero"`   // "NOERROR", "NXDOMAIN", ...
	Result string   `json:"result,omitzero"` // "answer", "referral", "negative", "error"
	Answer []string `json:"answer,omitempty"`
	Glue   []string `json:"glue,omitempty"` // addresses that came with a referral
	TTL    uint32   `json:"ttl,omitzero"`   // seconds that are left of it
}

// maxText bounds the text of an event, in bytes, that comes from a peer.
const maxText = 4096

// Bounded returns the first of lines, and of the one that is too long its beginning, so
// that a peer does not say how much memory an event takes: no more than 4096 bytes,
// and then "...".
func Bounded(lines []string) []string {
	n := 0
	for i, line := range lines {
		if n+len(line) > maxText {
			return append(slices.Clone(lines[:i]), line[:maxText-n]+"...")
		}
		n += len(line)
	}
	return lines
}

// HTTP is a request, or the response to one.
type HTTP struct {
	Method string   `json:"method,omitzero"`
	URL    string   `json:"url,omitzero"`
	Status int      `json:"status,omitzero"`
	Header []string `json:"header,omitempty"` // "Name: value", in the order of the names
	Bytes  int64    `json:"bytes,omitzero"`   // of the body
}
