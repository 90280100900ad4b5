package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinystack/tinystack/trace"
)

// All that the host's clients make the stack do is told, on a good wire and a bad one: as many
// packets and drops as were counted, and what names and pages there were.
func TestTrace(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl", "ping") {
		return
	}
	startUpstream(t)
	for name, args := range map[string][]string{
		"good": {"--services"},
		"bad":  {"--services", "--impair", "loss=2%,dup=1%,reorder=2%,corrupt=1%,delay=2ms,seed=3"},
	} {
		t.Run(name, func(t *testing.T) { testTrace(t, args) })
	}
}

func testTrace(t *testing.T, args []string) {
	file := filepath.Join(t.TempDir(), "trace.json")
	p := up(t, append(args, "--trace", file, "--dns-upstream", upstreamAddr)...)
	hostPing(t, "-c3", "-i0.01", "-s2000")
	curl(t, 0, "--retry", "3", site+"/hello", site+"/bytes/300000")
	curl(t, 0, "-X", "POST", "--data-binary", "@"+os.Args[0], "-o", os.DevNull, site+"/upload")
	curl(t, 7, "-m", "10", site+":81/")
	hostDig(t, "+tries=5 +time=1 www.example.com")
	hostDig(t, "+tries=5 +time=1 www.example.com")
	_ = exec.Command("ping", "-c1", "-W1", "-t1", "203.0.113.1").Run() // nobody answers
	time.Sleep(quiet)
	counted := takeSnapshot(t)
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	events, _, err := readTrace(file)
	if err != nil {
		t.Fatal(err)
	}
	kinds, dropped := map[trace.Kind]int{}, map[string]int{}
	for _, e := range events {
		if e.Time.After(counted.Time) {
			break
		}
		kinds[e.Kind]++
		if e.Kind == trace.Dropped {
			dropped[e.Name]++
		}
	}
	for kind := trace.Call; kind <= trace.Response; kind++ {
		if kinds[kind] == 0 && kind != trace.Timer && kind != trace.Routed {
			t.Errorf("nothing was told of kind %v: %v", kind, kinds)
		}
	}
	wantCounted(t, counted.Counters, kinds, dropped)
}

// wantCounted checks that what was told is what was counted, so that nothing was left untold.
func wantCounted(t *testing.T, counters map[string]uint64, kinds map[trace.Kind]int, dropped map[string]int) {
	t.Helper()
	if n := counters["IpOutTransmits"]; uint64(kinds[trace.Sent]) != n {
		t.Errorf("%d packets sent were told of, and %d counted", kinds[trace.Sent], n)
	}
	for name, n := range counters {
		drops := strings.HasPrefix(name, "IpDrop") || strings.HasPrefix(name, "IcmpDrop") || dropped[name] > 0
		if drops && uint64(dropped[name]) != n {
			t.Errorf("%d drops were told of as %s, and %d counted", dropped[name], name, n)
		}
	}
}

// With --why Wireshark shows why each packet was sent.
func TestCaptureWhy(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl", "tshark") {
		return
	}
	up(t)
	file := filepath.Join(t.TempDir(), "x.pcapng")
	c := start(t, tinystack("capture", "--why", "-w", file, "port", "80"))
	c.until("its start", func() bool { return strings.Contains(c.stderr.String(), "capturing on tiny0\n") })
	curl(t, 0, site+"/hello")
	c.signal(syscall.SIGINT)
	c.wantExit(0)
	out, err := exec.Command("tshark", "-r", file, "-Y", "ip.src=="+stackIP, "-T", "fields", "-e", "frame.comment").Output()
	if err != nil {
		t.Fatal(err)
	}
	comments := strings.Split(strings.TrimSpace(string(out)), "\n")
	if !strings.Contains(comments[0], "SYN-ACK: a SYN for a port where somebody listens, RFC 9293 3.10.7.2") {
		t.Errorf("the first packet's comment is %q", comments[0])
	}
	for _, comment := range comments {
		if !strings.Contains(comment, ", because of event ") {
			t.Errorf("a packet's comment is %q", comment)
		}
	}
}
