package tcp

import (
	"fmt"
	"strings"

	"github.com/tinystack/tinystack/trace"
)

// Describe fills in what the header says that b, the start of a packet's payload of n
// bytes, begins with.
func (l *Layer) Describe(b []byte, n int, p *trace.Packet) {
	h, _, err := Parse(b)
	if err != nil {
		return
	}
	p.SrcPort, p.DstPort = h.SrcPort, h.DstPort
	p.TCP = &trace.Segment{
		Flags: h.Flags.short(), Seq: uint32(h.Seq), Window: h.Window,
		Data: n - int(b[12]>>4)*4, Options: h.Options.text(),
	}
	if h.Flags.Has(ACK) {
		p.TCP.Ack = uint32(h.Ack)
	}
}

// short is the flags as tcpdump writes them: a letter for each but the ACK, which is a dot.
func (f Flags) short() string {
	var b strings.Builder
	for _, flag := range [...]struct {
		bit    Flags
		letter byte
	}{{SYN, 'S'}, {FIN, 'F'}, {RST, 'R'}, {PSH, 'P'}, {URG, 'U'}, {ECE, 'E'}, {CWR, 'W'}, {ACK, '.'}} {
		if f.Has(flag.bit) {
			b.WriteByte(flag.letter)
		}
	}
	return b.String()
}

// text is the options as tcpdump writes them.
func (o *Options) text() string {
	var words []string
	add := func(there bool, format string, args ...any) {
		if there {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(o.MSS != 0, "mss %d", o.MSS)
	add(o.SACKPermitted, "sackOK")
	add(o.HasTimestamps, "TS val %d ecr %d", o.TSVal, o.TSEcr)
	add(o.HasWindowScale, "wscale %d", o.WindowScale)
	var blocks strings.Builder
	for _, b := range o.SACK[:o.NumSACK] {
		fmt.Fprintf(&blocks, " {%d:%d}", b.Left, b.Right)
	}
	add(o.NumSACK > 0, "sack %d%s", o.NumSACK, blocks.String())
	return strings.Join(words, ", ")
}
