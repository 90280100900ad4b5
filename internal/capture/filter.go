package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Filter selects packets. Its zero value selects all.
type Filter struct {
	Host netip.Addr // the source or the destination; zero: any
	Port uint16     // of TCP or UDP, either one; 0: any
}

// ParseFilter reads a filter from words like "host 198.18.0.1 port 80", with or
// without an "and" between, as tcpdump takes it.
func ParseFilter(words []string) (f Filter, err error) {
	for len(words) > 0 {
		if words[0] == "and" && f != (Filter{}) {
			words = words[1:]
		}
		if len(words) < 2 {
			return f, errFilter
		}
		switch key, value := words[0], words[1]; {
		case key == "host" && !f.Host.IsValid():
			err = f.SetHost(value)
		case key == "port" && f.Port == 0:
			err = f.SetPort(value)
		default:
			err = errFilter
		}
		if err != nil {
			return f, err
		}
		words = words[2:]
	}
	return f, nil
}

var errFilter = errors.New("a filter is like: host 198.18.0.1 port 80, or one of the two")

// SetHost sets the host to an address in text.
func (f *Filter) SetHost(s string) (err error) {
	if f.Host, err = netip.ParseAddr(s); err != nil {
		return fmt.Errorf("host %q is not an address", s)
	}
	return nil
}

// SetPort sets the port to a number in text.
func (f *Filter) SetPort(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", s)
	}
	f.Port = uint16(n)
	return nil
}

// String is the filter in the syntax of libpcap.
func (f Filter) String() string {
	var parts []string
	if f.Host.IsValid() {
		parts = append(parts, "host "+f.Host.String())
	}
	if f.Port != 0 {
		parts = append(parts, fmt.Sprintf("port %d", f.Port))
	}
	return strings.Join(parts, " and ")
}

// Match reports whether the packet that starts with head is selected, itself or
// the packet that it, an ICMP error, is about. Only the first fragment of
// a datagram has ports.
func (f Filter) Match(head []byte) bool {
	p, ok := parse(head)
	if !ok {
		return f == (Filter{})
	}
	if f.selects(p) {
		return true
	}
	about, ok := parse(p.quoted())
	return ok && f.selects(about)
}

func (f Filter) selects(p headers) bool {
	if f.Host.IsValid() && f.Host != p.src && f.Host != p.dst {
		return false
	}
	return f.Port == 0 || p.ports && (f.Port == p.srcPort || f.Port == p.dstPort)
}

// Protocol numbers, and how long the headers are that have no options.
const (
	protocolICMP   = 1
	protocolTCP    = 6
	protocolUDP    = 17
	protocolICMPv6 = 58

	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
	icmpHeaderLen = 8
)

// headers are what a filter looks at.
type headers struct {
	src, dst         netip.Addr
	protocol         uint8
	ports            bool // there are some
	srcPort, dstPort uint16
	payload          []byte // what of it is there
}

func parse(b []byte) (p headers, ok bool) {
	switch {
	case len(b) >= ipv4HeaderLen && b[0]>>4 == 4:
		n := int(b[0]&15) * 4
		if n < ipv4HeaderLen || n > len(b) {
			return p, false
		}
		p = headers{src: addr(b[12:16]), dst: addr(b[16:20]), protocol: b[9], payload: b[n:]}
		if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 { // a later fragment
			p.payload = nil
		}
	case len(b) >= ipv6HeaderLen && b[0]>>4 == 6:
		p = headers{src: addr(b[8:24]), dst: addr(b[24:40]), protocol: b[6], payload: b[ipv6HeaderLen:]}
	default:
		return p, false
	}
	if (p.protocol == protocolTCP || p.protocol == protocolUDP) && len(p.payload) >= 4 {
		p.ports = true
		p.srcPort, p.dstPort = binary.BigEndian.Uint16(p.payload), binary.BigEndian.Uint16(p.payload[2:])
	}
	return p, true
}

func addr(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}

// quoted returns the packet that an ICMP error is about, nil for others.
func (p headers) quoted() []byte {
	if len(p.payload) < icmpHeaderLen {
		return nil
	}
	switch typ := p.payload[0]; {
	case p.protocol == protocolICMP && (typ == 3 || typ == 4 || typ == 5 || typ == 11 || typ == 12): // RFC 792
	case p.protocol == protocolICMPv6 && typ < 128: // RFC 4443 2.1
	default:
		return nil
	}
	return p.payload[icmpHeaderLen:]
}
