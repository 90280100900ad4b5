package udp

import (
	"fmt"
	"net/netip"
	"syscall"

	"github.com/tinystack/tinystack/internal/neterr"
)

// ICMPError is an ICMP error about a datagram that a socket has sent. errors.Is
// takes it for the syscall.Errno that Linux reports.
type ICMPError struct {
	From netip.Addr // the host or router that sent it
	Type uint8      // of the ICMP message: RFC 792 for IPv4
	Code uint8
	Err  syscall.Errno
}

func (e *ICMPError) Error() string {
	return fmt.Sprintf("%v (ICMP type %d code %d from %v)", e.Err, e.Type, e.Code, e.From)
}

// Unwrap returns the syscall.Errno.
func (e *ICMPError) Unwrap() error { return e.Err }

// SetTTL sets the time to live of the datagrams that the socket sends, 1 to 255
// hops, or with 0 to the network layer's. Outside that it fails with EINVAL.
func (c *Conn) SetTTL(hops int) error {
	if hops < 0 || hops > 255 {
		return neterr.Op("set", "udp", nil, c.laddr, syscall.EINVAL)
	}
	return c.set(func() { c.ttl.Store(uint32(hops)) })
}

// SetReportICMP sets whether a connected socket's calls fail with an [*ICMPError]
// for every ICMP error about its datagrams, those that may pass by themselves too:
// the time exceeded on the way, say. As with Linux's IP_RECVERR, but that the
// latest alone is kept.
func (c *Conn) SetReportICMP(on bool) error {
	return c.set(func() { c.reportICMP = on })
}
