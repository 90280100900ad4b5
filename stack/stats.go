package stack

import (
	"sync/atomic"

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

	Queues []QueueStats // of a device with several queues, each one's part
}

// QueueStats are the counters of one of a device's queues.
type QueueStats struct {
	InPackets  uint64 // packets read
	InOctets   uint64 // their bytes, IP headers included
	OutPackets uint64 // packets written
	OutOctets  uint64 // their bytes, IP headers included
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
	s := InterfaceStats{Name: i.Name(), Up: true, InErrors: atomic.LoadUint64(&i.dev.inErrors)}
	select {
	case <-i.done:
		s.Up = false
	default:
	}
	if d, ok := i.dev.Device.(link.DropCounter); ok {
		s.InDrops, s.OutDrops = d.Drops()
	}
	for _, q := range i.dev.queues {
		c := counter.Snapshot(&q.stats)
		s.InPackets += c.InPackets
		s.InOctets += c.InOctets
		s.OutPackets += c.OutPackets
		s.OutOctets += c.OutOctets
		s.OutErrors += c.OutErrors
		if len(i.dev.queues) > 1 {
			s.Queues = append(s.Queues, QueueStats{c.InPackets, c.InOctets, c.OutPackets, c.OutOctets})
		}
	}
	return s
}

// UDPConns lists the UDP sockets, ordered by local address and port.
func (s *Stack) UDPConns() []udp.ConnInfo { return s.udp.Conns() }
