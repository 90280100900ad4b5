package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// output runs the program, which must end with the exit code, and returns what it printed.
func (p *process) output(code int) (stdout, stderr string) {
	p.t.Helper()
	p.wantExit(code)
	return p.stdout.String(), p.stderr.String()
}

// ask runs one of the commands that look into an instance.
func ask(t *testing.T, line string) string {
	t.Helper()
	stdout, _ := start(t, tinystack(strings.Fields(line)...)).output(0)
	return stdout
}

// echoed is a connection of the kernel's to the echo service, over which n bytes
// went both ways.
func echoed(t *testing.T, n int) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", stackIP+":7", patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = c.Write(make([]byte, n)) }()
	if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // both have acknowledged all
	return c
}

var ssKey = regexp.MustCompile(`(?:^|\s)([a-z_]+)(?::(\S+)| (\S+bps))?`)

// ssKeys reads the last line of ss's output, which describes one connection.
func ssKeys(t *testing.T, text string) map[string]string {
	t.Helper()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) < 2 {
		t.Fatalf("ss printed no connection:\n%s", text)
	}
	keys := map[string]string{}
	for _, m := range ssKey.FindAllStringSubmatch(lines[len(lines)-1], -1) {
		keys[m[1]] = m[2] + m[3]
	}
	return keys
}

// Both ends of one connection, each listed by its own ss, say the same of it.
func TestSSAgreesWithTheHosts(t *testing.T) {
	t.Parallel()
	if !isolated(t, "ss") {
		return
	}
	up(t, "--services")
	const n = 30_000
	c := echoed(t, n)
	kernelText, err := exec.Command("ss", "-tinm", "dport", "=", ":7").Output()
	if err != nil {
		t.Fatal(err)
	}
	ourText := ask(t, "ss -tinm sport = :7")
	kernel, ours := ssKeys(t, string(kernelText)), ssKeys(t, ourText)
	check := func(key, want string) {
		t.Helper()
		if ours[key] != want {
			t.Errorf("%s is %q, want %q; the host's ss:\n%s\nours:\n%s", key, ours[key], want, kernelText, ourText)
		}
	}
	for _, key := range []string{"ts", "sack", "mss", "pmtu"} {
		check(key, kernel[key])
	}
	snd, rcv, _ := strings.Cut(kernel["wscale"], ",")
	check("wscale", rcv+","+snd)
	for _, key := range []string{"bytes_sent", "bytes_acked", "bytes_received"} {
		check(key, strconv.Itoa(n))
	}
	// What the kernel prints of such a connection, we do.
	for _, key := range []string{
		"skmem", "rto", "rtt", "ato", "rcvmss", "advmss", "cwnd", "segs_out", "segs_in", "data_segs_out", "data_segs_in",
		"send", "lastsnd", "lastrcv", "lastack", "delivery_rate", "rcv_space", "rcv_ssthresh", "minrtt",
	} {
		if kernel[key] == "" || ours[key] == "" {
			t.Errorf("%s is %q in the host's ss, %q in ours", key, kernel[key], ours[key])
		}
	}
	row := fmt.Sprintf("ESTAB 0      0 %s:7 %s\n", stackIP, c.LocalAddr())
	if !strings.Contains(strings.Join(strings.Fields(ourText), " "), strings.Join(strings.Fields(row), " ")) {
		t.Errorf("no row %q in\n%s", row, ourText)
	}
}

// A client that reads slowly is what limits the download, and ss says so.
func TestSSTellsWhatLimits(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	up(t)
	c, err := net.Dial("tcp", stackIP+":80")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /bytes/64MiB HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(patience)
	for { // nothing is read, until the client's buffer is full
		var a struct {
			Schema  int
			Sockets []struct {
				State, Local, Peer string
				SendQ              int `json:"send_q"`
				TCP                struct {
					Limited   string
					SndWnd    int   `json:"snd_wnd"`
					RwndUS    int64 `json:"rwnd_limited_us"`
					BytesSent int64 `json:"bytes_sent"`
				}
			}
		}
		if err := json.Unmarshal([]byte(ask(t, "ss --json")), &a); err != nil || a.Schema != 1 || len(a.Sockets) != 1 {
			t.Fatalf("%v: %+v, want one socket by schema 1", err, a)
		}
		if s := a.Sockets[0]; s.TCP.Limited == "rwnd" && s.TCP.RwndUS > 0 && s.TCP.BytesSent > 0 && s.SendQ > 0 && s.Peer == c.LocalAddr().String() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain for the receive window to be what limits: %+v", patience, a)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// The counters count what the host did, in stats and in the metrics.
func TestStatsCount(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl", "ping") {
		return
	}
	p := up(t, "--metrics", "--json-log")
	if _, err := exec.Command("ping", "-c3", "-i0.01", stackIP).Output(); err != nil {
		t.Fatal(err)
	}
	curl(t, 0, site+"/hello")
	curl(t, 7, site+":81/")
	var a struct {
		Schema   int
		Device   string
		Counters map[string]uint64
	}
	if err := json.Unmarshal([]byte(ask(t, "stats --json")), &a); err != nil || a.Schema != 1 || a.Device != device {
		t.Fatalf("%v: schema %d, device %q", err, a.Schema, a.Device)
	}
	metrics, _ := curl(t, 0, site+"/metrics")
	for key, want := range map[string]uint64{
		"IcmpInEchos": 3, "IcmpOutEchoReps": 3, "TcpPassiveOpens": 1, "TcpInNoPort": 1, "TcpOutRsts": 1, "TcpInErrs": 0, "IpInHdrErrors": 0,
	} {
		if a.Counters[key] != want {
			t.Errorf("%s is %d, want %d", key, a.Counters[key], want)
		}
	}
	for _, want := range []string{"tinystack_icmp_in_echos_total 3\n", "tinystack_tcp_passive_opens_total 2\n"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in the metrics:\n%s", want, metrics)
		}
	}
	if _, err := exec.LookPath("promtool"); err == nil {
		check := exec.Command("promtool", "check", "metrics")
		check.Stdin = strings.NewReader(metrics)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool: %v\n%s", err, out)
		}
	}
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	for _, line := range strings.Split(strings.TrimSpace(p.stderr.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("the log has the line %q, want JSON", line)
		}
	}
}

// Of two instances one must be chosen.
func TestTwoInstances(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	up(t, "--dev=tinya", "--addr=198.18.2.2/24")
	up(t, "--dev=tinyb", "--addr=198.18.3.2/24")
	curl(t, 0, "http://198.18.3.2/hello")
	for _, command := range []string{"ss", "stats"} {
		_, says := start(t, tinystack(command)).output(2)
		if want := "several instances are running: choose one of them with --dev tinya or --dev tinyb\n"; !strings.HasSuffix(says, want) {
			t.Errorf("%s says %q, want %q", command, says, want)
		}
	}
	if a := ask(t, "stats --dev=tinya"); strings.Contains(a, "TcpPassiveOpens") {
		t.Errorf("the instance that nobody asked counted\n%s", a)
	}
	if b := ask(t, "stats --dev=tinyb"); !strings.Contains(b, "TcpPassiveOpens") {
		t.Errorf("the instance that answered counted\n%s", b)
	}
	_, says := start(t, tinystack("stats", "--dev=tinyc")).output(69)
	if want := "no instance on tinyc is running"; !strings.Contains(says, want) {
		t.Errorf("says %q, want %q", says, want)
	}
}

// A killed instance leaves its socket, which the next one takes the place of.
func TestKilledInstance(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	os.Setenv("TINYSTACK_RUNTIME_DIR", t.TempDir()+"/run") // of this process, which runs this test alone
	_, says := start(t, tinystack("ss")).output(69)
	if !strings.Contains(says, "no instance is running; start one with: tinystack up") {
		t.Errorf("without an instance: %q", says)
	}
	p := up(t)
	p.signal(syscall.SIGKILL)
	p.exit()
	_, says = start(t, tinystack("ss")).output(69)
	if !strings.Contains(says, "the instance on "+device+" is gone") {
		t.Errorf("after a kill: %q", says)
	}
	up(t)
	if got := ask(t, "ss -l"); !strings.Contains(got, "*:80") {
		t.Errorf("the next instance's listeners:\n%s", got)
	}
}

// Another user is told who may look, and by which command.
func TestAnotherUserMayNotLook(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to become someone else")
	}
	up(t)
	for _, command := range []string{"ss", "stats", "capture -w -"} {
		cmd := tinystack(strings.Fields(command)...)
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR=")
		stdout, says := start(t, cmd).output(77)
		if !strings.Contains(says, "/run/tinystack are another user's; this mends it:\n  sudo ") || stdout != "" {
			t.Errorf("%s says %q and prints %q, want the command that mends it", command, says, stdout)
		}
	}
}
