package main

import (
	"time"

	"github.com/tinystack/tinystack/link"
)

// path is a row of the table: a path from the server to the client and back.
type path struct {
	name, title string
	rate        int64 // bit/s, each way
	rtt         time.Duration
	loss, late  float64 // probabilities, of packets to the client
}

// queue is how long packets wait at most for the path's rate, each way.
const queue = 50 * time.Millisecond

const mbit = 1_000_000

var paths = []path{
	{name: "100m-20ms", title: "100 Mbit/s, 20 ms RTT", rate: 100 * mbit, rtt: 20 * time.Millisecond},
	{name: "100m-20ms-loss1", title: "  1 % random loss", rate: 100 * mbit, rtt: 20 * time.Millisecond, loss: 0.01},
	{name: "100m-20ms-late1", title: "  1 % of packets 3 ms late", rate: 100 * mbit, rtt: 20 * time.Millisecond, late: 0.01},
	{name: "100m-100ms", title: "100 Mbit/s, 100 ms RTT", rate: 100 * mbit, rtt: 100 * time.Millisecond},
	{name: "100m-100ms-loss0.1", title: "  0.1 % random loss", rate: 100 * mbit, rtt: 100 * time.Millisecond, loss: 0.001},
	{name: "100m-100ms-loss1", title: "  1 % random loss", rate: 100 * mbit, rtt: 100 * time.Millisecond, loss: 0.01},
	{name: "500m-40ms", title: "500 Mbit/s, 40 ms RTT", rate: 500 * mbit, rtt: 40 * time.Millisecond},
}

// impairment is the path as the server's end of the wire has it: Read returns what
// goes to the client.
func (p path) impairment(seed uint64) link.ImpairConfig {
	back := link.Impairment{Rate: p.rate, Delay: p.rtt / 2}
	if p.rate > 0 {
		back.Queue = queue
	}
	there := back
	there.Loss, there.Late, there.LateBy = p.loss, p.late, 3*time.Millisecond
	return link.ImpairConfig{In: &there, Out: &back, Seed: seed}
}
