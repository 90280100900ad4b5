package httpd

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode"
)

// lines is a writer that wants whole lines, one at a time.
type lines struct {
	t    *testing.T
	busy sync.Mutex
	all  []string
}

func (l *lines) Write(p []byte) (int, error) {
	if !l.busy.TryLock() {
		l.t.Error("two writes at once")
		return 0, nil
	}
	defer l.busy.Unlock()
	if bytes.Count(p, []byte("\n")) != 1 || p[len(p)-1] != '\n' {
		l.t.Errorf("not one line: %q", p)
	}
	l.all = append(l.all, string(p))
	return len(p), nil
}

var combined = regexp.MustCompile(
	`^(\S+) - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [-+]\d{4}\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"\n$`)

func TestAccessLog(t *testing.T) {
	t.Parallel()
	out := &lines{t: t}
	s := newServer(t, Config{AccessLog: out, WWW: newWWW(t, map[string]string{"f.bin": strings.Repeat("x", 200_000)})})
	for _, c := range []struct{ method, target, request, status, bytes string }{
		{"GET", "/hello", "GET /hello HTTP/1.1", "200", "6"},
		{"HEAD", "/hello", "HEAD /hello HTTP/1.1", "200", "-"},
		{"GET", "/bytes/100000?q=1", "GET /bytes/100000?q=1 HTTP/1.1", "200", "100000"},
		{"GET", "/f.bin", "GET /f.bin HTTP/1.1", "200", "200000"},
		{"GET", "/no", "GET /no HTTP/1.1", "404", "10"},
		{"OPTIONS", "/", "OPTIONS / HTTP/1.1", "204", "-"},
	} {
		ask(t, s.Handler(), c.method, c.target, "Referer", "http://r/", "User-Agent", "test/1")
		m := combined.FindStringSubmatch(out.all[len(out.all)-1])
		want := []string{"192.0.2.1", c.request, c.status, c.bytes, "http://r/", "test/1"}
		if m == nil || strings.Join(m[1:], "|") != strings.Join(want, "|") {
			t.Errorf("%q has the fields %q, want %q", out.all[len(out.all)-1], m, want)
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				ask(t, s.Handler(), "GET", "/hello")
			}
		})
	}
	wg.Wait()
	if len(out.all) != 6+400 {
		t.Errorf("%d lines", len(out.all))
	}
}

func FuzzAccessLog(f *testing.F) {
	f.Add("/\"x", "a\r\n127.0.0.1 - - forged", "\x1b[2J\\")
	f.Add("", strings.Repeat("\xff", 3*maxLogField), "\u2028é\x7f")
	f.Fuzz(func(t *testing.T, uri, referer, agent string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RequestURI = uri
		r.Header["Referer"], r.Header["User-Agent"] = []string{referer}, []string{agent}
		line := appendLogLine(nil, newWriter(httptest.NewRecorder(), 0), r, testTime)
		// Whatever a client sends, the line parses, is one, and is printable ASCII.
		if !combined.Match(line) || len(line) > 4*4*(maxLogField+10) {
			t.Fatalf("not a combined line: %q", line)
		}
		if i := bytes.IndexFunc(line[:len(line)-1], func(c rune) bool { return c > unicode.MaxASCII || !unicode.IsPrint(c) }); i >= 0 {
			t.Fatalf("byte %d of %q", i, line)
		}
	})
}

type full struct{ err error }

func (f *full) Write(p []byte) (int, error) { return len(p), f.err }

// A log that can't be written is said once, not at each request, and not to the client.
func TestAccessLogFails(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	out := &full{errors.New("disk full")}
	h := newServer(t, Config{AccessLog: out, Logger: slog.New(slog.NewTextHandler(&log, nil))}).Handler()
	for _, err := range []error{out.err, out.err, nil, out.err} {
		out.err = err
		ask(t, h, "GET", "/hello").want(t, "hello", 200)
	}
	if n := strings.Count(log.String(), "disk full"); n != 2 {
		t.Errorf("said %d times, want 2:\n%s", n, log.String())
	}
}
