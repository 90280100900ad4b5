package tcp

import (
	"slices"
	"time"
)

// rack detects losses by time (RFC 8985 6): a segment is lost if one that was sent later has
// arrived, and a reordering window has passed. Segments sent once lie in the flight's runs in
// the order of their transmission, so that one position is all it takes to walk them; those
// sent again stand in a queue of their own. Either is walked once, so that the work for
// an ACK does not grow with the flight.
type rack struct {
	at    instant        // RACK.xmit_ts: when the newest of what arrived was sent; 0: nothing has
	end   int64          // RACK.end_seq
	rtt   time.Duration  // RACK.rtt
	fack  int64          // RACK.fack: the highest position that has arrived
	edge  int64          // below it, no run that was sent once is in flight
	again []transmission // retransmissions, the oldest first
	head  int            // those before it are done with
	due   instant        // when to look again, without an ACK; 0: never
}

// transmission is a retransmission: of what, and when. It is stale once all of that
// has arrived, or was sent yet again.
type transmission struct {
	start, end int64
	at         instant
}

// sentAfter is RACK_sent_after (RFC 8985 6.1): whether the run was sent after a
// segment that was sent at that moment and ended there.
func (r *run) sentAfter(at instant, end int64) bool {
	return r.at > at || (r.at == at && r.end > end)
}

// delivered takes in what arrived, and reports whether it came out of order (RFC 8985 6.2
// steps 2 and 3).
func (k *rack) delivered(d *delivery) (reordered bool) {
	reordered = d.lowest != 0 && d.lowest < k.fack
	k.fack = max(k.fack, d.upTo)
	if d.newest.end != 0 && d.newest.sentAfter(k.at, k.end) {
		k.at, k.end = d.newest.at, d.newest.end
		k.rtt = d.answered.sub(d.newest.at)
	}
	return reordered
}

// resent queues the retransmission of a run.
func (f *flight) resent(r *run) {
	k := &f.rack
	if len(k.again) == cap(k.again) { // the room of those that are done pays for the copy
		fresh := k.again[:0]
		for _, t := range k.again[k.head:] {
			if f.underWay(t) {
				fresh = append(fresh, t)
			}
		}
		if len(fresh) > cap(fresh)/2 { // few are done: the next copy is to be as far off as this one's cost
			fresh = slices.Grow(fresh, cap(fresh))
		}
		k.again, k.head = fresh, 0
	}
	k.again = append(k.again, transmission{r.start, r.end, r.at})
}

// underWay reports whether some of the transmission may still arrive.
func (f *flight) underWay(t transmission) bool {
	for i := f.find(t.start); i < len(f.live()) && f.live()[i].start < t.end; i++ {
		if f.live()[i].carriedBy(t) {
			return true
		}
	}
	return false
}

// carriedBy reports whether the transmission is the last one of the run.
func (r *run) carriedBy(t transmission) bool { return r.state == retransmitted && r.at == t.at }

// detectLost is RFC 8985 6.2 step 5: it marks what is lost, given the reordering window, and
// returns the number of bytes. What may be lost soon sets due.
func (f *flight) detectLost(now instant, window time.Duration) (marked int) {
	f.rack.due = 0
	if f.rack.at == 0 {
		return 0
	}
	return f.detectFirst(now, window) + f.detectAgain(now, window)
}

// overdue reports whether the run is lost. If it can be so later on, one look at the end of
// the window will do for all of those.
func (k *rack) overdue(now instant, window time.Duration, r *run) bool {
	if !(k.at > r.at || (k.at == r.at && k.end > r.end)) {
		return false
	}
	if r.at.add(k.rtt+window) <= now {
		return true
	}
	k.due = k.at.add(k.rtt + window)
	return false
}

// detectFirst looks at what was sent once, from where the last look ended.
func (f *flight) detectFirst(now instant, window time.Duration) (marked int) {
	k := &f.rack
	live := f.live()
	for i := f.find(k.edge); i < len(live); i++ {
		r := &live[i]
		if r.state == inFlight {
			if !k.overdue(now, window, r) {
				break
			}
			marked += f.markLost(r)
		}
		k.edge = r.end
	}
	return marked
}

// detectAgain looks at what was sent again, the oldest first.
func (f *flight) detectAgain(now instant, window time.Duration) (marked int) {
	k := &f.rack
	for ; k.head < len(k.again); k.head++ {
		t := k.again[k.head]
		for i := f.find(t.start); i < len(f.live()) && f.live()[i].start < t.end; i++ {
			r := &f.live()[i]
			if !r.carriedBy(t) {
				continue
			}
			if !k.overdue(now, window, r) {
				return marked
			}
			marked += f.markLost(r)
		}
	}
	k.again, k.head = k.again[:0], 0
	return marked
}
