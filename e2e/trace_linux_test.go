package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tinystack/tinystack/trace"
)

// readTrace returns the events of a trace, and how many it lost.
func readTrace(t *testing.T, name string) (events []*trace.Event, lost uint64) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Schema int
			Lost   uint64
			trace.Event
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Schema != trace.Schema {
			t.Fatalf("%s: schema %d, %v", lines.Bytes(), line.Schema, err)
		}
		if lost += line.Lost; line.Lost == 0 {
			events = append(events, &line.Event)
		}
	}
	return events, lost
}

// All that the host's clients make the stack do is told, on a good wire and a bad one: every
// packet sent and every drop has a cause, which was told before, and a rule.
func TestTrace(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl", "ping") {
		return
	}
	for name, args := range map[string][]string{
		"good": {"--services"},
		"bad":  {"--services", "--impair", "loss=2%,dup=1%,reorder=2%,corrupt=1%,delay=2ms,seed=3"},
	} {
		t.Run(name, func(t *testing.T) { testTrace(t, args) })
	}
}

func testTrace(t *testing.T, args []string) {
	file := filepath.Join(t.TempDir(), "trace.json")
	p := up(t, append(args, "--trace", file)...)
	hostPing(t, "-c3", "-i0.01", "-s2000")
	curl(t, 0, "--retry", "3", site+"/hello", site+"/bytes/300000")
	curl(t, 0, "-X", "POST", "--data-binary", "@"+os.Args[0], "-o", os.DevNull, site+"/upload")
	curl(t, 7, "-m", "10", site+":81/")
	_ = exec.Command("ping", "-c1", "-W1", "-t1", "203.0.113.1").Run() // nobody answers
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	events, lost := readTrace(t, file)
	known := map[trace.ID]bool{}
	kinds := map[trace.Kind]int{}
	for _, e := range events {
		kinds[e.Kind]++
		known[e.ID] = true
		if e.Kind != trace.Sent && e.Kind != trace.Dropped {
			continue
		}
		if e.Rule == "" || e.Cause == 0 || e.Cause >= e.ID || lost == 0 && !known[e.Cause] {
			t.Errorf("event %d, %v %s, is because of event %d, by the rule %q", e.ID, e.Kind, e.Name, e.Cause, e.Rule)
		}
	}
	for _, want := range []trace.Kind{
		trace.Call, trace.Sent, trace.Received, trace.Dropped, trace.StateChange, trace.CongestionChange, trace.WindowChange,
	} {
		if kinds[want] == 0 {
			t.Errorf("nothing was told of kind %v: %v", want, kinds)
		}
	}
	if lost > 0 && !strings.Contains(p.stderr.String(), "lost=") {
		t.Errorf("%d events were lost, and it said %s", lost, &p.stderr)
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
