package tcp

import "testing"

// Only what may be the latest of the peer moves the connection to another queue: not what
// was overtaken by what came on the other one.
func TestMayBeLatest(t *testing.T) {
	t.Parallel()
	const una, nxt = 500, 1000
	for _, tt := range []struct {
		name     string
		seq, ack Seq
		gap      bool
		state    State
		want     bool
	}{
		{name: "next data", seq: nxt, ack: una, want: true},
		{name: "next data, and an ACK of more", seq: nxt, ack: una + 10, want: true},
		{name: "data beyond a gap", seq: nxt + 100, ack: una, want: true},
		{name: "data that fills a gap", seq: nxt, ack: una, gap: true},
		{name: "old data", seq: nxt - 100, ack: una},
		{name: "old ACK", seq: nxt, ack: una - 1},
		{name: "beyond the window", seq: nxt + 2001, ack: una},
		{name: "answer to a SYN", seq: 77, ack: 1, state: SynSent, want: true},
	} {
		c := tcb{state: Established, sndUna: una, rcvNxt: nxt, rcvEdge: nxt + 2000}
		if tt.state != 0 {
			c.state = tt.state
		}
		if tt.gap {
			c.ooo = new(reassembly)
		}
		if got := c.mayBeLatest(&segment{Header: Header{Seq: tt.seq, Ack: tt.ack}}); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// It is a move that a late segment must not turn back.
func TestFollow(t *testing.T) {
	t.Parallel()
	c := Conn{tcb: tcb{state: Established, rcvNxt: 1000, rcvEdge: 3000}}
	for _, step := range []struct {
		seq   Seq
		queue uint8
		want  uint8
	}{{1000, 3, 3}, {900, 1, 3}, {1000, 2, 2}} {
		c.follow(&segment{Header: Header{Seq: step.seq}, queue: step.queue})
		if c.queue != step.want {
			t.Errorf("after data at %d on queue %d it sends on %d, want %d", step.seq, step.queue, c.queue, step.want)
		}
	}
}
