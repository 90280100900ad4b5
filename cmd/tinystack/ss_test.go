package main

import (
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/tcp"
)

// testConnection has a value in each of its fields.
func testConnection() *tcp.ConnInfo {
	return &tcp.ConnInfo{
		Local: netip.MustParseAddrPort("198.18.0.2:80"), Remote: netip.MustParseAddrPort("198.18.0.1:40000"),
		Info: tcp.Info{
			State: tcp.Established, CAState: "recovery", Congestion: "cubic",
			Timestamps: true, SACK: true, ECN: true, ECNSeen: true, WindowScaling: true, SndWscale: 10, RcvWscale: 5,
			RTO: 400 * time.Millisecond, ATO: 40 * time.Millisecond, SndMSS: 1448, RcvMSS: 1400, AdvMSS: 1460, PMTU: 1500,
			Unacked: 14481, Sacked: 2896, Lost: 1448, InNetwork: 9000, Backoff: 1, Probes: 1,
			RTT: 20125 * time.Microsecond, RTTVar: 500 * time.Microsecond, MinRTT: 23 * time.Microsecond,
			SndCwnd: 28960, SndSsthresh: 14480, SndWnd: 65536, RcvWnd: 1048576, RcvSpace: 1048576, SndBuf: 2097152,
			LastDataSent: time.Second, LastDataRecv: 2 * time.Second, LastAckRecv: 30 * time.Millisecond,
			RecvQueue: 5, SendQueue: 20000, NotSent: 5519,
			BytesAcked: 100000, BytesReceived: 84, BytesSent: 114481, BytesRetrans: 4344,
			SegsOut: 90, SegsIn: 50, DataSegsOut: 89, DataSegsIn: 1, TotalRetrans: 3, TotalTimeouts: 1,
			DSACKDups: 2, RcvOooPack: 6, OutOfOrderBytes: 7, OutOfOrderPieces: 1, Retrans: 1448,
			Limited: tcp.LimitCwnd, BusyTime: time.Second, AppLimited: 100 * time.Millisecond,
			RwndLimited: 250 * time.Millisecond, CwndLimited: 600 * time.Millisecond, SndbufLimited: 50 * time.Millisecond, PacingLimited: 2 * time.Millisecond, MemoryLimited: 3 * time.Millisecond,
			PacingRate: 2500000, DeliveryRate: 1250000, RateAppLimited: true,
			BBR: &tcp.BBRInfo{Phase: "drain", Bandwidth: 3125000, MinRTT: 22 * time.Microsecond, PacingGain: 0.5, CwndGain: 2},
		},
	}
}

// The text is that of ss -tinm, key by key, with sizes in segments where ss has them so.
func TestSocketText(t *testing.T) {
	t.Parallel()
	sockets := []socket{
		tcpSocket(&tcp.ConnInfo{Local: netip.AddrPortFrom(netip.Addr{}, 80), Info: tcp.Info{State: tcp.Listen, SendQueue: 4096}}),
		tcpSocket(testConnection()),
		{
			Protocol: "udp", State: stateUnconn, RecvQ: 3, Local: endpoint{netip.MustParseAddrPort("0.0.0.0:7")},
			UDP: &udpInfo{RecvBuf: 212992, Drops: 4},
		},
	}
	const want = `Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port
tcp   LISTEN 0      4096                 *:80               *:*
tcp   ESTAB  5      20000       198.18.0.2:80  198.18.0.1:40000
	 skmem:(r12,rb1048576,t0,tb2097152,f0,w20000,o0,bl0,d0) ts sack ecn ecnseen cubic wscale:10,5 rto:400 backoff:1 rtt:20.125/0.5 ato:40 mss:1448 pmtu:1500 rcvmss:1400 advmss:1460 cwnd:20 ssthresh:10 bytes_sent:118825 bytes_retrans:4344 bytes_acked:100000 bytes_received:84 segs_out:90 segs_in:50 data_segs_out:89 data_segs_in:1 bbr:(bw:25Mbps,mrtt:0.022,pacing_gain:0.5,cwnd_gain:2) send 11.5Mbps lastsnd:1000 lastrcv:2000 lastack:30 pacing_rate 20Mbps delivery_rate 10Mbps app_limited busy:1000ms rwnd_limited:250ms(25.0%) sndbuf_limited:50ms(5.0%) cwnd_limited:600ms(60.0%) pacing_limited:2ms(0.2%) memory_limited:3ms(0.3%) limited:cwnd ca_state:recovery unacked:11 retrans:1/3 lost:1 sacked:2 dsack_dups:2 rcv_space:1048576 rcv_ssthresh:1048576 notsent:5519 minrtt:0.023 rcv_ooopack:6 snd_wnd:65536 rcv_wnd:1048576
udp   UNCONN 3      0                     *:7               *:*
	 skmem:(r3,rb212992,t0,tb0,f0,w0,o0,bl0,d4)
`
	if got := (&socketTable{netid: true}).text(sockets); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	exact := (&socketTable{exact: true}).text(sockets)
	if !strings.Contains(exact, " send 11512050bps ") || !strings.Contains(exact, " delivery_rate 10000000bps ") {
		t.Errorf("exact rates are\n%s", exact)
	}
	brief := (&socketTable{brief: true}).text(sockets)
	for _, line := range strings.Split(brief, "\n") {
		if len(line) > 80 || strings.Contains(line, "skmem") {
			t.Errorf("a brief line is %q", line)
		}
	}
}

// What does not apply is left out, as ss does.
func TestSocketTextOfNewConnection(t *testing.T) {
	t.Parallel()
	c := testConnection()
	c.Info = tcp.Info{State: tcp.SynSent, CAState: "open", Congestion: "reno", RTO: time.Second, SndMSS: 536, PMTU: 576, AdvMSS: 536, SndCwnd: 536, SndSsthresh: math.MaxInt}
	got := (&socketTable{}).details(&[]socket{tcpSocket(c)}[0])
	const want = "\t skmem:(r0,rb0,t0,tb0,f0,w0,o0,bl0,d0) reno rto:1000 mss:536 pmtu:576 advmss:536 cwnd:1 " +
		"lastsnd:0 lastrcv:0 lastack:0 rcv_space:0 rcv_ssthresh:0 snd_wnd:0 rcv_wnd:0\n"
	if got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// No field of tcp.Info is forgotten: those not in the answer are counted elsewhere in it, or listed here.
func TestSocketHasAllOfInfo(t *testing.T) {
	t.Parallel()
	c := testConnection()
	before, _ := json.Marshal(tcpSocket(c))
	absent := []string{"InNetwork", "Probes", "TotalTimeouts", "OutOfOrderPieces"}
	v := reflect.ValueOf(&c.Info).Elem()
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		old := reflect.New(f.Type()).Elem()
		old.Set(f)
		if f.IsZero() {
			t.Errorf("%s is zero in the test's connection", name)
		}
		if name == "SndMSS" {
			continue // zero there is another kind of socket
		}
		f.SetZero()
		after, _ := json.Marshal(tcpSocket(c))
		if string(before) == string(after) != slices.Contains(absent, name) {
			t.Errorf("%s changes the answer: %v", name, string(before) != string(after))
		}
		f.Set(old)
	}
}

// The JSON says the same to who decodes it.
func TestSocketsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"*:80", "*:*", "198.18.0.2:80", "198.18.0.2:*", "[2001:db8::1]:80", "[2001:db8::1]:*"} {
		var e endpoint
		if err := e.UnmarshalText([]byte(s)); err != nil || e.String() != s {
			t.Errorf("%q becomes %q, %v", s, e, err)
		}
	}
	a := socketsAnswer{Schema: 1, Device: "t0", Sockets: []socket{tcpSocket(testConnection())}}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back socketsAnswer
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(a, back) {
		t.Errorf("%v: %+v, want %+v", err, back, a)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	for bps, want := range map[float64]string{
		0: "0bps", 999: "999bps", 999.9: "1Kbps", 1000: "1Kbps", 643459459: "643Mbps", 24.6e9: "24.6Gbps", 5e12: "5Tbps", 5e15: "5e+03Tbps",
	} {
		if got := (&socketTable{}).rate(bps); got != want {
			t.Errorf("%v bit/s is %q, want %q", bps, got, want)
		}
	}
}

// want lists the sockets that a command line shows, of one in each state.
func TestSocketFilter(t *testing.T) {
	t.Parallel()
	var all []socket
	for state := tcp.Closed; state <= tcp.TimeWait; state++ {
		all = append(all, socket{Protocol: "tcp", State: stateNames[state], Local: endpoint{netip.MustParseAddrPort("198.18.0.2:80")}})
	}
	all = append(all,
		socket{Protocol: "tcp", State: "ESTAB", Local: endpoint{netip.MustParseAddrPort("198.18.0.2:7")}, Peer: endpoint{netip.MustParseAddrPort("198.18.0.1:99")}},
		socket{Protocol: "udp", State: "UNCONN", Local: endpoint{netip.MustParseAddrPort("0.0.0.0:7")}},
		socket{Protocol: "udp", State: "ESTAB", Local: endpoint{netip.MustParseAddrPort("198.18.0.2:8")}},
	)
	const connected = "SYN-SENT ESTAB FIN-WAIT-1 FIN-WAIT-2 CLOSE-WAIT CLOSING LAST-ACK ESTAB"
	for _, tt := range []struct {
		flags ssFlags
		line  string
		want  string
	}{
		{ssFlags{}, "", connected},
		{ssFlags{tcp: true}, "", connected},
		{ssFlags{udp: true}, "", "ESTAB"},
		{ssFlags{udp: true, all: true}, "", "UNCONN ESTAB"},
		{ssFlags{udp: true, tcp: true, listening: true}, "", "UNCONN LISTEN UNCONN"},
		{ssFlags{}, "state established", "ESTAB ESTAB"},
		{ssFlags{}, "state ESTABLISHED state time-wait", "ESTAB TIME-WAIT ESTAB"},
		{ssFlags{}, "state syn-recv", "SYN-RECV"},
		{ssFlags{}, "state bucket", "SYN-RECV TIME-WAIT"},
		{ssFlags{}, "state connected exclude synchronized", "SYN-SENT"},
		{ssFlags{}, "exclude big", "SYN-RECV TIME-WAIT"},
		{ssFlags{}, "sport = :7", "ESTAB"},
		{ssFlags{}, "sport 7", "ESTAB"},
		{ssFlags{}, "dport eq 99 state established", "ESTAB"},
		{ssFlags{}, "sport :80 dport :99", ""},
	} {
		f, err := tt.flags.filter(strings.Fields(tt.line))
		if err != nil {
			t.Errorf("%q: %v", tt.line, err)
			continue
		}
		var got []string
		for i := range all {
			if f.matches(&all[i]) {
				got = append(got, all[i].State)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v %q shows %q, want %q", tt.flags, tt.line, got, tt.want)
		}
	}
}

// The sockets of a stack, listeners first and by port.
func TestSocketsOf(t *testing.T) {
	t.Parallel()
	s, err := stack.New(stack.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, port := range []string{":80", "127.0.0.1:7"} {
		ln, err := s.Listen("tcp", port)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
	}
	c, err := s.Dial("tcp", "127.0.0.1:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, dial := range []string{"127.0.0.1:53"} {
		u, err := s.Dial("udp", dial)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
	}
	var got []string
	for _, s := range socketsOf(s, "t0").Sockets {
		local, peer := s.Local.String(), s.Peer.String()
		if s.Local.Port() > 1000 {
			local = "ephemeral"
		}
		if s.Peer.Port() > 1000 {
			peer = "ephemeral"
		}
		got = append(got, strings.Join([]string{s.Protocol, s.State, local, peer}, " "))
	}
	want := []string{
		"tcp LISTEN 127.0.0.1:7 *:*", "tcp LISTEN *:80 *:*",
		"tcp ESTAB 127.0.0.1:7 ephemeral", "tcp ESTAB ephemeral 127.0.0.1:7",
		"udp ESTAB ephemeral 127.0.0.1:53",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
