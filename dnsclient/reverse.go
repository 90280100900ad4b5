package dnsclient

import (
	"net/netip"

	"github.com/miekg/dns"
)

// ReverseName returns the name under which an address's names are found (RFC 1035
// 3.5, RFC 3596 2.5).
func ReverseName(addr netip.Addr) string {
	name, _ := dns.ReverseAddr(addr.Unmap().WithZone("").String()) // of an address it never fails
	return name
}
