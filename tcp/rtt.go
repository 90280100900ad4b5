package tcp

import "time"

const (
	initialRTO      = time.Second     // RFC 6298 (2.1)
	rtoAfterLostSyn = 3 * time.Second // (5.7)
	granularity     = time.Millisecond
	// minRTTHalf: the least round-trip time is that of the last five minutes, as in Linux, so that a path that became
	// longer is known as such (RFC 8985 6.2 step 1). What is older is forgotten by halves.
	minRTTHalf = 150 * time.Second
)

// rtt estimates the round-trip time and the retransmission timeout (RFC 6298).
type rtt struct {
	sampled bool
	lostSyn bool  // the handshake needed the timer
	backoff uint8 // times the RTO has doubled since the last sample
	srtt    time.Duration
	rttvar  time.Duration
	minimum time.Duration // the smallest sample, of the last five minutes
	latest  time.Duration // of this half of them
	turned  instant       // when it began
}

// update takes a sample. By Karn's algorithm it is not one of a segment sent twice.
func (r *rtt) update(now instant, sample time.Duration) {
	sample = max(sample, time.Microsecond)
	r.backoff = 0
	if !r.sampled {
		r.sampled, r.srtt, r.rttvar = true, sample, sample/2 // RFC 6298 (2.2)
		r.minimum, r.latest, r.turned = sample, sample, now
		return
	}
	r.rttvar = (3*r.rttvar + (r.srtt - sample).Abs()) / 4 // (2.3)
	r.srtt = (7*r.srtt + sample) / 8
	r.lower(now, sample)
}

// lower takes a sample for the least.
func (r *rtt) lower(now instant, sample time.Duration) {
	switch age := now.sub(r.turned); {
	case age >= 2*minRTTHalf:
		r.minimum, r.latest, r.turned = sample, sample, now
	case age >= minRTTHalf:
		r.minimum, r.latest, r.turned = r.latest, sample, now
	}
	r.minimum, r.latest = min(r.minimum, sample), min(r.latest, sample)
}

// rto returns the retransmission timeout with its back-off, between floor and
// ceiling. RFC 6298 (2.4) asks for a floor of one second; the default is
// Linux's 200 ms, added to srtt as it does, so that a delayed ACK (40 ms in
// Linux, 200 ms elsewhere) does not look like a loss on a fast path.
func (r *rtt) rto(floor, ceiling time.Duration) time.Duration {
	base := max(initialRTO, floor)
	switch {
	case r.sampled:
		base = r.srtt + max(granularity, 4*r.rttvar, floor) // (2.3)
	case r.lostSyn:
		base = max(rtoAfterLostSyn, floor)
	}
	for range r.backoff { // (5.5)
		base = min(2*base, ceiling)
	}
	return min(base, ceiling)
}

// synLost is told when the handshake is done and its SYN was sent again.
func (r *rtt) synLost() { r.lostSyn, r.backoff = true, 0 }
