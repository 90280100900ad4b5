package trace

import "fmt"

// Mark is what goes with a packet from the node that sent it to those that receive it.
// The zero value is that of a packet nobody traces.
type Mark struct {
	ID      ID   // of its being sent
	Cause   ID   // of that
	Rule    Rule // of that
	Arrival ID   // reserved for its being received, by a device that saw it before
}

// Comment says for people which event the packet is, and what led to it; "" if that
// is not known.
func (m Mark) Comment() string {
	switch {
	case m.ID == 0 && m.Arrival == 0:
		return ""
	case m.ID == 0:
		return fmt.Sprintf("event %d", m.Arrival)
	}
	s := fmt.Sprintf("event %d", m.ID)
	if m.Arrival != 0 {
		s = fmt.Sprintf("event %d, sent as event %d", m.Arrival, m.ID)
	}
	if m.Cause != 0 {
		s += fmt.Sprintf(", because of event %d", m.Cause)
	}
	if m.Rule != "" {
		s += ": " + string(m.Rule)
	}
	return s
}
