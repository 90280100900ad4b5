package explain

import "github.com/tinystack/tinystack/trace"

// segment is one of a TCP connection, from its sender to where it went.
type segment struct {
	n    int          // on the host's wire; 0: it never was there
	host bool         // the host sent it, not the server
	sent *trace.Event // by its first sender; if that is not told, as got
	got  *trace.Event // by the other end; nil: not, or not yet
	lost bool         // on the host's wire
}

// tcp is what its header says.
func (s *segment) tcp() *trace.Segment { return s.sent.Packet.TCP }

// end is the sequence number after the segment's data, SYN and FIN.
func (s *segment) end() uint32 {
	t := s.tcp()
	end := t.Seq + uint32(t.Data)
	for _, f := range t.Flags {
		if f == 'S' || f == 'F' {
			end++
		}
	}
	return end
}

// has reports whether the segment has that flag, as tcpdump writes it.
func (s *segment) has(flag rune) bool {
	for _, f := range s.tcp().Flags {
		if f == flag {
			return true
		}
	}
	return false
}

// reversed is the connection as its other end sees it.
func reversed(c trace.Conn) trace.Conn {
	c.Local, c.Remote = c.Remote, c.Local
	return c
}

// flow returns the segments of a connection of the host's so far, in the order in which
// they were sent.
func (l *log) flow(c trace.Conn) (segments []*segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	byID := map[trace.ID]*segment{}
	for _, e := range l.events {
		ours, theirs := e.Conn == c, e.Conn == reversed(c)
		switch {
		case !ours && !theirs, e.Packet == nil, e.Packet.TCP == nil:
		case e.Kind == trace.Sent:
			s := &segment{host: ours, sent: e}
			if p := l.byEvent[e.ID]; p != nil {
				s.n, s.lost = p.n, p.lost
			}
			byID[e.ID], segments = s, append(segments, s)
		case e.Kind == trace.Received && l.origin(e) == e:
			s := &segment{sent: e, got: e}
			if p := l.byEvent[e.ID]; p != nil {
				s.n = p.n
			}
			segments = append(segments, s)
		case e.Kind == trace.Received:
			if from := byID[l.origin(e).ID]; from != nil {
				from.got = e
			}
		}
	}
	return segments
}
