package tcp

import (
	"fmt"
	"math"
	"time"
)

// congestion decides how many bytes may be in flight, and how fast they go out. It
// counts bytes, is told events, and holds no connection.
type congestion interface {
	// name is what Config.Congestion calls it.
	name() string
	// stage is what it does at the moment: one of those with a rule in phaseRules.
	stage() string
	// takeOver has it go on where another algorithm stands.
	takeOver(h *handover)
	// window is cwnd, at least one segment.
	window() int
	// threshold is ssthresh; math.MaxInt until the first loss.
	threshold() int
	// pacing is the rate in bytes/s at which segments are to go out; 0: as the window allows.
	pacing() float64
	// ownsRecovery reports whether window holds in fast recovery too, where otherwise
	// proportional rate reduction has the say (RFC 6937).
	ownsRecovery() bool
	// acked follows each ACK that says that data has arrived, once what it shows to be
	// lost has been found.
	acked(a ackInfo)
	// lost: a loss was detected with inFlight bytes out; fast recovery begins.
	lost(now instant, inFlight int)
	// recovered: all has arrived that was out when fast recovery began, or the timer expired; again
	// bytes were sent again for it.
	recovered(now instant, again int)
	// timedOut: the retransmission timer expired, for the first time for this data, with inFlight bytes
	// out; pipe bytes of them are too recent to be lost.
	timedOut(now instant, inFlight, pipe int)
	// timedOutAgain: it expired again; ssthresh stays as it is (RFC 5681 3.1).
	timedOutAgain(pipe int)
	// undo takes back what the latest lost or timedOut did, for nothing had been lost
	// (RFC 4015). A second one does nothing.
	undo(now instant)
	// ecnEcho: the path has marked a packet, with inFlight bytes out; at most once in a
	// round trip (RFC 3168 6.1.2).
	ecnEcho(now instant, inFlight int)
	// lostRun: a transmission was found lost. It comes after the lost that this may lead to,
	// and before the acked of the ACK that told. Only who owns the recovery is told.
	lostRun(now instant, s lossSample)
	// restart: data may be sent with nothing in flight, and nothing was sent for a time. app:
	// there had been nothing to send.
	restart(now instant, idle time.Duration, app bool)
	// synLost: the SYN had to be sent again.
	synLost()
	// setMSS changes the segment size.
	setMSS(mss int)
}

// ackInfo is what an ACK that has data arrive tells of the path.
type ackInfo struct {
	now       instant
	una, nxt  int64         // as it left them
	delivered int64         // bytes of data that have arrived, in all
	acked     int           // bytes that this one says have arrived, by the ACK field or by SACK
	lost      int           // bytes found lost since the last one
	pipe      int           // after this ACK
	rtt       time.Duration // the sample it gave; 0: none
	srtt      time.Duration
	minRTT    time.Duration
	rate      rateSample
	phase     phase // of loss recovery, in which the ACK came or which it began
	mended    bool  // it ended a fast recovery, with all that was lost repaired
	advanced  bool  // the ACK field moved
	full      bool  // cwnd was full at some time in the last round trip
	sack      bool  // agreed on (RFC 2018)
}

// lossSample is a transmission that was found lost.
type lossSample struct {
	txRecord
	start, end int64
	lostSince  int   // bytes found lost since it was sent, with its own
	arrived    int64 // bytes of data that have arrived by now, in all
}

// The congestion control algorithms there are.
const (
	CUBIC = "cubic" // RFC 9438, the default
	Reno  = "reno"  // RFC 5681
	BBR   = "bbr"   // version 3, draft-ietf-ccwg-bbr-06
)

// newCongestion returns the state of the named algorithm for a new connection. The seed is
// for what is left to chance.
func newCongestion(name string, mss int, seed uint32) congestion {
	w := windows{cwnd: initialWindow(mss), ssthresh: math.MaxInt, mss: mss}
	switch name {
	case Reno:
		return &reno{windows: w}
	case BBR:
		return newBBR(mss, w.cwnd, uint64(seed))
	}
	return &cubic{windows: w}
}

func checkCongestion(name string) error {
	switch name {
	case "", CUBIC, Reno, BBR:
		return nil
	}
	return fmt.Errorf("tcp: unknown congestion control %q: want %q, %q or %q", name, CUBIC, Reno, BBR)
}

// initialWindow is the window of a new connection (RFC 6928 2).
func initialWindow(mss int) int { return min(10*mss, max(2*mss, 14600)) }
