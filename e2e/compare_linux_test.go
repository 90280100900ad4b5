package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
)

// keepAliveAfter is how long a connection to the services is idle before it is probed.
const keepAliveAfter = 15 * time.Second

// quiet is how long nothing is likely to be under way before the counters are read.
const quiet = 100 * time.Millisecond

// Over a clean wire, with offloads: what is captured is right by tshark's
// checks, means the same to us, gopacket and tshark, and is what the counters tell of.
func TestCompareCapture(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl", "ping", "tshark") {
		return
	}
	s := startSession(t)
	idle, began := dial(t, "tcp", "7"), time.Now()
	s.serve(t, "large", 50<<20)
	s.serve(t, "medium", 5<<20)
	curl(t, 0, site+"/hello")
	s.download(t, "large")
	s.upload(t, "medium")
	pings(t)
	echo(t)
	refused(t)
	reset(t)
	abort(t)
	stall(t)
	time.Sleep(time.Until(began.Add(keepAliveAfter)))
	s.up.until("a keepalive", func() bool { return takeSnapshot(t).Counters["TcpKeepAliveProbes"] > 0 })
	idle.Close()
	time.Sleep(quiet)
	counted := takeSnapshot(t)
	s.end(t)
	if sent, _ := compare(t, s, counted); sent.keepAlives == 0 || sent.zeroWindows == 0 || sent.again == 0 {
		t.Errorf("the session was to have keepalives, windows of zero and probes; it has %+v", sent)
	}
	wantStream(t, s, "large")
}

// Over a wire that loses packets, of wire size.
func TestCompareCaptureUnderLoss(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl", "ping", "tshark") {
		return
	}
	s := startSession(t, "--impair", "loss=2%,delay=1ms,seed=7")
	s.serve(t, "file", 2<<20)
	s.download(t, "file")
	s.upload(t, "file")
	time.Sleep(quiet)
	counted := takeSnapshot(t)
	s.end(t)
	if sent, dups := compare(t, s, counted); sent.again == 0 || dups.flagged == 0 {
		t.Errorf("the session was to have retransmissions and duplicate ACKs; it has %+v, %+v", sent, dups)
	}
	wantStream(t, s, "file")
}

// compare holds all against the capture that can be.
func compare(t *testing.T, s *session, counted snapshot) (sentCounts, duplicates) {
	t.Helper()
	packets := readCapture(t, s.file)
	fields := slices.Clone(verdicts)
	fields = append(fields, analysisFields...)
	for _, f := range slices.Concat(ipFields, icmpFields, udpFields, tcpFields) {
		fields = append(fields, f.tshark)
	}
	slices.Sort(fields)
	rows := dissect(t, s.file, slices.Compact(fields))
	if len(rows) != len(packets) {
		t.Fatalf("tshark reads %d packets, gopacket %d", len(rows), len(packets))
	}
	t.Logf("%d packets", len(packets))
	wantFieldsAgree(t, packets, rows)
	wantNoNewFields(t, s.file)
	if out := tshark(t, s.file, "-Y", "_ws.malformed"); len(out) > 0 { // HTTP too, put together
		t.Errorf("malformed, says tshark:\n%s", out)
	}
	return wantAnalysisAgrees(t, rows, counted)
}

// verdicts are the fields in which tshark says that something is wrong.
var verdicts = []string{
	"frame.number", "frame.time_epoch", "frame.packet_flags_direction", "_ws.expert.group", "_ws.expert.severity", "_ws.expert.message",
	"ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status",
}

// good is tshark's status of a checksum that it has checked.
const good = "1"

// wantFieldsAgree compares each packet, field by field.
func wantFieldsAgree(t *testing.T, packets [][]byte, rows []row) {
	t.Helper()
	d := make(decoder)
	for i, b := range packets {
		r := rows[i]
		if b[0]>>4 == 6 {
			continue // the host's own, looking for routers; the stack drops it
		}
		p, err := d.decode(b)
		if err != nil {
			t.Errorf("packet %d: we read %v, tshark %v", i+1, err, r)
			continue
		}
		g, err := decodePeer(b, p)
		if err != nil {
			t.Errorf("packet %d: gopacket: %v", i+1, err)
			continue
		}
		wantVerdict(t, i, p, r)
		wantSame(t, i, p, g, r, 0)
		if p.quoted != nil {
			wantSame(t, i, p.quoted, nil, r, 1)
		}
		if t.Failed() {
			t.Fatalf("packet %d: %s, %x", i+1, r["_ws.expert.message"], b[:min(len(b), 80)])
		}
	}
}

// wantVerdict checks that tshark found nothing wrong with the packet.
func wantVerdict(t *testing.T, i int, p *decoded, r row) {
	t.Helper()
	if r.direction() == inbound && p.tcp != nil && p.tcp.Checksum == 0xffff && transportSum(p.ip, p.transport) == 0 {
		return // Linux, where it completes a checksum in software, writes 0xffff for 0 with TCP too; tshark minds
	}
	for _, group := range strings.Split(r["_ws.expert.group"], ",") {
		if group != "" && !slices.Contains(harmless, number(group)) {
			t.Errorf("packet %d: tshark says %q (group %s)", i+1, r["_ws.expert.message"], group)
		}
	}
	status := map[string]bool{"ip": true, "tcp": p.tcp != nil, "udp": p.udp != nil, "icmp": p.icmp != nil}
	for protocol, there := range status {
		if got := first(r[protocol+".checksum.status"]); there && got != good {
			t.Errorf("packet %d: the status of its %s checksum is %q", i+1, protocol, got)
		}
	}
}

// harmless are the groups of tshark's remarks that are about a stream's course, not about
// what is wrong: sequence, response code, and our comments on packets.
var harmless = []string{"33554432", "50331648", "184549376"}

// wantSame compares the packet's fields, of which tshark's n-th are meant: an
// ICMP error has those of the packet that it quotes after its own.
func wantSame(t *testing.T, i int, p *decoded, g *peerDecoded, r row, n int) {
	t.Helper()
	compare := func(fields []mappedField, n int) {
		for _, f := range fields {
			want := pick(r[f.tshark], n)
			if f.view != nil {
				want = f.view(want)
			}
			if got := text(f.get(p)); got != number(want) {
				t.Errorf("packet %d: %s is %s to us, %s is %s to tshark", i+1, f.ours, got, f.tshark, want)
			}
			if g == nil || f.peer == nil {
				continue
			}
			if got := text(f.peer(g)); got != number(want) {
				t.Errorf("packet %d: %s is %s to gopacket, %s is %s to tshark", i+1, f.ours, got, f.tshark, want)
			}
		}
	}
	compare(ipFields, n)
	switch {
	case p.tcp != nil:
		compare(tcpFields, -1)
	case p.udp != nil:
		compare(udpFields, -1)
	case p.icmp != nil:
		compare(icmpFields, -1)
	}
}

// pick returns the n-th of several values, or all if n is negative.
func pick(v string, n int) string {
	if n < 0 {
		return v
	}
	values := strings.Split(v, ",")
	if n >= len(values) {
		return ""
	}
	return values[n]
}

// wantStream checks that the stream in which tshark finds the file's request carries
// the file.
func wantStream(t *testing.T, s *session, name string) {
	t.Helper()
	stream := first(strings.TrimSpace(string(tshark(t, s.file, "-T", "fields", "-e", "tcp.stream",
		"-Y", `http.request.method == "GET" && http.request.uri == "/`+name+`"`))))
	if stream == "" {
		t.Fatalf("tshark finds no request for %s", name)
	}
	var body bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(tshark(t, s.file, "-q", "-z", "follow,tcp,raw,"+stream)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() { // the server's lines start with a tab, after the client's first line
		if line, ok := bytes.CutPrefix(lines.Bytes(), []byte("\t")); ok {
			b, err := hex.AppendDecode(nil, line)
			if err != nil {
				t.Fatal(err)
			}
			body.Write(b)
		}
	}
	_, content, _ := bytes.Cut(body.Bytes(), []byte("\r\n\r\n"))
	sum := sha256.Sum256(content)
	if got := hex.EncodeToString(sum[:]); got != s.sent[name] {
		t.Errorf("the stream that tshark follows has %d bytes with SHA-256 %s, want %s", len(content), got, s.sent[name])
	}
}
