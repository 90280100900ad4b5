package httpd

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// curl is the client that all this is for.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("there is no curl")
	}
	args = append([]string{"-q", "-sS", "--noproxy", "*", "--max-time", "60"}, args...)
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestCurl(t *testing.T) {
	t.Parallel()
	dir := newWWW(t, map[string]string{"f.txt": text, "sub/index.html": "sub"})
	base := "http://" + listen(t, newServer(t, Config{WWW: dir})) + "/"
	file := filepath.Join(t.TempDir(), "file")

	if got := curl(t, "--path-as-is", "-o", os.DevNull, "-w", "%{http_code}", base+"../../etc/passwd"); got != "404" {
		t.Errorf("path as it is: %s", got)
	}
	if got := curl(t, base+"f.txt"); got != text {
		t.Errorf("plain: %d bytes", len(got))
	}
	if got := curl(t, "--compressed", base+"f.txt"); got != text {
		t.Errorf("compressed: %d bytes", len(got))
	}
	if got := curl(t, "-L", base+"sub"); got != "sub" {
		t.Errorf("redirected: %q", got)
	}
	writeFile(t, file, text[:777])
	curl(t, "-C", "-", "-o", file, base+"f.txt")
	if got, err := os.ReadFile(file); err != nil || string(got) != text {
		t.Errorf("resumed: %d bytes, %v", len(got), err)
	}
	etag := filepath.Join(t.TempDir(), "etag")
	curl(t, "--etag-save", etag, "-o", file, base+"f.txt")
	if got := curl(t, "--etag-compare", etag, "-w", "%{http_code}", base+"f.txt"); got != "304" {
		t.Errorf("same again: %s", clip(got))
	}
	if got := curl(t, "-z", filepath.Join(dir, "f.txt"), "-w", "%{http_code}", base+"f.txt"); got != "304" {
		t.Errorf("not newer than itself: %s", clip(got))
	}
	if got := curl(t, "-r", "0-3", base+"bytes/1GiB"); got != "\x00\x01\x02\x03" {
		t.Errorf("range: %q", got)
	}
	if got := curl(t, "--http1.0", base+"hello", base+"hello"); got != "hello\nhello\n" {
		t.Errorf("HTTP/1.0: %q", got)
	}
	if got := curl(t, "--http2", base+"hello"); got != "hello\n" { // asks for an upgrade, which is declined
		t.Errorf("HTTP/2: %q", got)
	}
}

func TestCurlUploads(t *testing.T) {
	t.Parallel()
	base := "http://" + listen(t, newServer(t, Config{})) + "/"
	file := filepath.Join(t.TempDir(), "file")
	curl(t, "-o", file, base+"bytes/20MiB")
	want := fmt.Sprintf("bytes: %d\nsha256: %x\n", 20<<20, sha256.Sum256([]byte(pattern251(0, 20<<20))))
	for _, how := range [][]string{
		{"-T", file}, // Expect: 100-continue
		{"--data-binary", "@" + file},
		{"-T", file, "-H", "Transfer-Encoding: chunked"},
	} {
		if got := curl(t, append(how, base+"upload")...); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", how, got, want)
		}
	}
}
