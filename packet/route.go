package packet

import (
	"net/netip"
	"syscall"

	"github.com/tinystack/tinystack/trace"
)

// Route is the way from one of the host's addresses to another host, as the
// network layer found it. It follows later changes of routing and path MTU, and
// may be used by several goroutines.
type Route interface {
	Local() netip.Addr
	Remote() netip.Addr
	// MTU is the largest packet in bytes that the path is known to take whole.
	MTU() int
	// LowerMTU records a router's word, verified by the caller, that the path
	// takes no packet above mtu bytes.
	LowerMTU(mtu int)
	// Features are those of the device that Send would use now.
	Features() Features
	// Send puts the network layer's header before the packet's own and sends it.
	// Packets from one goroutine leave in order. It keeps nothing of p. Errors are
	// syscall.Errno as sendmsg gives them: ENETUNREACH, EMSGSIZE, ENETDOWN, ...
	Send(p *Out) error
}

// Chooser is what a [Route] has besides if it can tell how it was chosen.
type Chooser interface {
	Choice() *trace.Route
}

// Control is an ICMP error, parsed, about a packet that this host may have
// sent. Who has the connection must check Quoted against it (RFC 5927).
type Control struct {
	Local, Remote netip.Addr
	From          netip.Addr    // who sent the error
	Type, Code    uint8         // of the ICMP message
	Quoted        []byte        // the quoted transport header: 8 bytes or more
	Err           syscall.Errno // what Linux reports for it: ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ...
	Hard          bool          // not expected to pass by itself (RFC 1122 4.2.3.9)
	MTU           int           // of the next hop, where fragmentation was needed; else 0
	Event         trace.ID      // of the message's arrival; 0 if nobody listens
}
