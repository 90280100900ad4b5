package explain

import (
	"fmt"
	"io"

	"github.com/tinystack/tinystack/internal/pcapng"
)

// writePcap writes the packets of the host's wire in their order, each with what it is and
// why it was sent.
func (s *story) writePcap(w io.Writer) error {
	copies, err := s.taps.packets()
	if err != nil {
		return err
	}
	out, err := pcapng.NewWriter(w, "tinystack")
	if err != nil {
		return err
	}
	id, err := out.AddInterface(s.world.wire())
	if err != nil {
		return err
	}
	for _, p := range s.log.wire() {
		c, ok := copies[p.sent.ID]
		if !ok { // the tap had no room for it
			c.Data, c.Len = p.sent.Packet.Head, p.sent.Packet.Len
		}
		packet := pcapng.Packet{
			Interface: id, Time: p.sent.Time, Data: c.Data, Len: c.Len,
			Direction: pcapng.Inbound, Comments: s.comments(p),
		}
		if p.out() {
			packet.Direction = pcapng.Outbound
		}
		if err := out.WritePacket(&packet); err != nil {
			return err
		}
	}
	return nil
}

// comments say why a packet was sent, and what became of it.
func (s *story) comments(p *numbered) (list []string) {
	text := fmt.Sprintf("packet %d", p.n)
	if e := s.reason(p.origin); e != nil {
		text += fmt.Sprintf(", because of: %s", s.what(e))
	}
	if p.origin.Rule != "" {
		text += " (" + string(p.origin.Rule) + ")"
	}
	list = append(list, text)
	if p.lost {
		list = append(list, "lost on this wire")
	}
	return list
}
