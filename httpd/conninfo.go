package httpd

import "time"

// ConnInfo is what a stack knows of a connection, as far as the welcome page
// tells it. A field that is zero is not told.
type ConnInfo struct {
	State string // as RFC 9293 section 3.3.2 names it

	MSS    int // largest segment that we send, in bytes of data
	AdvMSS int // largest segment that we announced we take, in bytes of data
	PMTU   int // largest packet that the path takes, in bytes

	WindowScale bool // RFC 7323 section 2 is in use, by the two shifts below
	SndWscale   int  // shift of the windows the peer announces, 0 to 14
	RcvWscale   int  // shift of the windows we announce, 0 to 14
	SACK        bool // selective acknowledgments (RFC 2018) are in use
	Timestamps  bool // timestamps (RFC 7323 section 3) are in use

	RTT    time.Duration // smoothed round-trip time (RFC 6298)
	RTTVar time.Duration // its variation
	RTO    time.Duration // retransmission timeout

	Congestion string // algorithm, such as "cubic"
	Cwnd       int    // congestion window in bytes
	Ssthresh   int    // slow start threshold in bytes; 0: none yet
	SndWnd     int    // the peer's receive window in bytes
	RcvWnd     int    // our receive window in bytes

	Retransmits   uint64 // segments sent again
	BytesReceived uint64 // data bytes received in order
	BytesAcked    uint64 // data bytes sent and acknowledged
}
