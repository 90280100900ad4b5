package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What waits for an answer that does not come ends at once when the user has enough, and with
// as little noise as what it stands for.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	for _, tt := range []struct {
		line string
		code int
	}{
		{"dig @198.18.2.77 --via tun www.example.com", 130},
		{"dig --via lab @203.0.113.77 www.google.com", 130},
		{"get http://198.18.3.77/", 130},
		{"get --via lab -s http://203.0.113.77/", 130},
		{"traceroute -n 198.18.4.77", 130},
		{"ping 198.18.1.77", 1},
		{"explain --via tun http://198.18.5.77/", 130},
	} {
		args := strings.Fields(tt.line)
		file := filepath.Join(t.TempDir(), "trace.json")
		p := start(t, tinystack(append(args, traceFlags[args[0]], file)...))
		p.until("its trace to tell of a packet sent", func() bool {
			events, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(events), `"kind":"sent"`)
		})
		began := time.Now()
		p.signal(syscall.SIGINT)
		p.wantExit(tt.code)
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("%s: it took %v to end", tt.line, d)
		}
		if said := p.stderr.String(); strings.Contains(said, "tinystack:") || strings.Contains(said, "panic") {
			t.Errorf("%s: it said %q", tt.line, said)
		}
	}
}
