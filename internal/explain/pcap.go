package explain

import (
	"fmt"
	"io"

	"github.com/tinystack/tinystack/internal/lab"
	"github.com/tinystack/tinystack/internal/pcapng"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/trace"
)

// taps copy what both ends put on the host's wire.
type taps []*link.Tap

func newTaps(w *lab.Wire) (taps, error) {
	near, far := w.Ends()
	var list taps
	for _, end := range []lab.End{near, far} {
		t, err := end.Device.Tap(link.TapConfig{})
		if err != nil {
			list.close()
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

func (ts taps) close() {
	for _, t := range ts {
		t.Close()
	}
}

// packets returns what was copied, by the event of its being put on the wire.
func (ts taps) packets() (map[trace.ID]link.Captured, error) {
	ts.close()
	found := map[trace.ID]link.Captured{}
	for _, t := range ts {
		for {
			batch, err := t.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
			for _, c := range batch {
				if c.Direction == link.Outbound {
					c.Data = append([]byte(nil), c.Data...)
					found[c.Mark.ID] = c
				}
			}
		}
	}
	return found, nil
}

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
	id, err := out.AddInterface(pcapng.Interface{
		Name: "lan", LinkType: pcapng.LinkTypeRaw,
		Description: "the wire between the host and its router, where packets set out on it",
	})
	if err != nil {
		return err
	}
	for _, p := range s.log.wire() {
		c := copies[p.sent.ID]
		packet := pcapng.Packet{
			Interface: id, Time: p.sent.Time, Data: c.Data, Len: c.Len,
			Direction: pcapng.Inbound, Comments: s.comments(p),
		}
		if p.sent.Node == nodeHost {
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
