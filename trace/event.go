package trace

import (
	"fmt"
	"net/netip"
	"time"
)

// ID is an event's number, from 1 on in the order in which they were given. 0 is none.
type ID uint64

// Rule is what a protocol, or a configuration, says is to be done, and where it says
// so: "fast retransmit: third duplicate ACK, RFC 5681 3.2".
type Rule string

// Event is one thing that happened. Its JSON form leaves out what is zero.
type Event struct {
	ID    ID        `json:"id"`
	Cause ID        `json:"cause,omitzero"` // the event that led to it; 0: not one of these
	Time  time.Time `json:"time"`
	Node  string    `json:"node,omitzero"` // the host or router where it happened
	Kind  Kind      `json:"kind"`
	Name  string    `json:"name,omitzero"` // which of its kind: the call, the timer, the counter of the drop
	Conn  Conn      `json:"conn,omitzero"` // zero: it concerns none
	Rule  Rule      `json:"rule,omitzero"`
	Text  string    `json:"text,omitzero"` // more for people

	// These are set by Kind.
	Packet     *Packet     `json:"packet,omitempty"`     // Sent, Received, and Dropped if it was not one of these before
	State      *State      `json:"state,omitempty"`      // StateChange
	Window     *Window     `json:"window,omitempty"`     // WindowChange
	Congestion *Congestion `json:"congestion,omitempty"` // CongestionChange
	Route      *Route      `json:"route,omitempty"`      // Routed
	DNS        *DNS        `json:"dns,omitempty"`        // Question, Answer, CacheHit, CacheMiss
	HTTP       *HTTP       `json:"http,omitempty"`       // Request, Response
}

// Kind is what an event is. Its text forms stand beside the constants.
type Kind uint8

// The kinds there are.
const (
	Call             Kind = 1 + iota // "call": of an application
	Sent                             // "sent": a packet, to a device
	Received                         // "received": a packet, from a device
	Dropped                          // "dropped": a packet; Name is the counter, Rule the reason
	StateChange                      // "state": of a connection
	Timer                            // "timer": one expired
	WindowChange                     // "window": of the peer, or ours
	CongestionChange                 // "congestion": the congestion window, or its phase
	Routed                           // "route": one was chosen
	Question                         // "question": asked of a name server
	Answer                           // "answer": to a question
	CacheHit                         // "hit": a question answered from a cache
	CacheMiss                        // "miss": one that the cache could not answer
	Request                          // "request": of HTTP
	Response                         // "response": of HTTP
)

var kindNames = [...]string{
	Call: "call", Sent: "sent", Received: "received", Dropped: "dropped",
	StateChange: "state", Timer: "timer", WindowChange: "window", CongestionChange: "congestion",
	Routed: "route", Question: "question", Answer: "answer", CacheHit: "hit", CacheMiss: "miss",
	Request: "request", Response: "response",
}

func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// MarshalText returns the text form.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText takes a text form.
func (k *Kind) UnmarshalText(b []byte) error {
	for i, name := range kindNames {
		if i > 0 && string(b) == name {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("trace: unknown kind of event %q", b)
}

// Conn is a connection, or what an unconnected socket exchanges with one peer, as
// seen from the node of the event.
type Conn struct {
	Protocol string         `json:"protocol"` // "tcp", "udp"
	Local    netip.AddrPort `json:"local"`
	Remote   netip.AddrPort `json:"remote,omitzero"`
}
