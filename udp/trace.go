package udp

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/tinystack/tinystack/internal/counter"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

const (
	ruleWrite trace.Rule = "datagram: the application wrote it, RFC 768"
	ruleRoute trace.Rule = "the longest matching prefix, then the lowest metric, RFC 1122 3.3.1"
)

// dropRules are the reasons to drop, by the counter's name.
var dropRules = map[string]trace.Rule{
	"UdpNoPorts":      "nobody listens on the port, RFC 1122 4.1.3.1",
	"UdpInClosed":     "the socket was closed meanwhile",
	"UdpRcvbufErrors": "the socket's queue is full",
	"UdpInCsumErrors": "wrong UDP checksum, RFC 1122 4.1.3.4",
	"UdpInHdrErrors":  "truncated, or with an impossible length, RFC 768",
}

// Describe fills in the ports, from the start of a datagram.
func (l *Layer) Describe(b []byte, _ int, p *trace.Packet) {
	if len(b) >= 4 {
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	}
}

// drop counts n datagrams that came in and end here.
func (l *Layer) drop(in *packet.In, reason *uint64, n uint64) {
	counter.Add(reason, n)
	if !l.trace.On() {
		return
	}
	name := "Udp" + counter.Name(&l.stats, reason)
	in.Event = l.trace.Emit(trace.Event{Kind: trace.Dropped, Cause: in.Event, Name: name, Rule: dropRules[name]})
}

// story is what a socket knows of causes. The socket's lock guards it.
type story struct {
	heard   trace.ID                    // of what was read last
	because trace.ID                    // of what is written, as the application has it
	from    map[netip.AddrPort]trace.ID // of the next datagram to each: what was read last from there
	route   packet.Route                // that was told last
}

// maxFrom bounds story.from.
const maxFrom = 1024

// read takes note of what the application knows now.
func (s *story) read(from netip.AddrPort, event trace.ID) {
	s.heard, s.because = event, 0
	if event != 0 {
		s.answer(from, event)
	}
}

// answer makes event the cause of the next datagram to an address.
func (s *story) answer(to netip.AddrPort, event trace.ID) {
	if s.from == nil || len(s.from) == maxFrom {
		s.from = make(map[netip.AddrPort]trace.ID)
	}
	s.from[to] = event
}

// cause is that of what is written now: what the application says, else what it read
// last from there, else what it read last.
func (s *story) cause(to netip.AddrPort) trace.ID {
	if s.because != 0 {
		return s.because
	}
	if id, ok := s.from[to]; ok {
		delete(s.from, to)
		return id
	}
	return s.heard
}

// wrote tells of a call that writes n bytes, and returns why the datagram is sent.
func (c *Conn) wrote(r packet.Route, port uint16, n int) trace.Mark {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := netip.AddrPortFrom(r.Remote(), port)
	conn := trace.Conn{Protocol: "udp", Local: netip.AddrPortFrom(r.Local(), c.local.Port()), Remote: to}
	node := c.layer.trace
	cause := node.Emit(trace.Event{
		Kind: trace.Call, Cause: c.story.cause(to), Name: "write", Conn: conn, Text: fmt.Sprintf("%d bytes", n),
	})
	if chooser, ok := r.(packet.Chooser); ok && c.story.route != r {
		cause = node.Emit(trace.Event{
			Kind: trace.Routed, Cause: cause, Conn: conn, Rule: ruleRoute, Route: chooser.Choice(),
		})
		c.story.route = r
	}
	return trace.Mark{Cause: cause, Rule: ruleWrite}
}

// BecauseTo makes id the cause of the next datagram that is written to an address.
func (c *Conn) BecauseTo(to netip.AddrPort, id trace.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.story.answer(unmap(to), id)
}

// Heard returns the event that led to what was read last.
func (c *Conn) Heard() trace.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.story.heard
}

// Because makes id the cause of what is written until something is read.
func (c *Conn) Because(id trace.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.story.because = id
}
