package tcp

import "testing"

// While more is in the network than is to be, what goes out is to what arrives as ssthresh is to RecoverFS (RFC 6937 3), for
// windows of any size: on a processor of 32 bits too.
func TestPRRIsProportional(t *testing.T) {
	t.Parallel()
	for _, flight := range []int{100_000, 1_000_000, 1_000_000_000} {
		p := prr{flight: flight, out: flight / 10}
		pipe, ssthresh := flight/10*9, flight/10*7
		p.update(flight/2, pipe, ssthresh, 1448, true)
		if got, want := p.cwnd-pipe, flight/100*35-flight/10; got != want {
			t.Errorf("of %d bytes half have arrived and a tenth has gone out: %d may follow, want %d", flight, got, want)
		}
	}
}
