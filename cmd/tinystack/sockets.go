package main

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tinystack/tinystack/internal/control"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/tcp"
)

// socketsAnswer is what "ss --json" prints.
type socketsAnswer struct {
	Schema  int       `json:"schema"`
	Device  string    `json:"device"`
	Time    time.Time `json:"time"`
	Sockets []socket  `json:"sockets"`
}

// socket is one line of ss. What it has no use for is left out.
type socket struct {
	Protocol string   `json:"protocol"` // "tcp" or "udp"
	State    string   `json:"state"`    // in ss's words
	RecvQ    int      `json:"recv_q"`   // bytes; LISTEN: connections to be accepted
	SendQ    int      `json:"send_q"`   // bytes; LISTEN: the most that can wait to be accepted
	Local    endpoint `json:"local"`
	Peer     endpoint `json:"peer"`
	TCP      *tcpInfo `json:"tcp,omitempty"` // of a connection that is up, or being opened or closed
	UDP      *udpInfo `json:"udp,omitempty"`
}

type udpInfo struct {
	RecvBuf int    `json:"recv_buf"` // bytes
	Drops   uint64 `json:"drops"`    // datagrams
}

// tcpInfo is a connection's state, named after struct tcp_info. Sizes are in bytes, windows too.
type tcpInfo struct {
	Congestion     string    `json:"congestion"`
	CAState        string    `json:"ca_state"` // open, cwr, recovery or loss
	Timestamps     bool      `json:"timestamps"`
	SACK           bool      `json:"sack"`
	WindowScaling  bool      `json:"window_scaling"`
	ECN            bool      `json:"ecn"`
	ECNSeen        bool      `json:"ecn_seen"`
	SndWscale      uint8     `json:"snd_wscale"`
	RcvWscale      uint8     `json:"rcv_wscale"`
	RTO            int64     `json:"rto_us"`
	Backoff        int       `json:"backoff"`
	RTT            int64     `json:"rtt_us"`
	RTTVar         int64     `json:"rttvar_us"`
	MinRTT         int64     `json:"min_rtt_us"`
	ATO            int64     `json:"ato_us"`
	SndMSS         int       `json:"snd_mss"`
	RcvMSS         int       `json:"rcv_mss"`
	AdvMSS         int       `json:"advmss"`
	PMTU           int       `json:"pmtu"`
	SndCwnd        int       `json:"snd_cwnd"`
	SndSsthresh    int       `json:"snd_ssthresh,omitempty"` // absent: none yet
	SndWnd         int       `json:"snd_wnd"`
	RcvWnd         int       `json:"rcv_wnd"`
	RcvBuf         int       `json:"rcv_buf"`
	SndBuf         int       `json:"snd_buf"`
	OutOfOrder     int       `json:"out_of_order"`
	NotSent        int       `json:"notsent"`
	Unacked        int       `json:"unacked"`
	Sacked         int       `json:"sacked"`
	Lost           int       `json:"lost"`
	Retrans        int       `json:"retrans"` // of unacked
	TotalRetrans   uint32    `json:"total_retrans"`
	DSACKDups      uint32    `json:"dsack_dups"`
	RcvOooPack     uint32    `json:"rcv_ooopack"`
	BytesSent      uint64    `json:"bytes_sent"` // those sent again too
	BytesRetrans   uint64    `json:"bytes_retrans"`
	BytesAcked     uint64    `json:"bytes_acked"`
	BytesReceived  uint64    `json:"bytes_received"`
	SegsOut        uint32    `json:"segs_out"` // a super-segment counts as one
	SegsIn         uint32    `json:"segs_in"`
	DataSegsOut    uint32    `json:"data_segs_out"`
	DataSegsIn     uint32    `json:"data_segs_in"`
	LastSnd        int64     `json:"last_data_sent_us"` // ago
	LastRcv        int64     `json:"last_data_recv_us"`
	LastAck        int64     `json:"last_ack_recv_us"`
	BBR            *bbrInfo  `json:"bbr,omitempty"` // of that congestion control alone
	PacingRate     uint64    `json:"pacing_rate"`   // bytes/s; 0: not paced
	DeliveryRate   uint64    `json:"delivery_rate"` // bytes/s; 0: not known yet
	RateAppLimited bool      `json:"delivery_rate_app_limited"`
	Limited        tcp.Limit `json:"limited"` // idle, app, rwnd, cwnd, pacing, sndbuf or memory
	Busy           int64     `json:"busy_us"`
	AppLimited     int64     `json:"app_limited_us"`
	RwndLimited    int64     `json:"rwnd_limited_us"`
	CwndLimited    int64     `json:"cwnd_limited_us"`
	PacingLimited  int64     `json:"pacing_limited_us"`
	MemoryLimited  int64     `json:"memory_limited_us"`
	SndbufLimited  int64     `json:"sndbuf_limited_us"`
}

// bbrInfo is named after struct tcp_bbr_info.
type bbrInfo struct {
	Phase      string  `json:"phase"`
	Bandwidth  uint64  `json:"bw"` // bytes/s
	MinRTT     int64   `json:"min_rtt_us"`
	PacingGain float64 `json:"pacing_gain"`
	CwndGain   float64 `json:"cwnd_gain"`
}

// stateNames are ss's.
var stateNames = map[tcp.State]string{
	tcp.Closed: "UNCONN", tcp.Listen: "LISTEN", tcp.SynSent: "SYN-SENT", tcp.SynReceived: "SYN-RECV",
	tcp.Established: "ESTAB", tcp.FinWait1: "FIN-WAIT-1", tcp.FinWait2: "FIN-WAIT-2", tcp.CloseWait: "CLOSE-WAIT",
	tcp.Closing: "CLOSING", tcp.LastAck: "LAST-ACK", tcp.TimeWait: "TIME-WAIT",
}

// States of UDP sockets, which ss has borrowed from TCP.
const (
	stateEstab  = "ESTAB"
	stateUnconn = "UNCONN"
)

// socketsOf lists the stack's sockets: TCP first, listeners first, by port.
func socketsOf(s *stack.Stack, dev string) socketsAnswer {
	a := socketsAnswer{Schema: control.Schema, Device: dev, Time: time.Now(), Sockets: []socket{}}
	for _, c := range s.Conns() {
		a.Sockets = append(a.Sockets, tcpSocket(&c))
	}
	for _, c := range s.UDPConns() {
		state := stateUnconn
		if c.Remote.IsValid() {
			state = stateEstab
		}
		a.Sockets = append(a.Sockets, socket{
			Protocol: "udp", State: state, RecvQ: c.Queued, Local: endpoint{c.Local}, Peer: endpoint{c.Remote},
			UDP: &udpInfo{RecvBuf: c.ReadLimit, Drops: c.Drops},
		})
	}
	slices.SortStableFunc(a.Sockets, func(a, b socket) int {
		return cmp.Or(
			cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(rank(a.State), rank(b.State)),
			cmp.Compare(a.Local.Port(), b.Local.Port()),
			a.Local.Compare(b.Local.AddrPort),
			a.Peer.Compare(b.Peer.AddrPort),
		)
	})
	return a
}

func rank(state string) int {
	if state == stateNames[tcp.Listen] || state == stateUnconn {
		return 0
	}
	return 1
}

func tcpSocket(c *tcp.ConnInfo) socket {
	s := socket{
		Protocol: "tcp", State: stateNames[c.State], RecvQ: c.RecvQueue, SendQ: c.SendQueue,
		Local: endpoint{c.Local}, Peer: endpoint{c.Remote},
	}
	if c.SndMSS > 0 { // else it is but a record
		s.TCP = tcpInfoOf(&c.Info)
	}
	return s
}

func tcpInfoOf(i *tcp.Info) *tcpInfo {
	t := &tcpInfo{
		Congestion: i.Congestion, CAState: i.CAState,
		Timestamps: i.Timestamps, SACK: i.SACK, WindowScaling: i.WindowScaling, ECN: i.ECN, ECNSeen: i.ECNSeen, SndWscale: i.SndWscale, RcvWscale: i.RcvWscale,
		RTO: i.RTO.Microseconds(), Backoff: i.Backoff, RTT: i.RTT.Microseconds(), RTTVar: i.RTTVar.Microseconds(),
		MinRTT: i.MinRTT.Microseconds(), ATO: i.ATO.Microseconds(),
		SndMSS: i.SndMSS, RcvMSS: i.RcvMSS, AdvMSS: i.AdvMSS, PMTU: i.PMTU,
		SndCwnd: i.SndCwnd, SndWnd: i.SndWnd, RcvWnd: i.RcvWnd,
		RcvBuf: i.RcvSpace, SndBuf: i.SndBuf, OutOfOrder: i.OutOfOrderBytes, NotSent: i.NotSent,
		Unacked: i.Unacked, Sacked: i.Sacked, Lost: i.Lost, Retrans: i.Retrans, TotalRetrans: i.TotalRetrans,
		DSACKDups: i.DSACKDups, RcvOooPack: i.RcvOooPack,
		BytesSent: i.BytesSent + i.BytesRetrans, BytesRetrans: i.BytesRetrans,
		BytesAcked: i.BytesAcked, BytesReceived: i.BytesReceived,
		SegsOut: i.SegsOut, SegsIn: i.SegsIn, DataSegsOut: i.DataSegsOut, DataSegsIn: i.DataSegsIn,
		LastSnd: i.LastDataSent.Microseconds(), LastRcv: i.LastDataRecv.Microseconds(), LastAck: i.LastAckRecv.Microseconds(),
		PacingRate: i.PacingRate, DeliveryRate: i.DeliveryRate, RateAppLimited: i.RateAppLimited, Limited: i.Limited,
		Busy: i.BusyTime.Microseconds(), AppLimited: i.AppLimited.Microseconds(), RwndLimited: i.RwndLimited.Microseconds(),
		CwndLimited: i.CwndLimited.Microseconds(), PacingLimited: i.PacingLimited.Microseconds(), SndbufLimited: i.SndbufLimited.Microseconds(),
		MemoryLimited: i.MemoryLimited.Microseconds(),
	}
	if b := i.BBR; b != nil {
		t.BBR = &bbrInfo{b.Phase, b.Bandwidth, b.MinRTT.Microseconds(), b.PacingGain, b.CwndGain}
	}
	if i.SndSsthresh != math.MaxInt {
		t.SndSsthresh = i.SndSsthresh
	}
	return t
}
