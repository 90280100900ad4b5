package explain

import (
	"io"

	"github.com/tinystack/tinystack/trace"
)

// writeJSON writes all events, one to a line.
func (s *story) writeJSON(w io.Writer) error {
	events, _ := s.log.since(0)
	out := trace.NewEncoder(w)
	for _, e := range events {
		if err := out.Encode(e); err != nil {
			return err
		}
	}
	return out.Lost(s.log.lostEvents())
}
