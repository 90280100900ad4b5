package tcp

import (
	"math"
	"net/netip"
	"time"
)

// Info is the state of a connection, with the fields of Linux's struct tcp_info. Sizes are
// in bytes, also where the kernel counts segments; what counts segments says so.
type Info struct {
	State            State
	CAState          string // "open", "cwr" (cwnd is being reduced, for ECN), "recovery" (fast recovery) or "loss" (after a timeout)
	Congestion       string // the congestion control
	Timestamps       bool   // agreed on (RFC 7323)
	SACK             bool   // agreed on (RFC 2018)
	WindowScaling    bool   // agreed on (RFC 7323)
	ECN              bool   // agreed on (RFC 3168)
	ECNSeen          bool   // a packet with ECT or CE has come in
	SndWscale        uint8  // by which the peer scales the window it offers
	RcvWscale        uint8  // by which we scale ours
	RTO              time.Duration
	ATO              time.Duration // delayed ACKs wait for so long
	SndMSS           int           // data bytes in a segment sent
	RcvMSS           int           // data bytes in the largest segment received
	AdvMSS           int           // the MSS we announced
	PMTU             int           // of the path
	Unacked          int           // bytes sent and not acknowledged
	Sacked           int           // bytes of them sacked
	Lost             int           // bytes of them lost, and not sent again yet
	Retrans          int           // bytes of them lost, and sent again
	InNetwork        int           // bytes of them thought to be under way: pipe in RFC 6675
	Backoff          int           // times the RTO has doubled
	Probes           int           // keepalive probes unanswered
	RTT              time.Duration // smoothed
	RTTVar           time.Duration
	MinRTT           time.Duration // the least of the last five minutes
	SndCwnd          int           // cwnd
	SndSsthresh      int           // math.MaxInt: none yet
	SndWnd           int           // the peer's window
	RcvWnd           int           // our window, as the peer knows it
	RcvSpace         int           // receive buffer
	LastDataSent     time.Duration // ago; of the SYN, before there is data
	LastDataRecv     time.Duration // ago; since the connection began, before there is data
	LastAckRecv      time.Duration // ago, of any segment
	RecvQueue        int           // bytes that wait for Read
	SendQueue        int           // bytes written and not acknowledged
	NotSent          int           // bytes of them not sent yet
	SndBuf           int           // send buffer
	BytesAcked       uint64
	BytesReceived    uint64
	BytesSent        uint64 // without those sent again
	BytesRetrans     uint64
	SegsOut          uint32 // on the wire: a super-segment counts as many
	SegsIn           uint32
	DataSegsOut      uint32
	DataSegsIn       uint32
	TotalRetrans     uint32 // segments
	TotalTimeouts    uint32
	DSACKDups        uint32 // duplicates the peer reported
	RcvOooPack       uint32 // segments that arrived out of order
	OutOfOrderBytes  int    // held beyond a gap
	OutOfOrderPieces int

	// Of the data sent. The times add up to BusyTime, while there was any that was
	// not acknowledged; tcp_info has no AppLimited, CwndLimited and PacingLimited.
	Limited        Limit // what keeps the connection from sending more now
	BusyTime       time.Duration
	AppLimited     time.Duration
	RwndLimited    time.Duration
	CwndLimited    time.Duration
	PacingLimited  time.Duration
	SndbufLimited  time.Duration
	MemoryLimited  time.Duration
	PacingRate     uint64   // bytes/s at which data is sent; 0: as the windows allow
	DeliveryRate   uint64   // bytes/s that arrived at the peer, over the latest round trip or so
	RateAppLimited bool     // DeliveryRate is a lower bound: for part of that there was nothing to send
	BBR            *BBRInfo // nil: another algorithm
}

// BBRInfo is the model that BBR has of the path, as Linux's struct tcp_bbr_info.
type BBRInfo struct {
	Phase      string // such as "startup" or "probe bandwidth: cruise"
	Bandwidth  uint64 // bytes/s
	MinRTT     time.Duration
	PacingGain float64
	CwndGain   float64
}

// ConnInfo is a line in the table of connections.
type ConnInfo struct {
	Local, Remote netip.AddrPort
	Info
}

// Info returns the connection's state.
func (c *Conn) Info() Info {
	c.mu.Lock()
	defer c.unlock()
	info := c.tcb.info(c.layer.clock.now())
	info.PMTU = c.route.MTU()
	return info
}

// Conns lists listeners, half-open connections, connections, and those in TIME-WAIT.
func (l *Layer) Conns() (list []ConnInfo) {
	for _, ln := range l.allListeners() {
		list = append(list, ln.infos()...)
	}
	for _, e := range l.conns.all() {
		if e.wait != nil {
			list = append(list, ConnInfo{e.wait.tuple.local, e.wait.tuple.remote, Info{State: TimeWait}})
			continue
		}
		list = append(list, ConnInfo{e.conn.tuple.local, e.conn.tuple.remote, e.conn.Info()})
	}
	return list
}

// infos are the listener, whose RecvQueue is the number of connections to be
// accepted and whose SendQueue is the most there can be, as in ss; and its
// half-open connections.
func (ln *Listener) infos() []ConnInfo {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	list := []ConnInfo{{Local: ln.addr, Info: Info{
		State: Listen, RecvQueue: len(ln.ready), SendQueue: ln.layer.cfg.Backlog,
	}}}
	for t := range ln.half.all {
		list = append(list, ConnInfo{t.local, t.remote, Info{State: SynReceived}})
	}
	return list
}

func (c *tcb) info(now instant) Info {
	info := Info{
		State:         c.state,
		CAState:       [...]string{"open", "cwr", "recovery", "loss"}[c.phase],
		Congestion:    c.cfg.Congestion,
		Timestamps:    c.tsOK,
		SACK:          c.sackOK,
		WindowScaling: c.scaleOK,
		ECN:           c.ecn.has(ecnOK) && c.state != SynSent,
		ECNSeen:       c.ecn.has(ecnSeen),
		SndWscale:     c.sndScale,
		RcvWscale:     c.rcvScale,
		RTO:           c.rto(),
		ATO:           max(0, c.cfg.DelayedAck),
		SndMSS:        c.mss(c.tsLen()),
		RcvMSS:        int(c.rcvMSS),
		AdvMSS:        int(c.advMSS),
		Unacked:       c.inFlight(),
		InNetwork:     c.pipe(),
		Backoff:       int(c.rtt.backoff),
		Probes:        int(c.probes),
		RTT:           c.rtt.srtt,
		RTTVar:        c.rtt.rttvar,
		MinRTT:        c.rtt.minimum,
		SndCwnd:       c.cwnd(),
		SndSsthresh:   math.MaxInt,
		SndWnd:        c.sndWnd,
		RcvWnd:        int(c.rcvEdge - c.rcvNxt),
		RcvSpace:      int(c.rcvBuf),
		LastDataSent:  now.sub(c.lastSent),
		LastDataRecv:  now.sub(c.lastData),
		LastAckRecv:   now.sub(c.lastRecv),
		RecvQueue:     c.queue.n,
		SendQueue:     int(c.sndBuf.n),
		NotSent:       c.unsent(),
		SndBuf:        c.sendBuffer(),
	}
	if c.cc != nil {
		info.Congestion = c.cc.name()
		info.PacingRate = uint64(c.cc.pacing())
		if b, ok := c.cc.(*bbr); ok {
			info.BBR = b.info()
		}
		info.SndSsthresh = c.cc.threshold()
	}
	if c.fl != nil {
		info.Sacked, info.Lost = c.fl.sackedBytes, c.fl.lostBytes
		info.Retrans = c.fl.againBytes
	}
	if c.ooo != nil {
		info.OutOfOrderBytes, info.OutOfOrderPieces = c.ooo.bytes, len(c.ooo.held)
	}
	c.countInfo(&info)
	c.limitInfo(now, &info)
	return info
}

// countInfo fills in what has been counted.
func (c *tcb) countInfo(info *Info) {
	info.BytesAcked = uint64(max(0, min(c.sndUna, c.sndBuf.start)-1))
	info.BytesReceived = uint64(max(0, c.rcvNxt-1))
	info.BytesSent = uint64(max(0, c.sndNxt-1))
	info.BytesRetrans = c.counts.bytesRetrans
	info.SegsOut = c.counts.segsOut
	info.SegsIn = c.counts.segsIn
	info.DataSegsOut = c.counts.dataSegsOut
	info.DataSegsIn = c.counts.dataSegsIn
	info.TotalRetrans = c.counts.retrans
	info.TotalTimeouts = c.counts.timeouts
	info.DSACKDups = c.counts.dsacks
	info.RcvOooPack = c.counts.oooSegs
}
