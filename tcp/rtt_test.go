package tcp

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// RFC 6298 2, by its own formulas in floating point.
func TestRTTFollowsRFC6298(t *testing.T) {
	t.Parallel()
	const floor, ceiling = 200 * ms, 120 * time.Second
	var r rtt
	// "(2.1) Until a round-trip time (RTT) measurement has been made ... the sender SHOULD set RTO <- 1 second"
	if got := r.rto(floor, ceiling); got != time.Second {
		t.Fatalf("the first RTO is %v", got)
	}
	var srtt, rttvar float64
	d := seeded(1)
	least := time.Hour
	for i := range 1000 {
		sample := time.Duration(1+d.n(300)) * ms
		least = min(least, sample)
		r.update(1, sample)
		if s := float64(sample); i == 0 {
			srtt, rttvar = s, s/2 // (2.2)
		} else { // (2.3)
			rttvar = 0.75*rttvar + 0.25*max(srtt-s, s-srtt)
			srtt = 0.875*srtt + 0.125*s
		}
		near := func(got time.Duration, want float64) bool { return max(float64(got)-want, want-float64(got)) < 1000 }
		if !near(r.srtt, srtt) || !near(r.rttvar, rttvar) || r.minimum != least {
			t.Fatalf("after %d samples: srtt %v, rttvar %v, minimum %v; want %.0f, %.0f, %v", i+1, r.srtt, r.rttvar, r.minimum, srtt, rttvar, least)
		}
		if got := r.rto(ms, ceiling); !near(got, srtt+4*rttvar) && 4*rttvar > float64(ms) {
			t.Fatalf("RTO %v, want %.0f", got, srtt+4*rttvar)
		}
	}
}

// "The sender SHOULD track a windowed min-filtered estimate of recent RTT measurements that can adapt when migrating to
// significantly longer paths rather than tracking a simple global minimum of all RTT measurements."
// https://www.rfc-editor.org/rfc/rfc8985#section-6.2
func TestMinRTTAdapts(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{50 * ms, time.Second, 4 * time.Minute, time.Hour} {
		var r rtt
		now := instant(time.Hour)
		for moved := now.add(10 * time.Minute); now < moved; now = now.add(every) {
			r.update(now, 20*ms)
			r.update(now, 30*ms)
		}
		moved := now
		for r.minimum == 20*ms {
			if now.sub(moved) > 5*time.Minute {
				t.Fatalf("with a sample each %v: the least is that of %v ago", every, now.sub(moved))
			}
			now = now.add(every)
			r.update(now, 80*ms)
		}
		if d := now.sub(moved); d < 150*time.Second-every || r.minimum != 80*ms {
			t.Errorf("with a sample each %v: the least is %v after %v", every, r.minimum, d)
		}
		r.update(now, 79*ms)
		if r.minimum != 79*ms {
			t.Errorf("a lower sample leaves %v", r.minimum)
		}
	}
}

func TestRTOBounds(t *testing.T) {
	t.Parallel()
	var r rtt
	r.update(1, 10*ms)
	for range 100 {
		r.update(1, 10*ms) // the variance is gone
	}
	if got := r.rto(200*ms, time.Minute); got != 210*ms {
		t.Errorf("on a steady path RTO is %v, want srtt and the floor", got)
	}
	if got := r.rto(ms, time.Minute); got != 11*ms {
		t.Errorf("with the least floor RTO is %v, want srtt and the clock's granularity", got)
	}
	r.update(1, time.Hour)
	if got := r.rto(200*ms, time.Minute); got != time.Minute {
		t.Errorf("RTO %v is above its ceiling", got)
	}
	var zero rtt
	zero.update(1, 0)
	if zero.srtt <= 0 {
		t.Errorf("a sample of no time gives srtt %v", zero.srtt)
	}
}

// "(5.5) The host MUST set RTO <- RTO * 2", up to the ceiling; a sample ends it.
func TestRTOBacksOff(t *testing.T) {
	t.Parallel()
	var r rtt
	r.update(1, 100*ms)
	base := r.rto(200*ms, time.Minute)
	for n := range 30 {
		r.backoff = uint8(n)
		if got, want := r.rto(200*ms, time.Minute), min(base<<min(n, 20), time.Minute); got != want {
			t.Errorf("after %d timeouts RTO is %v, want %v", n, got, want)
		}
	}
	r.update(1, 100*ms)
	if r.backoff != 0 {
		t.Error("a sample leaves the back-off")
	}
}

// "(5.7) If the timer expires awaiting the ACK of a SYN segment and the TCP implementation is using
// an RTO less than 3 seconds, the RTO MUST be re-initialized to 3 seconds".
func TestRTOAfterLostSYN(t *testing.T) {
	t.Parallel()
	r := rtt{backoff: 3}
	r.synLost()
	if got := r.rto(200*ms, time.Minute); got != 3*time.Second {
		t.Errorf("RTO %v", got)
	}
	r.update(1, 10*ms)
	if got := r.rto(200*ms, time.Minute); got >= time.Second {
		t.Errorf("once there is a sample RTO is %v", got)
	}
}
