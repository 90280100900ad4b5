package main

import (
	"math"
	"net"

	"github.com/tinystack/tinystack/httpd"
	"github.com/tinystack/tinystack/tcp"
)

// connInfo is what the stack knows of a visitor's connection, for the welcome page.
func connInfo(c net.Conn) (httpd.ConnInfo, bool) {
	conn, ok := c.(*tcp.Conn)
	if !ok {
		return httpd.ConnInfo{}, false
	}
	i := conn.Info()
	if i.SndSsthresh == math.MaxInt {
		i.SndSsthresh = 0 // none yet
	}
	return httpd.ConnInfo{
		State:         i.State.String(),
		MSS:           i.SndMSS,
		AdvMSS:        i.AdvMSS,
		PMTU:          i.PMTU,
		WindowScale:   i.WindowScaling,
		SndWscale:     int(i.SndWscale),
		RcvWscale:     int(i.RcvWscale),
		SACK:          i.SACK,
		Timestamps:    i.Timestamps,
		RTT:           i.RTT,
		RTTVar:        i.RTTVar,
		RTO:           i.RTO,
		Congestion:    i.Congestion,
		Cwnd:          i.SndCwnd,
		Ssthresh:      i.SndSsthresh,
		SndWnd:        i.SndWnd,
		RcvWnd:        i.RcvWnd,
		Retransmits:   uint64(i.TotalRetrans),
		BytesReceived: i.BytesReceived,
		BytesAcked:    i.BytesAcked,
	}, true
}
