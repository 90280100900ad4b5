package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// curl runs curl, which must end with the exit code, and returns what it wrote.
func curl(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	p := start(t, curlCommand(args...))
	wantCurlExit(t, p, code)
	return p.stdout.String(), p.stderr.String()
}

// maxTransfer is how long curl may take.
const maxTransfer = 3 * time.Minute

func curlCommand(args ...string) *exec.Cmd {
	return exec.Command("curl", append([]string{"--silent", "--show-error"}, args...)...)
}

func wantCurlExit(t *testing.T, p *process, code int) {
	t.Helper()
	if got := p.exitWithin(maxTransfer); got != code {
		t.Errorf("curl ended with exit code %d, want %d; it said %q", got, code, &p.stderr)
	}
}

// The main job: the host's curl reaches the page.
func TestWelcomePage(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	p := up(t)
	page, trace := curl(t, 0, "-v", site+"/")
	if !strings.Contains(trace, "< HTTP/1.1 200 OK") || !strings.Contains(page, "</html>") {
		t.Errorf("the page is\n%s\n%s", trace, page)
	}
	for _, want := range []string{"MSS", "1460", "cwnd", "198.18.0.1"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not tell %q of this connection:\n%s", want, page)
		}
	}
	p.until("the request in the access log", func() bool {
		return strings.Contains(p.stdout.String(), `"GET / HTTP/1.1" 200`)
	})
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	up(t)
	t.Run("HEAD", func(t *testing.T) {
		head, _ := curl(t, 0, "-I", site+"/bytes/1000")
		if !strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n") || !strings.Contains(head, "Content-Length: 1000\r\n") {
			t.Errorf("head:\n%s", head)
		}
	})
	t.Run("range", func(t *testing.T) {
		got, _ := curl(t, 0, "-r", "65-69", "-w", "%{http_code}", site+"/bytes/1000")
		if want := "ABCDE206"; got != want {
			t.Errorf("bytes 65 to 69 and the code: %q, want %q", got, want)
		}
	})
	t.Run("method not allowed", func(t *testing.T) {
		head, _ := curl(t, 0, "-i", "-X", "DELETE", site+"/")
		if !strings.HasPrefix(head, "HTTP/1.1 405 ") || !strings.Contains(head, "Allow: GET, HEAD, OPTIONS\r\n") {
			t.Errorf("DELETE:\n%s", head)
		}
	})
	t.Run("two requests on one connection", func(t *testing.T) {
		got, _ := curl(t, 0, "-w", "%{num_connects} ", site+"/hello", site+"/hello")
		if want := "hello\n1 hello\n0 "; got != want {
			t.Errorf("bodies and connections made: %q, want %q", got, want)
		}
	})
	t.Run("many connections at a time", func(t *testing.T) {
		var urls []string
		for i := range 50 {
			urls = append(urls, fmt.Sprintf("%s/bytes/%d", site, 10000+i))
		}
		got, _ := curl(t, 0, append([]string{"--parallel", "--no-keepalive", "--http1.0"}, urls...)...)
		if want := 50*10000 + 49*50/2; len(got) != want {
			t.Errorf("%d bytes over 50 connections, want %d", len(got), want)
		}
	})
}

// A port nobody listens on refuses at once: curl's exit code is 7.
func TestRefused(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	up(t)
	if _, msg := curl(t, 7, "-v", site+":81/"); !strings.Contains(msg, "refused") {
		t.Errorf("curl said %q, want it refused", msg)
	}
}

func TestMTU(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	for _, mtu := range []int{576, 9000, 65535} {
		t.Run(fmt.Sprint(mtu), func(t *testing.T) {
			up(t, fmt.Sprintf("--mtu=%d", mtu))
			page, _ := curl(t, 0, site+"/")
			if want := fmt.Sprint(mtu - 40); !strings.Contains(page, want) {
				t.Errorf("the page does not tell of an MSS of %s:\n%s", want, page)
			}
			if got, _ := curl(t, 0, site+"/bytes/1MiB"); len(got) != 1<<20 {
				t.Errorf("%d bytes, want 1 MiB", len(got))
			}
		})
	}
}
