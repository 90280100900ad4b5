package e2e

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinystack/tinystack/tcp"
)

// A host that asks for ECN gets it, and a wire that marks what waits needs to drop nothing: the capture and
// the counters of both ends tell of it, down and up. The wire is so slow that a first flight of ten segments waits twice
// as long as goes unmarked, and both transfers take a second or more: a sender that gets little of the processor
// fills it, too.
func TestECN(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl", "tshark") {
		return
	}
	setSysctl(t, "tcp_ecn", "1")
	s := startSession(t, "--impair", "rate=10mbit,delay=5ms,queue=1s,ecn=5ms")
	s.serve(t, "file", int(size(3<<20, 2<<20)))
	s.download(t, "file")
	down := takeSnapshot(t).Counters
	s.upload(t, "file")
	time.Sleep(quiet)
	counted := takeSnapshot(t)
	s.end(t)

	if n := counted.Counters["TcpEcnAgreed"]; n != 2 {
		t.Errorf("%d connections have agreed on ECN, want 2", n)
	}
	for _, name := range []string{"TcpRetransSegs", "TcpFastRecoveries", "TcpRTOTimeouts", "IfOutDrops " + device, "IfInDrops " + device} {
		if n := counted.Counters[name]; n != 0 {
			t.Errorf("%s is %d, where nothing was to be lost", name, n)
		}
	}
	if down["TcpInEchoes"] == 0 || down["TcpEcnReductions"] == 0 || hostCounter(t, "IpExt", "InCEPkts") == 0 {
		t.Errorf("down: the host got %d marked packets; of it there came %d echoes, for which cwnd was reduced %d times",
			hostCounter(t, "IpExt", "InCEPkts"), down["TcpInEchoes"], down["TcpEcnReductions"])
	}
	up := counted.Counters
	if up["IpInECT0Pkts"] == 0 || up["IpInCEPkts"] == 0 || up["TcpInCESegs"] != up["IpInCEPkts"] || hostCounter(t, "TcpExt", "TCPDeliveredCE") == 0 {
		t.Errorf("up: %d packets came with ECT(0), %d marked, %d segments of data; the host heard of %d",
			up["IpInECT0Pkts"], up["IpInCEPkts"], up["TcpInCESegs"], hostCounter(t, "TcpExt", "TCPDeliveredCE"))
	}
	if sent, _ := compare(t, s, counted); sent.again != 0 {
		t.Errorf("%d segments were sent again", sent.again)
	}
	wantECNOnNewDataAlone(t, s.file)
}

// wantECNOnNewDataAlone checks, as tshark reads the capture, that what the stack sent has ECT(0) if
// it is data, and CWR no more often than cwnd was reduced (RFC 3168 6.1.2, 6.1.4).
func wantECNOnNewDataAlone(t *testing.T, file string) {
	t.Helper()
	const notECT, ect0 = 0, 2
	cwr := 0
	rows := dissect(t, file, []string{"frame.number", "frame.packet_flags_direction", "ip.dsfield.ecn", "tcp.flags", "tcp.len"})
	for _, r := range rows {
		if r.direction() != outbound || r["tcp.flags"] == "" {
			continue
		}
		want := notECT
		if r.int("tcp.len") > 0 {
			want = ect0
		}
		if got := r.int("ip.dsfield.ecn"); got != want {
			t.Errorf("packet %s of %d bytes of data has the ECN field %d, want %d", r["frame.number"], r.int("tcp.len"), got, want)
		}
		if tcp.Flags(r.int("tcp.flags")).Has(tcp.CWR) {
			cwr++
		}
	}
	if cwr == 0 || cwr > len(rows)/20 {
		t.Errorf("%d of %d packets have CWR", cwr, len(rows))
	}
}

// setSysctl sets one of net.ipv4 in the test's namespace.
func setSysctl(t *testing.T, name, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0); err != nil {
		t.Skipf("needs to set %s: %v", name, err)
	}
}

// hostCounter is one of the host's counters in /proc/net/netstat, a line of names above a line of numbers.
func hostCounter(t *testing.T, group, name string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] != group+":":
		case names == nil:
			names = words
		default:
			for i, w := range names {
				if w == name {
					n, _ := strconv.Atoi(words[i])
					return n
				}
			}
		}
	}
	t.Fatalf("the host has no counter %s of %s", name, group)
	return 0
}
