package explain

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tinystack/tinystack/trace"
)

// tellHandshake tells of the three segments that open a connection.
func (s *story) tellHandshake(at time.Time, t *tab) {
	var syn, synAck, ack *segment
	flow := s.log.flow(t.id())
	for _, g := range flow {
		switch {
		case g.host && g.has('S'):
			syn = g
		case g.has('S'):
			synAck = g
		case g.host && ack == nil:
			ack = g
		}
	}
	s.page.station(at, "The handshake: three segments to open a TCP connection")
	if syn == nil || synAck == nil || ack == nil {
		return
	}
	s.tellSegment("SYN", syn, "I begin at %d (chosen so that nobody can guess it, RFC 6528)", syn.tcp().Seq)
	s.tellOptions("  offers", syn)
	s.tellSegment("SYN-ACK", synAck, "I begin at %d; next I expect %d", synAck.tcp().Seq, synAck.tcp().Ack)
	s.tellOptions("  agrees to", synAck)
	s.tellSegment("ACK", ack, "next I expect %d: an ACK is always the next byte expected", ack.tcp().Ack)
	s.tellLosses(flow)
	s.tellAgreed(t, syn, synAck)
}

// tellSegment is a line on a segment of the host's or of the server's.
func (s *story) tellSegment(name string, g *segment, format string, args ...any) {
	way := "-->"
	if !g.host {
		way = "<--"
	}
	s.page.item(name+" "+way, "%s %s", fmt.Sprintf(format, args...), whole("[packet %d, %s]", g.n, s.page.at(s.seenAt(g))))
}

// seenAt is when the host sent or got a segment.
func (s *story) seenAt(g *segment) time.Time {
	if g.host || g.got == nil {
		return g.sent.Time
	}
	return g.got.Time
}

// options are the options of a header by their names.
func options(g *segment) map[string]string {
	found := map[string]string{}
	for part := range strings.SplitSeq(g.tcp().Options, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), " ")
		found[name] = value
	}
	return found
}

func (s *story) tellOptions(word string, g *segment) {
	o := options(g)
	var list []string
	if v, ok := o["mss"]; ok {
		list = append(list, "MSS "+v)
	}
	if v, ok := o["wscale"]; ok {
		list = append(list, fmt.Sprintf("window scale %s (window fields count in units of %s bytes)", v, power(v)))
	}
	if _, ok := o["sackOK"]; ok {
		list = append(list, "SACK")
	}
	if _, ok := o["TS"]; ok {
		list = append(list, "timestamps")
	}
	s.page.item(word, "%s; window %d bytes", strings.Join(list, ", "), g.tcp().Window)
}

// power is two to the power of n.
func power(n string) string {
	i, err := strconv.Atoi(n)
	if err != nil {
		return "?"
	}
	return strconv.Itoa(1 << min(i, 14))
}

// tellAgreed says what follows from the options.
func (s *story) tellAgreed(t *tab, syn, synAck *segment) {
	i := t.conn.Info()
	ours, theirs := options(syn)["mss"], options(synAck)["mss"]
	s.page.item("so MSS", "the host's wire takes packets of %s bytes, %d of which are the IP and TCP headers: each segment can bring it %s bytes of data. "+
		"The server announces %s. Each sends segments no larger than the other announced, and than its own wire takes (RFC 9293 3.7.1).", packetOf(ours), headers, ours, theirs)
	if i.Timestamps {
		s.page.item("", "The timestamps in each segment take 12 bytes of it: %d bytes of data are left.", i.SndMSS)
	}
	rtt := synAck.got.Time.Sub(syn.sent.Time)
	s.page.item("so RTT", "SYN to SYN-ACK took %s: the first measure of the round trip. Whoever waits for an ACK longer than %s (the RTO) sends again.",
		ms(rtt), ms(i.RTO))
}

// headers are the bytes of those of IP and TCP, without options.
const headers = 40

// packetOf is the length of the packet that brings so much data.
func packetOf(mss string) string {
	n, err := strconv.Atoi(mss)
	if err != nil {
		return "?"
	}
	return strconv.Itoa(n + headers)
}

// tellNoConnection tells why there is none.
func (s *story) tellNoConnection(at time.Time, from int, to netip.AddrPort, err error) {
	s.page.station(at, "The handshake fails")
	events, _ := s.log.since(from)
	for _, e := range events {
		if e.Packet == nil || e.Packet.TCP == nil || e.Node != nodeHost || e.Kind != trace.Sent && e.Kind != trace.Received {
			continue
		}
		s.page.row("%-9s %s %v, %s", s.page.at(e.Time), e.Kind, e.Conn.Remote, flagNames(e.Packet.TCP.Flags))
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		s.page.say("A RST is the answer: the host %v is there, but nobody listens at its port %d (RFC 9293 3.10.7.1). The browser says: connection refused.", to.Addr(), to.Port())
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		s.page.say("A router on the way has no route to %v, and says so in an ICMP message (RFC 792). The browser says: unreachable.", to.Addr())
	case errors.Is(err, context.DeadlineExceeded):
		s.page.say("No answer came. Each SYN waits twice as long as the one before for its answer (RFC 6298 5.5), and the browser gives up.")
	default:
		s.page.say("%v", err)
	}
}

// flagNames are the flags in words.
func flagNames(flags string) string {
	var names []string
	for _, f := range flags {
		names = append(names, map[rune]string{
			'S': "SYN", '.': "ACK", 'F': "FIN", 'R': "RST", 'P': "PSH", 'U': "URG", 'E': "ECE", 'W': "CWR",
		}[f])
	}
	return strings.Join(names, "-")
}
