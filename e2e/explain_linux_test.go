package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/trace"
)

// explainIP is the stack's address in explain --via tun.
const explainIP = "198.18.5.2"

// explainTUN runs explain on the namespace's network; it must end with the code.
func explainTUN(t *testing.T, code int, args ...string) (story string) {
	t.Helper()
	p := start(t, tinystack(append([]string{"explain", "--via", "tun"}, args...)...))
	p.wantExit(code)
	if failed := p.stderr.String(); (code != 0) != strings.HasPrefix(failed, "tinystack: ") {
		t.Errorf("explain %q: on standard error it says %q", args, failed)
	}
	return p.stdout.String()
}

// flat is a text in one line, with one space between words.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// The trip over the host's network: names from unbound, which asks NSD's servers, the page from a
// server on the kernel's sockets. What the story says, the capture, the kernel and tshark say too.
func TestExplainViaTUN(t *testing.T) {
	t.Parallel()
	if !isolated(t, "nsd", "unbound", "tshark") {
		return
	}
	for addr := range zones {
		startNSD(t, addr)
	}
	unbound := startUnbound(t)
	unbound.until("it to know the name, which one of two servers does not answer for", func() bool {
		m, err := dns.Exchange(new(dns.Msg).SetQuestion("www.google.com.", dns.TypeA), net.JoinHostPort(recursor, "53"))
		return err == nil && len(m.Answer) > 0
	})
	site := startWeb(t)
	t.Run("story", func(t *testing.T) { testExplainStory(t, site) })
	t.Run("events", testExplainEvents)
	t.Run("iterative", testExplainIterative)
	t.Run("changes", testExplainChanges)
	t.Run("failures", testExplainFailures)
}

func testExplainStory(t *testing.T, site *website) {
	file := filepath.Join(t.TempDir(), "trip.pcapng")
	text := explainTUN(t, 0, "--again", "--ladder", "--why", "2", "--pcap", file, "--dns-upstream", recursor, "www.google.com")
	wantAll(t, "the story", flat(text),
		"browser its own cache", "the name server "+recursor+" www.google.com. A?",
		"answer www.google.com A "+webServer+"; a resolver's, TTL 300 s", "is not to be seen from here",
		"host 0.0.0.0/0 via 198.18.5.1 tinyexplain0",
		"[packet 3,", "304 Not Modified", "nothing is sent at all", "what it made of this is not ours to see",
		"The connection ends, and another one is needed", "it is the last one on the connection", "host ESTABLISHED -> CLOSE-WAIT -> LAST-ACK -> CLOSED",
		fmt.Sprintf("200 OK, %d bytes of image/png", pictureSize), "host ESTABLISHED -> FIN-WAIT-1 -> TIME-WAIT",
		"received packet 2, UDP to "+explainIP, "why it was sent is not ours to see",
	)
	if n := strings.Count(text, "The handshake: three segments"); n != 3 {
		t.Errorf("%d handshakes, want one more than visits", n)
	}
	packets := dissect(t, file, []string{
		"ip.src", "ip.dst", "tcp.srcport", "tcp.flags.syn", "tcp.flags.fin", "tcp.options.wscale.shift", "tcp.options.mss_val", "dns.qry.name", "dns.a",
		"ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "frame.comment",
	})
	wantLadder(t, text, packets)
	for i, p := range packets {
		if slices.Contains([]string{p["ip.checksum.status"], p["tcp.checksum.status"], p["udp.checksum.status"]}, "0") ||
			!strings.HasPrefix(p["frame.comment"], fmt.Sprintf("packet %d", i+1)) {
			t.Errorf("packet %d: %v", i+1, p)
		}
	}
	if q, a := packets[0], packets[1]; q["dns.qry.name"] != "www.google.com" || q["ip.dst"] != recursor || a["dns.a"] != webServer {
		t.Errorf("the question is %v, the answer %v", q, a)
	}
	wantHandshake(t, text, packets, site)
}

// wantLadder checks that each packet of the capture has a rung, and that the other end has no state.
func wantLadder(t *testing.T, text string, packets []row) {
	t.Helper()
	_, ladder, _ := strings.Cut(text, "The ladder:")
	rungs := regexp.MustCompile(`(?m)^ *(\d+) +[\d.]+ .{12} ?(\|.*\|)(.*)$`).FindAllStringSubmatch(ladder, -1)
	if len(rungs) != len(packets) {
		t.Fatalf("%d rungs, %d packets:\n%s", len(rungs), len(packets), ladder)
	}
	for i, r := range rungs {
		out := packets[i]["ip.src"] == explainIP
		if r[1] != strconv.Itoa(i+1) || out != strings.HasSuffix(r[2], ">|") || strings.TrimSpace(r[3]) != "" {
			t.Errorf("packet %d, sent by us %v, is drawn %q", i+1, out, r[0])
		}
	}
	wantAll(t, "the ladder", ladder, "not ours", "DNS: www.google.com A?", "DNS: NOERROR "+webServer, "SYN-SENT    |", "ESTABLISHED |<", "TIME-WAIT   |<")
}

// allOptions are those in the kernel's tcp_info of timestamps, SACK and window scale (linux/tcp.h).
const allOptions = 1 | 2 | 4

// wantHandshake checks that the options of the first handshake are those that tshark read and the
// kernel has.
func wantHandshake(t *testing.T, text string, packets []row, site *website) {
	t.Helper()
	syn, synAck := packets[2], packets[3]
	if syn["tcp.flags.syn"] != "1" && syn["tcp.flags.syn"] != "True" || synAck["ip.src"] != webServer {
		t.Fatalf("packets 3 and 4 are %v and %v", syn, synAck)
	}
	kernel := site.info(net.JoinHostPort(explainIP, syn["tcp.srcport"]))
	if kernel.Options&allOptions != allOptions {
		t.Errorf("the kernel's options are %b", kernel.Options)
	}
	mss := int(kernel.Advmss) + 12 // of which timestamps take so much
	if synAck["tcp.options.mss_val"] != strconv.Itoa(mss) {
		t.Errorf("the SYN-ACK's MSS is %s, the kernel's %d", synAck["tcp.options.mss_val"], mss)
	}
	wantAll(t, "the handshake", flat(text), fmt.Sprintf("agrees to MSS %d, window scale %s (", mss, synAck["tcp.options.wscale.shift"]), "SACK, timestamps")
}

// The events are those of the stack: each packet sent has a cause and a rule.
func testExplainEvents(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	write(t, file, explainTUN(t, 0, "--json", "--dns-upstream", recursor, "http://www.google.com/style.css"))
	events, lost, err := readTrace(file)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range events {
		if e.Kind == trace.Sent && (e.Cause == 0 || e.Rule == "" || e.Node != "host") {
			t.Errorf("event %d at %q is because of %d, by the rule %q", e.ID, e.Node, e.Cause, e.Rule)
		}
		switch {
		case e.Kind == trace.Answer:
			counts["answer "+e.DNS.Result]++
		case e.Kind == trace.Response:
			counts[fmt.Sprint("response ", e.HTTP.Status)]++
		case e.Kind == trace.StateChange:
			counts[e.State.To]++
		}
	}
	if lost != 0 || counts["answer answer"] != 1 || counts["response 200"] != 1 || counts["ESTABLISHED"] != 1 || counts["CLOSED"] != 1 {
		t.Errorf("lost %d, %v", lost, counts)
	}
}

// Asked to, the host goes from the root down itself.
func testExplainIterative(t *testing.T) {
	hints := filepath.Join(t.TempDir(), "hints")
	write(t, hints, ". NS a.root.\na.root. A "+rootServer+"\n")
	text := explainTUN(t, 0, "--iterative", "--root-hints", hints, "http://www.google.com/style.css")
	wantAll(t, "the recursion", flat(text),
		"this host does", "the root server a.root "+rootServer+" com. A?", "referral com: ask a.gtld.net glue a.gtld.net A "+comServer,
		"a.gtld.net "+comServer+" google.com. A?", "ns1.google.com "+googleServer+" www.google.com. A?",
		"answer www.google.com A "+webServer+"; authoritative, TTL 300 s",
	)
}

// Each change shows in what goes over the wire.
func testExplainChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trip.pcapng")
	text := explainTUN(t, 0, "--mss", "1000", "--rwnd", "8192", "--no-sack", "--cc", "bbr", "--delay", "20ms",
		"--pcap", file, "http://"+webServer+"/picture")
	wantAll(t, "the story", flat(text), "Changed: 20ms more delay each way, an MSS of 1000, a receive buffer of 8192 bytes, bbr, no SACK.",
		"is an address already", "takes packets of 1040 bytes", "is about what came in a round: it is the limit, not the path")
	if rtt, err := strconv.ParseFloat(regexp.MustCompile(`SYN to SYN-ACK took ([\d.]+) ms`).FindStringSubmatch(flat(text))[1], 64); err != nil || rtt < 40 {
		t.Errorf("the round trip took %v ms, %v", rtt, err)
	}
	for i, p := range dissect(t, file, []string{"ip.src", "ip.len", "tcp.flags.syn", "tcp.options.mss_val", "tcp.options.sack_perm", "tcp.window_size_value"}) {
		window, err := strconv.Atoi(p["tcp.window_size_value"])
		size, _ := strconv.Atoi(p["ip.len"])
		ours := p["ip.src"] == explainIP
		if err != nil || ours && window > 8192 || size > 1040 || p["tcp.options.sack_perm"] != "" || i == 0 && p["tcp.options.mss_val"] != "1000" {
			t.Errorf("packet %d: %v", i+1, p)
		}
	}
}

// What fails is a story up to there, and the exit code is curl's.
func testExplainFailures(t *testing.T) {
	for _, test := range []struct {
		code       int
		args, told string
	}{
		{1, "https://www.google.com/", ""},
		{2, "--lose 7 www.google.com", ""},
		{3, "http://", ""},
		{6, "http://nothing.google.com/", "that is an answer too"},
		{6, "--dns-upstream " + deadServer + " www.google.com", "could not be looked up"},
		{28, "-m 0.5 --dns-upstream " + deadServer + " www.google.com", "could not be looked up"},
		{7, "http://www.google.com:81/", "A RST is the answer"},
		{18, "http://www.google.com/short", "did not come, or not whole"},
		{28, "-m 1 http://203.0.113.1/", "No answer came"}, // the host does not forward
		{28, "-m 1 http://www.google.com/never", "did not come, or not whole"},
		{56, "http://www.google.com/reset", "connection reset by peer"},
	} {
		t.Run(test.args, func(t *testing.T) {
			args := strings.Fields(test.args)
			if !slices.Contains(args, "--dns-upstream") {
				args = append(args, "--dns-upstream", recursor)
			}
			text := explainTUN(t, test.code, args...)
			wantAll(t, "the story", flat(text), test.told)
		})
	}
}

// The host forwards: the trip goes to another stack, that of a running up.
func TestExplainReachesUp(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	forward(t, "1")
	up(t, "--allow", explainIP)
	text := explainTUN(t, 0, "--dns-upstream", stackIP, "http://tinystack.test/hello")
	wantAll(t, "the story", flat(text), "answer tinystack.test A "+stackIP, "200 OK", "TIME-WAIT", "GET /hello")
	text = explainTUN(t, 7, "http://203.0.113.1/")
	wantAll(t, "the story", flat(text), "A router on the way has no route to 203.0.113.1")
}
