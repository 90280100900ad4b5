package netcfg

import (
	"net"
	"net/netip"
)

// Local reports whether an address is one of this machine's, or can't tell.
func Local(a netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, own := range addrs {
		if n, ok := own.(*net.IPNet); ok && n.IP.Equal(a.AsSlice()) {
			return true
		}
	}
	return false
}
