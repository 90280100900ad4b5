package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// transfer is what a download found.
type transfer struct {
	mbits  float64 // Mbit/s that the client read
	resent float64 // of 100 packets that came to the wire, so many were sent again
	needed float64 // of 100, so many were lost there
}

func newTransfer(s sample, resent int, w *wire) transfer {
	in := w.server.Stats().In
	each := 100 / float64(max(1, in.Packets))
	return transfer{
		mbits:  s.rate() * 8 / 1e6,
		resent: float64(resent) * each,
		needed: float64(in.Lost+in.QueueDrops) * each,
	}
}

// wanResults are what a wide-area run has found, by contender.
type wanResults struct {
	plan    wanPlan
	machine string
	date    time.Time
	samples samples
}

func newWANResults(p wanPlan) *wanResults {
	return &wanResults{plan: p, machine: machine(), date: time.Now(), samples: samples{}}
}

// What follows a path's name in a row's key.
const (
	resentKey = " resent %"
	lostKey   = " lost %"
)

func (r *wanResults) add(c contender, at path, t transfer) {
	r.samples.add(c.name(), values{at.name: t.mbits, at.name + resentKey: t.resent, at.name + lostKey: t.needed})
}

// ratio of the first contender's median Mbit/s on a path to the second's.
func (r *wanResults) ratio(a, b contender, at path) (ratio float64, ok bool) {
	first, ok1 := r.samples.median(a.name(), at.name)
	second, ok2 := r.samples.median(b.name(), at.name)
	if !ok1 || !ok2 || second <= 0 {
		return 0, false
	}
	return first / second, true
}

// column is one of a table's: a contender's values, or its ratio to another's.
type column struct {
	title string
	value func(at path) (float64, bool)
}

// speeds are the columns of Mbit/s, algorithm by algorithm, each with tinystack's
// ratio to the kernel.
func (r *wanResults) speeds() (columns []column) {
	for _, a := range algorithms {
		of := r.plan.with(a)
		for _, c := range of {
			columns = append(columns, column{c.name(), func(at path) (float64, bool) { return r.samples.median(c.name(), at.name) }})
		}
		if len(of) > 1 && of[0].peer.name == "tinystack" && of[1].peer.name == "kernel" {
			columns = append(columns, column{a + " x kernel", func(at path) (float64, bool) { return r.ratio(of[0], of[1], at) }})
		}
	}
	return columns
}

// repeats are the columns of what was sent again.
func (r *wanResults) repeats() (columns []column) {
	for _, a := range algorithms {
		for _, c := range r.plan.with(a) {
			columns = append(columns, column{c.name(), func(at path) (float64, bool) {
				return r.samples.median(c.name(), at.name+resentKey)
			}})
		}
	}
	return columns
}

// with returns the contenders that have the algorithm, in the order of [wanPeers].
func (p wanPlan) with(algorithm string) (of []contender) {
	for _, peer := range wanPeers {
		for _, c := range p.contenders {
			if c.peer.name == peer.name && c.algorithm == algorithm {
				of = append(of, c)
			}
		}
	}
	return of
}

func (r *wanResults) table(title string, columns []column) [][]string {
	header := []string{title}
	for _, c := range columns {
		header = append(header, c.title)
	}
	lines := [][]string{header}
	for _, at := range r.plan.paths {
		line := []string{at.title}
		for _, c := range columns {
			line = append(line, format(c.value(at)))
		}
		lines = append(lines, line)
	}
	return lines
}

// about are the lines that say what the tables show.
func (r *wanResults) about() []string {
	p := r.plan
	lines := []string{
		r.date.UTC().Format(time.DateOnly) + ", " + r.machine + ".",
		fmt.Sprintf("Rounds: %d, %v a download from its first SYN on, of which the median is shown; seeds from %d.", p.rounds, p.time, p.seed),
		fmt.Sprintf("Paths: the rate each way, a queue of %v, MTU %d; loss and lateness of packets to the client.", queue, mtu),
		"x kernel: tinystack's Mbit/s to those of the kernel with the same congestion control.",
	}
	for _, peer := range wanPeers {
		for _, c := range p.contenders {
			if c.peer.name == peer.name {
				lines = append(lines, peer.name+": "+peer.about+".")
				break
			}
		}
	}
	return lines
}

func (r *wanResults) print(w io.Writer) error {
	asTable, bullet := textTable, ""
	if r.plan.markdown {
		asTable, bullet = markdownTable, "- "
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n%s%s\n",
		asTable(r.table("Mbit/s", r.speeds()), 1),
		asTable(r.table("packets sent again, %", r.repeats()), 1),
		bullet, strings.Join(r.about(), "\n"+bullet))
	return err
}

func (r *wanResults) write(name string) error {
	return writeSamples(name, sampleFile{
		Date: r.date, Machine: r.machine, Rounds: r.plan.rounds, Seconds: r.plan.time.Seconds(),
		Seed: r.plan.seed, Samples: r.samples,
	})
}
