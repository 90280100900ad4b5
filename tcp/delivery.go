package tcp

import "time"

// delivery is what an acknowledgement tells of transmissions: which of them arrived, and so
// what the round trip took.
type delivery struct {
	bytes    int           // newly known to have arrived
	sentAt   instant       // of the newest segment, if each was sent once; else 0
	resent   bool          // some of it had been sent more than once
	oldest   instant       // the first transmission of any of that; 0: there is none
	newest   run           // the transmission made last, of those that can have been answered by now
	upTo     int64         // the highest position that did
	lowest   int64         // the least end of what was sent only once; 0: there is none
	latest   instant       // what was sent later is not what was answered; 0: not known
	soonest  time.Duration // no answer can come sooner: the least round-trip time so far
	answered instant       // when the acknowledgement came
}

// add takes in a run, or a part of one, that arrived. Once one of them was resent there is no
// time: the others may have been waiting for that one at the receiver.
func (d *delivery) add(r *run) {
	d.bytes += int(r.end - r.start)
	d.upTo = max(d.upTo, r.end)
	if r.resent {
		d.resent = true
		d.oldest = earlier(d.oldest, r.first)
	}
	d.sentAt = max(d.sentAt, r.at)
	if d.resent {
		d.sentAt = 0
	}
	if !r.resent && (d.lowest == 0 || r.end < d.lowest) {
		d.lowest = r.end
	}
	// RFC 8985 6.2 step 2: of what was sent twice it may be the first that arrived.
	if r.resent && (d.answered.sub(r.at) < d.soonest || (d.latest != 0 && r.at > d.latest)) {
		return
	}
	if r.sentAfter(d.newest.at, d.newest.end) {
		d.newest = *r
	}
}
