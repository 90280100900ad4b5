package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tinystack/tinystack/trace"
)

// Wireshark reads the capture of a visit over a bad wire: every packet has a comment that
// says because of what it was sent, and all checksums are right.
func TestTsharkReadsIt(t *testing.T) {
	t.Parallel()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("needs tshark, the second opinion on what the capture says: ", err)
	}
	var files map[string]string
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, Config{Seed: 1})
		defer l.Trace().Subscribe(func(*trace.Event) {})()
		bad(t, l)
		r := record(t, l, "lan", "web")
		surf(t, l)
		files = r.end()
	})
	for end, content := range files {
		name := filepath.Join(t.TempDir(), "end.pcapng")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tshark, "-r", name, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
			"-o", "udp.check_checksum:TRUE", "-T", "fields", "-E", "separator=|",
			"-e", "frame.number", "-e", "ip.checksum.status", "-e", "tcp.checksum.status",
			"-e", "udp.checksum.status", "-e", "frame.comment").Output()
		if err != nil {
			t.Fatalf("tshark: %v", err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) < 80 {
			t.Errorf("%s: tshark sees %d packets", end, len(lines))
		}
		for _, line := range lines {
			f := strings.Split(line, "|")
			if len(f) != 5 || f[1] != "1" || f[2]+f[3] != "1" {
				t.Errorf("%s: %s", end, line)
				continue
			}
			if !strings.Contains(f[4], "because of event ") || !strings.Contains(f[4], ": ") {
				t.Errorf("%s: packet %s has the comment %q", end, f[0], f[4])
			}
		}
	}
}
