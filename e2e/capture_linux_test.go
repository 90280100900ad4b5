package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A running instance's packets come out of tshark as they pass. It ends after the
// fourth, which is the request, and the capture with it.
func TestCaptureLive(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl", "ping", "tshark") {
		return
	}
	up(t)
	live := start(t, exec.Command("sh", "-c", tinystack().Path+" capture -w - port 80 | tshark -l -n -c 4 -r -"))
	live.until("the capture's start", func() bool { return strings.Contains(live.stderr.String(), "capturing on tiny0") })
	hostPing(t, "-c1")
	curl(t, 0, site+"/hello")
	live.wantExit(0)
	if out := live.stdout.String(); !strings.Contains(out, "[SYN, ACK]") || !strings.Contains(out, "GET /hello") || strings.Contains(out, "ICMP") {
		t.Errorf("tshark prints\n%s\nwant the handshake and the request", out)
	}
}

// Interrupted, it ends in good order and says what it has; a count ends it, too.
func TestCaptureEnds(t *testing.T) {
	t.Parallel()
	if !isolated(t, "ping", "tshark") {
		return
	}
	up(t)
	file := filepath.Join(t.TempDir(), "x.pcapng")
	c := start(t, tinystack("capture", "-w", file, "host", stackIP))
	counted := start(t, tinystack("capture", "-w", filepath.Join(t.TempDir(), "y.pcapng"), "-c3", "-s", "28", "host", stackIP))
	for _, p := range []*process{c, counted} {
		p.until("its start", func() bool { return strings.Contains(p.stderr.String(), "capturing on tiny0\n") })
	}
	hostPing(t, "-c2", "-i0.01")
	counted.wantExit(0)
	if !strings.HasSuffix(counted.stderr.String(), "\n3 packets captured, 0 missed\n") {
		t.Errorf("it said %q", &counted.stderr)
	}
	c.signal(syscall.SIGINT)
	c.wantExit(0)
	if !strings.HasSuffix(c.stderr.String(), "\n4 packets captured, 0 missed\n") {
		t.Errorf("it said %q", &c.stderr)
	}
	if n := len(readCapture(t, file)); n != 4 {
		t.Errorf("the file has %d packets, want 4", n)
	}
}

// A reader that has enough ends the capture, even when no more packets come.
func TestCaptureIntoBrokenPipe(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	up(t)
	p := start(t, exec.Command("bash", "-c", "set -o pipefail; "+tinystack().Path+" capture -w - | head -c1 >/dev/null"))
	p.wantExit(0)
	if said := p.stderr.String(); said != "capturing on tiny0\n" {
		t.Errorf("it said %q, want nothing of it", said)
	}
}

// The end of the instance is the end of the capture: in good order, or not.
func TestCaptureOfInstanceThatEnds(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	for _, end := range []struct {
		sig  syscall.Signal
		code int
	}{{syscall.SIGTERM, 0}, {syscall.SIGKILL, 1}} {
		u := up(t)
		c := start(t, tinystack("capture", "-w", filepath.Join(t.TempDir(), "x.pcapng")))
		c.until("its start", func() bool { return strings.Contains(c.stderr.String(), "capturing on tiny0\n") })
		u.signal(end.sig)
		u.exit()
		c.wantExit(end.code)
		if end.code != 0 && !strings.Contains(c.stderr.String(), "the instance on tiny0 is gone; the capture ends in the middle") {
			t.Errorf("it said %q", &c.stderr)
		}
	}
}

// A full disk ends the recording, not the stack.
func TestPcapOnFullDisk(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	p := up(t, "--pcap", "/dev/full")
	if got, _ := curl(t, 0, site+"/hello"); got != "hello\n" {
		t.Errorf("the server says %q", got)
	}
	if said := p.stderr.String(); !strings.Contains(said, "no space left on device") {
		t.Errorf("it said %q, want it to tell why there is no capture", said)
	}
}

// A file that can't be made leaves no device behind. An instance that can't come
// up leaves the file alone: it may be what another is recording.
func TestPcapThatCannotBe(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	p := start(t, tinystack("up", "--pcap", "/nonexistent/x"))
	p.wantExit(1)
	if said := p.stderr.String(); !strings.Contains(said, "/nonexistent/x") {
		t.Errorf("it said %q, want the file's name in it", said)
	}
	wantNoDevice(t)
	file := filepath.Join(t.TempDir(), "x.pcapng")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	up(t)
	start(t, tinystack("up", "--pcap", file)).wantExit(77)
	if got, err := os.ReadFile(file); err != nil || string(got) != "precious" {
		t.Errorf("the file of an instance that did not come up is %q now, %v", got, err)
	}
}

func TestCaptureUsage(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"capture":                       "-w FILE",
		"capture -w - -c -1":            "--count -1 is negative",
		"capture -w - -s 0":             "--snaplen 0 is out of range: 1 to 262144 bytes",
		"capture -w - -B 0":             "--buffer 0 is out of range: 1 to 1024 MiB",
		"capture -w - port http":        `port "http" is not a number from 1 to 65535`,
		"capture -w - net 198.18.0.0/8": "a filter is like: host",
	} {
		p := start(t, tinystack(strings.Fields(line)...))
		p.wantExit(2)
		if said := p.stderr.String(); !strings.Contains(said, want) {
			t.Errorf("%s: it said %q, want %s", line, said, fmt.Sprintf("%q", want))
		}
	}
}
