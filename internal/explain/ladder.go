package explain

import (
	"fmt"
	"strings"

	"github.com/tinystack/tinystack/trace"
)

// The ladder's columns: the packet's number, its time, the host's state, the wire and the
// other end's state.
const (
	stateColumn = 12
	wireColumns = columns - 5 - 10 - 2*stateColumn - 2
)

// ladder draws the packets on the host's wire as a sequence diagram.
func (s *story) ladder() {
	packets := s.log.wire()
	whose := "both ends"
	if !s.world.whole() {
		whose = "our end"
	}
	s.page.station(s.now(), "The ladder: all packets, and the states of "+whose)
	s.page.say("Numbers of sequence and acknowledgment count from 0 at each SYN. A state stands where an end enters it.")
	end := "other end"
	if !s.world.whole() {
		end = "not ours"
	}
	s.page.printf("%4s%10s %-*s%-*s %s\n", "", "ms", stateColumn, "host", wireColumns, "", end)
	d := &drawing{states: map[trace.ID]string{}, first: map[trace.Conn]uint32{}}
	d.place(s.log)
	for _, p := range packets {
		s.rung(d, p)
	}
}

// drawing is what a ladder needs to know of all packets.
type drawing struct {
	states map[trace.ID]string // entered by the end that sent or got a packet, by that event
	first  map[trace.Conn]uint32
	got    map[trace.ID]trace.ID // by the packet's first sending, its being received
}

// place finds at which packet each change of state is to be drawn: the one received that
// brought it, or the one that is sent next.
func (d *drawing) place(l *log) {
	events, _ := l.since(0)
	d.got = map[trace.ID]trace.ID{}
	pending := map[trace.Conn]string{}
	seen := map[trace.ID]bool{}
	for _, e := range events {
		switch {
		case e.Kind == trace.Received && e.Conn.Protocol == "tcp":
			d.got[l.originOf(e).ID], seen[e.ID] = e.ID, true
		case e.Kind == trace.StateChange && seen[e.Cause]:
			d.states[e.Cause] = e.State.To
		case e.Kind == trace.StateChange:
			pending[e.Conn] = e.State.To
		case e.Kind == trace.Sent && pending[e.Conn] != "":
			d.states[e.ID] = pending[e.Conn]
			delete(pending, e.Conn)
		}
	}
}

// rung draws one packet.
func (s *story) rung(d *drawing, p *numbered) {
	out := p.out()
	left, right := d.states[p.origin.ID], d.states[d.got[p.origin.ID]]
	switch {
	case !s.world.whole():
		right = ""
	case !out:
		left, right = right, left
	}
	if p.origin.Packet.TCP == nil && right == "" && s.world.whole() {
		right = "router"
	}
	at := strings.TrimSuffix(s.page.at(p.sent.Time), " ms")
	line := fmt.Sprintf("%4d%10s %-*s%s %s", p.n, at, stateColumn, left, s.page.style(styleOf(p), arrow(s.label(d, p), out, p.lost)), right)
	s.page.printf("%s\n", strings.TrimRight(line, " "))
}

// styleOf is the colour of a packet.
func styleOf(p *numbered) string {
	switch {
	case p.lost:
		return red
	case p.origin.Packet.TCP != nil && p.origin.Packet.TCP.Data > 0:
		return blue
	}
	return faint
}

// arrow is a line with a head and a text in its middle, which breaks off if the packet is lost.
func arrow(text string, out, lost bool) string {
	const width = wireColumns - 1
	text = " " + text[:min(len(text), width-6)] + " "
	fill := width - len(text) - 3
	line := strings.Repeat("-", fill/2) + text + strings.Repeat("-", fill-fill/2)
	switch {
	case out && lost:
		return "|" + line[:len(line)-2] + "X  |"
	case out:
		return "|" + line + ">|"
	case lost:
		return "|  X" + line[2:] + "|"
	}
	return "|<" + line + "|"
}

// label is what a packet says, in short.
func (s *story) label(d *drawing, p *numbered) string {
	t := p.origin.Packet.TCP
	if t == nil {
		return s.labelOther(p)
	}
	conn := p.conn()
	if strings.Contains(t.Flags, "S") {
		d.first[conn] = t.Seq
		if t.Flags == "S." {
			return fmt.Sprintf("SYN-ACK %d", t.Ack-d.first[reversed(conn)])
		}
		return flagNames(t.Flags)
	}
	seq, ack := t.Seq-d.first[conn], t.Ack-d.first[reversed(conn)]
	switch {
	case strings.Contains(t.Flags, "R"):
		return "RST"
	case t.Data > 0:
		return fmt.Sprintf("%s%d bytes from %d", finAnd(t.Flags), t.Data, seq)
	case strings.Contains(t.Flags, "F"):
		return fmt.Sprintf("FIN %d, ACK %d", seq, ack)
	case strings.Contains(t.Options, "sack "):
		return fmt.Sprintf("ACK %d, and SACK", ack)
	}
	return fmt.Sprintf("ACK %d", ack)
}

func finAnd(flags string) string {
	if strings.Contains(flags, "F") {
		return "FIN, "
	}
	return ""
}

// labelOther says what a packet is that is not TCP: what DNS asked with it, or answered.
func (s *story) labelOther(p *numbered) string {
	e := s.reason(p.origin)
	if p.origin.Kind == trace.Received {
		e = s.effect(p.origin)
	}
	if e != nil && e.DNS != nil {
		if e.Kind == trace.Question {
			return "DNS: " + strings.TrimSuffix(e.DNS.Name, ".") + " " + e.DNS.Type + "?"
		}
		return "DNS: " + e.DNS.Code + " " + values(e.DNS.Answer)
	}
	switch p.origin.Packet.Protocol {
	case "":
		return "not IPv4"
	case "icmp":
		return "ICMP"
	}
	return strings.ToUpper(p.origin.Packet.Protocol)
}
