package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// newPlace is a place with a directory of its own, for one network namespace.
func newPlace(t *testing.T) place {
	t.Helper()
	base, err := os.MkdirTemp("", "control") // t.TempDir's path may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	return place{dirs: []string{filepath.Join(base, "run")}, namespace: "1"}
}

// in is the same place as seen from another network namespace.
func (p place) in(namespace string) place {
	p.namespace = namespace
	return p
}

// listen starts an instance that says its name.
func listen(t *testing.T, p place, dev string) *Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/name", func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, map[string]any{"schema": Schema, "name": dev + "." + p.namespace})
	})
	mux.HandleFunc("GET /v1/future", func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, map[string]any{"schema": Schema + 1})
	})
	mux.HandleFunc("GET /v1/busy", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too many of them", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("GET /v1/stream", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begin ")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		_, _ = io.WriteString(w, "end")
	})
	s, err := p.listen(dev, mux)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// wantName dials and asks who is there.
func wantName(t *testing.T, p place, dev, want string) {
	t.Helper()
	c, err := p.dial(dev)
	if err != nil {
		t.Errorf("dial %q: %v", dev, err)
		return
	}
	defer c.Close()
	var answer struct{ Name string }
	if err := c.JSON(t.Context(), "/v1/name", &answer); err != nil || answer.Name != want {
		t.Errorf("dial %q reached %q, %v; want %q", dev, answer.Name, err, want)
	}
}

// wantNone dials, which must fail for the reason and in a sentence with these words.
func wantNone(t *testing.T, p place, dev string, reason error, words ...string) {
	t.Helper()
	_, err := p.dial(dev)
	if !errors.Is(err, reason) {
		t.Errorf("dial %q: %v, want %v", dev, err, reason)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("dial %q says %q, want %q in it", dev, err, w)
		}
	}
}

func TestNoInstance(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	wantNone(t, p, "", ErrNone, "no instance is running", "tinystack up")
	wantNone(t, p, "t0", ErrNone, "no instance on t0 is running")
	listen(t, p, "t1")
	wantNone(t, p, "t0", ErrNone, "no instance on t0 is running")
}

func TestOneInstance(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := listen(t, p, "a.b") // a device's name may have dots
	wantName(t, p, "", "a.b.1")
	wantName(t, p, "a.b", "a.b.1")
	for path, want := range map[string]fs.FileMode{s.Path(): fs.ModeSocket | 0o600, filepath.Dir(s.Path()): fs.ModeDir | 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(s.Path())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close the directory gives %v, want it gone", err)
	}
	wantNone(t, p, "", ErrNone)
}

func TestTwoInstances(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	listen(t, p, "t1")
	listen(t, p, "t0")
	wantNone(t, p, "", ErrAmbiguous, "several instances are running", "--dev t0 or --dev t1")
	wantName(t, p, "t0", "t0.1")
	wantName(t, p, "t1", "t1.1")
}

// Devices in several network namespaces may have one name: that in the caller's is meant.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	listen(t, p, "t0")
	listen(t, p.in("2"), "t0")
	wantName(t, p, "", "t0.1")
	wantName(t, p.in("2"), "t0", "t0.2")
	wantNone(t, p.in("3"), "t0", ErrAmbiguous, "several network namespaces")
	listen(t, p.in("2"), "t2")
	wantName(t, p, "t2", "t2.2") // there is but one of it
}

func TestLiveInstanceIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	listen(t, p, "t0")
	if _, err := p.listen("t0", http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), "another instance on t0") {
		t.Errorf("a second instance on the same device: %v, want it refused", err)
	}
	wantName(t, p, "t0", "t0.1")
}

// A killed instance leaves its socket. Whoever dials is told; the next instance
// removes it, whatever its own device.
func TestStaleSocket(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	dir, err := p.makeDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, dev := range []string{"t0", "t9"} {
		ln, err := bind(p.path(dir, dev))
		if err != nil {
			t.Fatal(err)
		}
		ln.Close() // and the file stays, as after a kill
	}
	wantNone(t, p, "t0", ErrStale, "the instance on t0 is gone", p.path(dir, "t0"))
	listen(t, p, "t0")
	wantName(t, p, "", "t0.1")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v are left, want the one socket", entries, err)
	}
}

// Only a directory of our own, closed to all others, is used.
func TestDirectory(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	open, file := p.dirs[0], p.dirs[0]+"2"
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o755), os.WriteFile(file, nil, 0o600), os.Symlink(os.TempDir(), file+"l")); err != nil {
		t.Fatal(err)
	}
	p.dirs = []string{open, file, file + "l", filepath.Join(file, "x")}
	_, err := p.listen("t0", http.NotFoundHandler())
	if err == nil || !strings.Contains(err.Error(), "is open to others") {
		t.Errorf("listen: %v, want that the directory is open to others", err)
	}
	p.dirs = p.dirs[:1]
	wantNone(t, p, "", ErrNone, "to be seen", open+" is open to others: its mode is -rwxr-xr-x, want 0700")
	p.dirs = append(p.dirs, file, file+"l", filepath.Join(file, "x"), file+"3")
	if s := listen(t, p, "t0"); filepath.Dir(s.Path()) != file+"3" {
		t.Errorf("the socket is %s, want it in %s", s.Path(), file+"3")
	}
	wantName(t, p, "", "t0.1")
}

func TestPathTooLong(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.dirs[0] += strings.Repeat("x", maxPath)
	if _, err := p.listen("t0", http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), "longer than 103 bytes") {
		t.Errorf("listen: %v, want that the path is too long", err)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	listen(t, p, "t0")
	c, err := p.dial("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Device() != "t0" {
		t.Errorf("the device is %q", c.Device())
	}
	for path, want := range map[string]string{
		"/v1/busy":       "the instance on t0: too many of them",
		"/v1/nothing?x=": "the instance on t0 is of a version without /v1/nothing",
		"/v1/future":     fmt.Sprintf("answers by schema %d, and this program reads schema %d", Schema+1, Schema),
		"/v1/%":          "invalid URL escape",
	} {
		var v any
		if err := c.JSON(t.Context(), path, &v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// Close ends streams in good order: the handler writes its last words.
func TestCloseEndsStreams(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := listen(t, p, "t0")
	c, err := p.dial("t0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	resp, err := c.Get(ctx, "/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "begin end" {
		t.Errorf("the stream is %q, %v; want %q, nil", b, err, "begin end")
	}
	if _, err := c.Get(ctx, "/v1/name"); err == nil || strings.Contains(err.Error(), "http:") {
		t.Errorf("after Close: %v, want an error without a URL", err)
	}
}

func TestHere(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/xdg")
	t.Setenv("TMPDIR", "/t")
	t.Setenv(RuntimeDirVar, "")
	want := []string{"/run/tinystack", "/xdg/tinystack", fmt.Sprintf("/t/tinystack-%d", os.Geteuid())}
	if got := here().dirs; !slices.Equal(got, want) {
		t.Errorf("directories %q, want %q", got, want)
	}
	t.Setenv("XDG_RUNTIME_DIR", "relative") // which the specification has us ignore
	if got := here().dirs; len(got) != 2 {
		t.Errorf("directories %q, want two", got)
	}
	t.Setenv(RuntimeDirVar, "/only")
	if got := here().dirs; !slices.Equal(got, []string{"/only"}) {
		t.Errorf("directories %q, want /only", got)
	}
}

// A connection that nobody answers on does not hold Close up for long.
func TestCloseWithIdleConnection(t *testing.T) {
	t.Parallel()
	s := listen(t, newPlace(t), "t0")
	c, err := net.Dial("unix", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begin := time.Now()
	if err := s.Close(); err != nil || time.Since(begin) > 10*time.Second {
		t.Errorf("Close gave %v after %v", err, time.Since(begin))
	}
}
