package tcp

import "time"

const (
	initialRTO      = time.Second     // RFC 6298 (2.1)
	rtoAfterLostSyn = 3 * time.Second // (5.7)
	granularity     = time.Millisecond
)

// rtt estimates the round-trip time and the retransmission timeout (RFC 6298).
type rtt struct {
	sampled bool
	lostSyn bool  // the handshake needed the timer
	backoff uint8 // times the RTO has doubled since the last sample
	srtt    time.Duration
	rttvar  time.Duration
	minimum time.Duration // the smallest sample
}

// update takes a sample. By Karn's algorithm it is not one of a segment sent twice.
func (r *rtt) update(sample time.Duration) {
	sample = max(sample, time.Microsecond)
	r.backoff = 0
	if !r.sampled {
		r.sampled, r.srtt, r.rttvar, r.minimum = true, sample, sample/2, sample // RFC 6298 (2.2)
		return
	}
	r.rttvar = (3*r.rttvar + (r.srtt - sample).Abs()) / 4 // (2.3)
	r.srtt = (7*r.srtt + sample) / 8
	r.minimum = min(r.minimum, sample)
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
