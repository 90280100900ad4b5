package httpd

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHello(t *testing.T) {
	t.Parallel()
	h := newServer(t, Config{}).Handler()
	got := ask(t, h, "GET", "/hello")
	got.want(t, "hello", http.StatusOK)
	got.wantHeader(t, "hello", "Content-Length", "6")
	if got.body != "hello\n" {
		t.Errorf("body %q", got.body)
	}
}

func TestParseCount(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int64{
		"0": 0, "1": 1, "007": 7, "1KiB": 1 << 10, "3MiB": 3 << 20, "1024GiB": 1 << 40, "1099511627776": 1 << 40,
		"": -1, "-1": -1, "+1": -1, "1.5": -1, "1kib": -1, "KiB": -1, "1KiBKiB": -1, "0x10": -1, "1_000": -1, " 1": -1,
		"1099511627777": -1, "1025GiB": -1, "99999999999999999999": -1, "18446744073709551615GiB": -1, "1/": -1,
	} {
		n, ok := parseCount(s)
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d, %t, want %d", s, n, ok, want)
		}
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	h := newServer(t, Config{}).Handler()
	for _, n := range []int{0, 1, 250, 251, 252, piece - 1, piece, piece + 1, 3*piece + 77} {
		path := fmt.Sprintf("/bytes/%d", n)
		got := ask(t, h, "GET", path)
		got.want(t, path, http.StatusOK)
		got.wantHeader(t, path, "Content-Length", fmt.Sprint(n))
		if got.body != pattern251(0, n) {
			t.Errorf("%s: wrong bytes", path)
		}
	}
	got := ask(t, h, "HEAD", "/bytes/1024GiB")
	got.wantHeader(t, "HEAD", "Content-Length", "1099511627776")
	got.wantHeader(t, "HEAD", "Accept-Ranges", "bytes")
	for _, bad := range []string{"/bytes/", "/bytes/x", "/bytes/-1", "/bytes/1/2", "/bytes/1025GiB"} {
		ask(t, h, "GET", bad).want(t, bad, http.StatusBadRequest)
	}
	ask(t, h, "GET", "/bytes").want(t, "/bytes", http.StatusNotFound)
	ask(t, h, "GET", "/bytes/9", "If-None-Match", ask(t, h, "GET", "/bytes/9").header.Get("ETag")).
		want(t, "again", http.StatusNotModified)
}

func TestPatternSeeks(t *testing.T) {
	t.Parallel()
	p := &pattern{size: 1000}
	for _, c := range []struct {
		offset int64
		whence int
		from   int
	}{{300, io.SeekStart, 300}, {-1000, io.SeekCurrent, 0}, {-1, io.SeekEnd, 999}, {5, io.SeekEnd, 1000}} {
		if _, err := p.Seek(c.offset, c.whence); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, p); got != pattern251(c.from, 1000) {
			t.Errorf("after Seek(%d, %d): %d bytes", c.offset, c.whence, len(got))
		}
	}
	if _, err := p.Seek(-1, io.SeekStart); err == nil {
		t.Error("a negative offset is no error")
	}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	h := newServer(t, Config{MaxUpload: 1 << 20}).Handler()
	for _, body := range []string{"", "x", strings.Repeat("tiny", 1<<18)} {
		for _, method := range []string{"POST", "PUT"} {
			r := httptest.NewRequest(method, "/upload", strings.NewReader(body))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			want := fmt.Sprintf("bytes: %d\nsha256: %x\n", len(body), sha256.Sum256([]byte(body)))
			if w.Code != 200 || !strings.HasPrefix(w.Body.String(), want) {
				t.Errorf("%s of %d bytes: %d %q", method, len(body), w.Code, w.Body)
			}
		}
	}
	for status, body := range map[int]io.Reader{
		http.StatusRequestEntityTooLarge: strings.NewReader(strings.Repeat("x", 1<<20+1)),
		http.StatusBadRequest:            io.MultiReader(strings.NewReader("x"), broken{}),
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/upload", body))
		if w.Code != status || w.Header().Get("Connection") != "close" {
			t.Errorf("status %d, want %d; %v", w.Code, status, w.Header())
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken") }

// discard is a ResponseWriter that keeps its header map.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// A hello costs the writer and its controller, and no more.
func TestHelloAllocates(t *testing.T) {
	s := newServer(t, Config{WriteTimeout: -1})
	w := discard{make(http.Header)}
	r := httptest.NewRequest("GET", "/hello", nil)
	if n := testing.AllocsPerRun(1000, func() { s.site.ServeHTTP(w, r) }); n > 2 {
		t.Errorf("%.0f allocations, want 2 at most", n)
	}
}

func BenchmarkHello(b *testing.B) {
	s := newServer(b, Config{})
	w := discard{make(http.Header)}
	r := httptest.NewRequest("GET", "/hello", nil)
	b.ReportAllocs()
	for b.Loop() {
		s.site.ServeHTTP(w, r)
	}
}

func BenchmarkBytes(b *testing.B) {
	addr := listen(b, newServer(b, Config{}))
	const size = 64 << 20
	b.SetBytes(size)
	for b.Loop() {
		resp, err := http.Get("http://" + addr + "/bytes/64MiB")
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			b.Fatal(n, err)
		}
		resp.Body.Close()
	}
}

// The path is the handler's where there is one, and a file's where there is none.
func TestMetrics(t *testing.T) {
	t.Parallel()
	www := newWWW(t, map[string]string{"metrics": "a file"})
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a 1\n")) })
	for _, tt := range []struct {
		cfg    Config
		status int
		body   string
	}{
		{Config{}, http.StatusNotFound, "Not Found\n"},
		{Config{WWW: www}, http.StatusOK, "a file"},
		{Config{WWW: www, Metrics: metrics}, http.StatusOK, "a 1\n"},
	} {
		got := ask(t, newServer(t, tt.cfg).Handler(), "GET", "/metrics")
		got.want(t, "metrics", tt.status)
		if got.body != tt.body {
			t.Errorf("GET /metrics gave %q, want %q", got.body, tt.body)
		}
	}
}
