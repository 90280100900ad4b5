package netcfg

import (
	"bytes"
	"net"
	"net/netip"
	"os"
)

// Forwards reports whether packets from device get on to an address: it is this machine's
// own, or the machine forwards what comes from there. It does not deny what it can't tell.
func Forwards(device string, to netip.Addr) bool {
	b, err := os.ReadFile("/proc/sys/net/ipv4/conf/" + device + "/forwarding")
	return err != nil || !bytes.Equal(bytes.TrimSpace(b), []byte("0")) || local(to)
}

// local reports whether an address is one of this machine's, or can't tell.
func local(a netip.Addr) bool {
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
