package dnsclient

import "time"

const (
	// firstTimeout is how long an unknown server has to answer, leastTimeout and
	// mostTimeout bound what is then made of its round trips.
	firstTimeout = 800 * time.Millisecond
	leastTimeout = 400 * time.Millisecond
	mostTimeout  = 3 * time.Second
	// maxSilent is how often in a row a server may not answer until it is left alone,
	// the most that RFC 9520 3.1 allows for one question.
	maxSilent = 3
	// firstRest is for how long it is left alone, doubled each time it then still
	// does not answer, up to mostRest (RFC 2308 7.2).
	firstRest = 15 * time.Second
	mostRest  = 5 * time.Minute
	// lameTime is for how long a server is not asked about a zone that it is none of.
	lameTime = time.Minute
	// memory is for how long an answer, or that there was none, counts. Then the server
	// is as good as unknown, and so tried again, even if others were nearer.
	memory = 15 * time.Minute
	// maxLameZones is for how many zones a server may be known to be lame.
	maxLameZones = 16
)

// peer is what is known of the server at an address, whatever zones it serves.
type peer struct {
	noted        time.Time // when something was last learned
	srtt, rttvar time.Duration
	silent       int // questions in a row without an answer
	rest         time.Duration
	resting      time.Time            // until when it is left alone
	lame         map[string]time.Time // until when, by zone
}

// age forgets what is too old.
func (p *peer) age(now time.Time) {
	if now.Sub(p.noted) >= memory {
		*p = peer{lame: p.lame}
	}
}

// answered takes note of a round trip, smoothed as RFC 6298 has it.
func (p *peer) answered(now time.Time, rtt time.Duration) {
	rtt = max(rtt, time.Nanosecond) // 0 is that it is not known
	if p.age(now); p.srtt == 0 {
		p.srtt, p.rttvar = rtt, rtt/2 // (2.2)
	} else {
		p.rttvar = (3*p.rttvar + (p.srtt - rtt).Abs()) / 4 // (2.3)
		p.srtt = (7*p.srtt + rtt) / 8
	}
	p.noted, p.silent, p.rest, p.resting = now, 0, 0, time.Time{}
}

// timeout is how long to wait for its answer: time for a handshake too, in case it
// is over TCP, and twice as long after each question without an answer.
func (p *peer) timeout(now time.Time) time.Duration {
	p.age(now)
	d := firstTimeout
	if p.srtt > 0 {
		d = max(leastTimeout, 2*p.srtt+4*p.rttvar)
	}
	return min(d<<min(p.silent, maxSilent), mostTimeout)
}

// expected is how long an answer is likely to take; 0 if nothing is known.
func (p *peer) expected(now time.Time) time.Duration {
	if p.age(now); p.silent > 0 {
		return p.timeout(now)
	}
	return p.srtt
}

// timedOut takes note that it did not answer.
func (p *peer) timedOut(now time.Time) {
	p.age(now)
	p.noted = now
	if p.silent++; p.silent >= maxSilent {
		p.rest = min(max(firstRest, 2*p.rest), mostRest)
		p.resting = now.Add(p.rest)
	}
}

// isLame reports whether it was found to be no server of the zone.
func (p *peer) isLame(now time.Time, zone string) bool { return now.Before(p.lame[zone]) }

// setLame takes note that it is none of the zone's servers.
func (p *peer) setLame(now time.Time, zone string) {
	if p.lame == nil {
		p.lame = map[string]time.Time{}
	}
	for z, until := range p.lame {
		if len(p.lame) >= maxLameZones || !now.Before(until) {
			delete(p.lame, z) // any will do where there is no room
		}
	}
	p.lame[zone] = now.Add(lameTime)
}
