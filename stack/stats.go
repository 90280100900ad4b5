package stack

import (
	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/tcp"
	"github.com/tinystack/tinystack/udp"
)

// Stats are the counters of all layers and interfaces.
type Stats struct {
	IP         ipv4.Stats
	ICMP       ipv4.ICMPStats
	TCP        tcp.Stats
	UDP        udp.Stats
	Interfaces []InterfaceStats // in the order they were added, loopback first
}

// InterfaceStats are an interface's counters since it was added. A super-segment
// counts as one packet.
type InterfaceStats struct {
	Name       string
	Up         bool   // its device is in use
	InPackets  uint64 // packets read
	InOctets   uint64 // their bytes, IP headers included
	InErrors   uint64 // errors of the device when read; one takes the interface down
	OutPackets uint64 // packets written
	OutOctets  uint64 // their bytes, IP headers included
	OutErrors  uint64 // packets that the device refused
	InDrops    uint64 // packets lost within the device before they could be read
	OutDrops   uint64 // packets lost within the device after they were written
}

// interfaceCounters are the counters among InterfaceStats.
type interfaceCounters struct {
	InPackets, InOctets, InErrors    uint64
	OutPackets, OutOctets, OutErrors uint64
}

// Stats returns a copy of all counters as they are now.
func (s *Stack) Stats() Stats {
	stats := Stats{
		IP:   s.ip.Stats(),
		ICMP: s.ip.ICMPStats(),
		TCP:  s.tcp.Stats(),
		UDP:  s.udp.Stats(),
	}
	for _, i := range s.Interfaces() {
		stats.Interfaces = append(stats.Interfaces, i.Stats())
	}
	return stats
}

// Stats returns a copy of the interface's counters as they are now.
func (i *Interface) Stats() InterfaceStats {
	c := counter.Snapshot(&i.dev.stats)
	up := true
	select {
	case <-i.done:
		up = false
	default:
	}
	var inDrops, outDrops uint64
	if d, ok := i.dev.Device.(link.DropCounter); ok {
		inDrops, outDrops = d.Drops()
	}
	return InterfaceStats{
		Name: i.Name(), Up: up,
		InPackets: c.InPackets, InOctets: c.InOctets, InErrors: c.InErrors,
		OutPackets: c.OutPackets, OutOctets: c.OutOctets, OutErrors: c.OutErrors,
		InDrops: inDrops, OutDrops: outDrops,
	}
}

// UDPConns lists the UDP sockets, ordered by local address and port.
func (s *Stack) UDPConns() []udp.ConnInfo { return s.udp.Conns() }
