package link

import (
	"bytes"

	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

// Why a device loses packets.
const (
	ruleLoss       trace.Rule = "lost on the wire: the impairment says so"
	ruleWireQueue  trace.Rule = "tail drop: the transmitter's queue is full"
	ruleMalformed  trace.Rule = "not put on the wire: above the MTU, or its offload does not fit it"
	ruleRefused    trace.Rule = "refused by the device below when its time had come"
	ruleQueueFull  trace.Rule = "tail drop: the reader's queue is full"
	rulePeerClosed trace.Rule = "lost: the other end is closed"
)

// headBytes is how much of a lost packet is told: the headers at least.
const headBytes = 128

// events is where a device's events happen.
type events struct {
	node *trace.Node
	link string
}

// lost tells that the packet of which b are the first bytes was dropped. name is its
// counter's.
func (e *events) lost(m trace.Mark, b []byte, n int, name string, rule trace.Rule) {
	cause := m.ID
	p := &trace.Packet{Interface: e.link, Len: n, Head: bytes.Clone(b[:min(len(b), headBytes)])}
	if cause == 0 { // from outside of what is traced: that it came here has not been told
		cause = e.node.Emit(trace.Event{ID: m.Arrival, Kind: trace.Received, Packet: p})
	}
	e.node.Emit(trace.Event{Kind: trace.Dropped, Cause: cause, Name: name, Rule: rule, Packet: p})
}

// headOf returns p's first bytes.
func headOf(p *packet.Out) []byte {
	q := pieces{p.Head(), p.Body[0], p.Body[1]}
	return q.appendTo(nil, headBytes)
}
