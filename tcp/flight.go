package tcp

import (
	"slices"
	"sort"
	"sync"
)

// run is a range of the send sequence space that was sent together: data, the
// SYN or the FIN. A super-segment is one run.
type run struct {
	start, end int64
	at         instant // of the last transmission
	first      instant // of the first one
	tx         txRecord
	state      runState
	resent     bool // ever retransmitted: no RTT sample (Karn)
}

type runState uint8

const (
	inFlight      runState = iota // sent, not known to be lost
	lost                          // to be sent again
	retransmitted                 // sent again after it was lost
	sacked                        // the peer has it (RFC 2018)
)

// flight is what has been sent and not cumulatively acknowledged: the scoreboard
// of RFC 6675. Its runs lie back to back in order. A connection that has nothing
// in flight holds none.
type flight struct {
	runs []run
	head int // runs before it are acknowledged

	pipe        int   // bytes that are in the network (RFC 6675 3)
	lostBytes   int   // bytes of runs in state lost
	marked      int   // bytes of runs that have come into that state, until they are counted
	log         []run // those runs, if logs
	logs        bool
	againBytes  int   // bytes of runs in state retransmitted
	sackedBytes int   // bytes of runs in state sacked
	nextLost    int64 // below it, no run is in state lost

	rack    rack
	probeAt instant // when to send a tail loss probe; 0: never
}

var flights = sync.Pool{New: func() any { return new(flight) }}

// maxSplitRuns is the number of runs from which on SACK blocks divide no more of
// them: more segments than a send buffer holds at a common segment size.
const maxSplitRuns = 16384

// keepRuns is the largest array of runs that goes back to the pool.
const keepRuns = 1024

func newFlight() *flight { return flights.Get().(*flight) }

func (f *flight) release() {
	if cap(f.runs) > keepRuns || cap(f.rack.again) > keepRuns {
		return
	}
	*f = flight{runs: f.runs[:0], rack: rack{again: f.rack.again[:0]}}
	flights.Put(f)
}

// live returns the runs not yet acknowledged.
func (f *flight) live() []run { return f.runs[f.head:] }

// find returns the index in live of the run that holds position at, or the first after it.
func (f *flight) find(at int64) int {
	live := f.live()
	return sort.Search(len(live), func(i int) bool { return live[i].end > at })
}

// sent records the transmission of new sequence space, and returns it.
func (f *flight) sent(now instant, start, end int64) *run {
	if f.head > len(f.runs)/2 && len(f.runs) == cap(f.runs) { // pays for the copy
		f.runs = f.runs[:copy(f.runs, f.live())]
		f.head = 0
	}
	f.runs = append(f.runs, run{start: start, end: end, at: now, first: now})
	f.pipe += int(end - start)
	return &f.runs[len(f.runs)-1]
}

// noteMarked takes note of a run that is lost from now on.
func (f *flight) noteMarked(r *run) {
	f.marked += int(r.end - r.start)
	if f.logs {
		f.log = append(f.log, *r)
	}
}

// setState moves a run to another state and keeps the sums right.
func (f *flight) setState(r *run, s runState) {
	f.account(r, -1)
	r.state = s
	f.account(r, +1)
}

// account adds the run's bytes, sign times, to the sums of its state.
func (f *flight) account(r *run, sign int) {
	n := sign * int(r.end-r.start)
	switch r.state {
	case inFlight:
		f.pipe += n
	case retransmitted:
		f.pipe += n
		f.againBytes += n
	case lost:
		f.lostBytes += n
	case sacked:
		f.sackedBytes += n
	}
}

// split divides the i-th live run at position at, if that lies within it.
func (f *flight) split(i int, at int64) {
	r := f.live()[i]
	if at <= r.start || at >= r.end {
		return
	}
	f.runs = slices.Insert(f.runs, f.head+i+1, r)
	live := f.live()
	live[i].end, live[i+1].start = at, at
}

// splittable reports whether a SACK block may still divide a run. Real blocks
// begin and end where segments do; a peer that reports every other byte is not
// to make a run of each.
func (f *flight) splittable() bool { return len(f.live()) < maxSplitRuns }

// ack drops what lies before position una.
func (f *flight) ack(una int64, d *delivery) {
	for f.head < len(f.runs) && f.runs[f.head].start < una {
		r := &f.runs[f.head]
		part := *r
		part.end = min(part.end, una)
		f.account(&part, -1)
		if r.state != sacked {
			d.add(&part)
		}
		if una < r.end {
			r.start = una
			break
		}
		f.head++
	}
}

// sack marks the range from left to right as arrived.
func (f *flight) sack(left, right int64, d *delivery) {
	first := f.find(left)
	live := f.live()
	if first == len(live) {
		return
	}
	if r := live[first]; r.state != sacked && r.start < left {
		if f.splittable() {
			f.split(first, left)
		}
		first++
	}
	i, news := first, false
	for ; i < len(f.live()) && f.live()[i].start < right; i++ {
		r := &f.live()[i]
		if r.state == sacked {
			continue
		}
		if r.end > right && !f.splittable() {
			break
		}
		f.split(i, right)
		r = &f.live()[i]
		d.add(r)
		f.setState(r, sacked)
		news = true
	}
	if news {
		f.mergeSacked(max(first-1, 0), min(i+1, len(f.live())))
	}
}

// join appends the run that follows to r, and keeps what is true of both: if the peer takes back that
// it has them, a part sent twice is not to pass for one sent once.
func (r *run) join(next *run) {
	r.end = next.end
	r.resent = r.resent || next.resent
	r.at = min(r.at, next.at)
	r.first = min(r.first, next.first)
}

// mergeSacked joins neighbours among the live runs from i to j that are sacked,
// so that an ACK's cost does not grow with the number of segments it reports again.
func (f *flight) mergeSacked(i, j int) {
	live := f.live()
	to := i
	for k := i + 1; k < j; k++ {
		if live[to].state == sacked && live[k].state == sacked {
			live[to].join(&live[k])
			continue
		}
		to++
		live[to] = live[k]
	}
	gone := j - (to + 1)
	if to < len(live)-j { // close the gap from the shorter side
		copy(live[gone:], live[:to+1])
		f.head += gone
		return
	}
	f.runs = slices.Delete(f.runs, f.head+to+1, f.head+j)
}

// markLost marks a run as lost, to be sent again, and returns its length.
func (f *flight) markLost(r *run) int {
	if r.state != lost {
		f.noteMarked(r)
	}
	f.setState(r, lost)
	f.nextLost = min(f.nextLost, r.start)
	return int(r.end - r.start)
}

// markFirstLost marks up to n bytes at the start as lost, also if they were
// resent before.
func (f *flight) markFirstLost(n int) {
	if f.head == len(f.runs) || f.live()[0].state == sacked {
		return
	}
	f.split(0, f.live()[0].start+int64(n))
	f.markLost(&f.live()[0])
}

// markSentBefore is for a timeout: the first run, and all that went out no later than
// at, are lost but for what is sacked. Neighbours are joined, so that small writes go
// out as full segments.
func (f *flight) markSentBefore(at instant) {
	live := f.live()
	to := -1
	for i := range live {
		r := live[i]
		if r.state != sacked && (i == 0 || r.at <= at) {
			f.markLost(&r)
		}
		if to >= 0 && live[to].state == lost && r.state == lost && live[to].start > 0 {
			live[to].join(&r)
			continue
		}
		to++
		live[to] = r
	}
	f.runs = f.runs[:f.head+to+1]
	f.nextLost = 0
}

// unmarkLost takes back that anything was lost and has not been sent again.
func (f *flight) unmarkLost() {
	for i := range f.live() {
		r := &f.live()[i]
		if r.state == lost {
			f.setState(r, inFlight)
		}
	}
	f.rack.edge = 0
}

// forgetSacks takes back what the peer said it has (RFC 2018 8: it may renege).
func (f *flight) forgetSacks() {
	for i := range f.live() {
		if r := &f.live()[i]; r.state == sacked {
			f.setState(r, inFlight)
		}
	}
	f.rack.edge = 0
}

// firstLost returns the first run to be sent again, nil if there is none.
func (f *flight) firstLost() *run {
	if f.lostBytes == 0 {
		return nil
	}
	for i := f.find(f.nextLost); i < len(f.live()); i++ {
		if r := &f.live()[i]; r.state == lost {
			f.nextLost = r.start
			return r
		}
	}
	return nil
}

// resend records the retransmission of the first n bytes of a run, and returns those.
func (f *flight) resend(now instant, r *run, n int) *run {
	i := f.find(r.start)
	f.split(i, r.start+int64(n))
	r = &f.live()[i]
	if r.state == lost {
		f.nextLost = r.end
	}
	f.setState(r, retransmitted)
	r.at, r.resent = now, true
	f.resent(r)
	return r
}

// markLonger has every run of more than n bytes that is not sacked sent again. Nothing is counted
// as lost: the network was not asked to carry it, or the peer had no room for it.
func (f *flight) markLonger(n int) {
	for i := range f.live() {
		if r := &f.live()[i]; r.state != sacked && int(r.end-r.start) > n {
			f.setState(r, lost)
		}
	}
	f.nextLost = 0
}
