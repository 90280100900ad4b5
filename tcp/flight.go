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
	sackedBytes int   // bytes of runs in state sacked
	highSacked  int64 // end of the highest sacked run
	lossEdge    int64 // below it, what is not sacked has been marked lost once
	nextLost    int64 // below it, no run is in state lost
}

var flights = sync.Pool{New: func() any { return new(flight) }}

// maxSplitRuns is the number of runs from which on SACK blocks divide no more of
// them: more segments than a send buffer holds at a common segment size.
const maxSplitRuns = 16384

// keepRuns is the largest array of runs that goes back to the pool.
const keepRuns = 1024

func newFlight() *flight { return flights.Get().(*flight) }

func (f *flight) release() {
	if cap(f.runs) > keepRuns {
		return
	}
	*f = flight{runs: f.runs[:0]}
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
	f.runs = append(f.runs, run{start: start, end: end, at: now})
	f.pipe += int(end - start)
	return &f.runs[len(f.runs)-1]
}

// setState moves a run to another state and keeps the sums right.
func (f *flight) setState(r *run, s runState) {
	if s == lost && r.state != lost {
		f.marked += int(r.end - r.start)
	}
	f.account(r, -1)
	r.state = s
	f.account(r, +1)
}

// account adds the run's bytes, sign times, to the sums of its state.
func (f *flight) account(r *run, sign int) {
	n := sign * int(r.end-r.start)
	switch r.state {
	case inFlight, retransmitted:
		f.pipe += n
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

// sample is what an acknowledgement tells of the round-trip time.
type sample struct {
	sentAt instant // of the newest segment acknowledged, if each was sent once; else 0
	resent bool    // some of what was acknowledged had been sent more than once
	newest run     // the transmission made last
}

// add takes a run in. Once one of them was resent there is no time: the others may have been
// waiting for that one at the receiver.
func (s *sample) add(r *run) {
	s.resent = s.resent || r.resent
	s.sentAt = max(s.sentAt, r.at)
	if s.resent {
		s.sentAt = 0
	}
	if r.at > s.newest.at || (r.at == s.newest.at && r.end > s.newest.end) {
		s.newest = *r
	}
}

// splittable reports whether a SACK block may still divide a run. Real blocks
// begin and end where segments do; a peer that reports every other byte is not
// to make a run of each.
func (f *flight) splittable() bool { return len(f.live()) < maxSplitRuns }

// ack drops what lies before position una. delivered counts the bytes that were
// not known to have arrived.
func (f *flight) ack(una int64) (delivered int, rtt sample) {
	for f.head < len(f.runs) && f.runs[f.head].start < una {
		r := &f.runs[f.head]
		part := *r
		part.end = min(part.end, una)
		f.account(&part, -1)
		if r.state != sacked {
			delivered += int(part.end - part.start)
			rtt.add(r)
		}
		if una < r.end {
			r.start = una
			break
		}
		f.head++
	}
	return delivered, rtt
}

// sack marks the range from left to right as arrived, and returns the number of
// bytes that this is news of.
func (f *flight) sack(left, right int64, rtt *sample) (news int) {
	first := f.find(left)
	live := f.live()
	if first == len(live) {
		return 0
	}
	if r := live[first]; r.state != sacked && r.start < left {
		if f.splittable() {
			f.split(first, left)
		}
		first++
	}
	i := first
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
		rtt.add(r)
		news += int(r.end - r.start)
		f.setState(r, sacked)
	}
	if news > 0 {
		f.highSacked = max(f.highSacked, right)
		f.mergeSacked(max(first-1, 0), min(i+1, len(f.live())))
	}
	return news
}

// mergeSacked joins neighbours among the live runs from i to j that are sacked,
// so that an ACK's cost does not grow with the number of segments it reports again.
func (f *flight) mergeSacked(i, j int) {
	live := f.live()
	to := i
	for k := i + 1; k < j; k++ {
		if live[to].state == sacked && live[k].state == sacked {
			live[to].end = live[k].end
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

// markLostBelow marks as lost what lies below position edge, was sent once and
// is not sacked. It returns the number of bytes marked.
func (f *flight) markLostBelow(edge int64) (marked int) {
	if edge <= f.lossEdge {
		return 0
	}
	i := f.find(f.lossEdge)
	for ; i < len(f.live()) && f.live()[i].start < edge; i++ {
		f.split(i, edge)
		marked += f.markLost(&f.live()[i])
	}
	f.lossEdge = edge
	return marked
}

// markLost marks the run to be sent again, if it is in flight for the first time.
func (f *flight) markLost(r *run) (marked int) {
	if r.state != inFlight {
		return 0
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
	r := &f.live()[0]
	f.setState(r, lost)
	f.nextLost = min(f.nextLost, r.start)
}

// markAllLost is for a timeout: everything that is not sacked is to be sent
// again. Neighbours are joined, so that small writes go out as full segments.
func (f *flight) markAllLost() {
	live := f.live()
	to := -1
	for i := range live {
		r := live[i]
		if r.state != sacked {
			f.setState(&r, lost)
		}
		if to >= 0 && live[to].state == lost && r.state == lost && live[to].start > 0 {
			live[to].end = r.end
			live[to].resent = live[to].resent || r.resent
			continue
		}
		to++
		live[to] = r
	}
	f.runs = f.runs[:f.head+to+1]
	f.lossEdge = 0
	if len(f.live()) > 0 {
		f.nextLost = f.live()[0].start
		f.lossEdge = f.live()[to].end
	}
}

// forgetSacks takes back what the peer said it has (RFC 2018 8: it may renege).
func (f *flight) forgetSacks() {
	for i := range f.live() {
		if r := &f.live()[i]; r.state == sacked {
			f.setState(r, inFlight)
		}
	}
	f.highSacked = 0
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

// resend records the retransmission of the first n bytes of a lost run, and returns those.
func (f *flight) resend(now instant, r *run, n int) *run {
	i := f.find(r.start)
	f.split(i, r.start+int64(n))
	r = &f.live()[i]
	f.setState(r, retransmitted)
	r.at, r.resent = now, true
	f.nextLost = r.end
	return r
}

// lossEdgeBySACK returns the position below which what is not sacked counts as
// lost: more than two segments' worth of bytes, or three separate ranges, have
// been sacked above it (RFC 6675 4, IsLost, with DupThresh 3).
func (f *flight) lossEdgeBySACK(mss int) int64 {
	if f.sackedBytes == 0 {
		return 0
	}
	bytes, ranges := 0, 0
	for i := f.find(f.highSacked - 1); i >= 0; i-- {
		r := f.live()[i : i+1]
		if r[0].state != sacked {
			continue
		}
		bytes += int(r[0].end - r[0].start)
		ranges++
		if bytes > (dupThresh-1)*mss || ranges >= dupThresh {
			return r[0].start
		}
		if bytes == f.sackedBytes { // there are no more
			break
		}
	}
	return 0
}

// markLonger marks as lost every run of more than n bytes that is not sacked.
func (f *flight) markLonger(n int) {
	for i := range f.live() {
		if r := &f.live()[i]; r.state != sacked && int(r.end-r.start) > n {
			f.setState(r, lost)
		}
	}
	f.nextLost = 0
}
