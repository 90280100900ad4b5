//go:build unix

package httpd

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A FIFO without a writer would hold an open(2) for ever, and /dev/zero has no end.
func TestNoSpecialFiles(t *testing.T) {
	t.Parallel()
	h, www := newGuarded(t)
	if err := syscall.Mkfifo(filepath.Join(www, "fifo"), 0o644); err != nil {
		t.Skipf("needs a temporary directory that can hold a FIFO: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(www, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(www, "d", index), 0o644); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		askPath(h, "/fifo").want(t, "fifo", http.StatusNotFound)
		if got := askPath(h, "/d/"); got.status != 200 || strings.Contains(got.body, index) {
			t.Errorf("a FIFO as index.html: %d %q", got.status, got.body)
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("waits for the FIFO's writer")
	}
}
