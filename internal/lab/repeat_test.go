package lab

import (
	"bytes"
	"context"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/capture"
	"github.com/tinystack/tinystack/internal/tracehttp"
	"github.com/tinystack/tinystack/internal/tracetest"
	"github.com/tinystack/tinystack/trace"
)

// recording is what passes at both ends of some wires, as pcapng, by the end's name.
type recording struct {
	files map[string]*bytes.Buffer
	stop  []func()
	done  sync.WaitGroup
}

func record(t *testing.T, l *Lab, wires ...string) *recording {
	t.Helper()
	r := &recording{files: map[string]*bytes.Buffer{}}
	for _, name := range wires {
		near, far := l.Wire(name).Ends()
		for _, end := range []End{near, far} {
			rec, err := capture.Start(end.Device, capture.Options{Queue: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			b := new(bytes.Buffer)
			r.files[end.Node.Name()+"/"+end.Device.Name()] = b
			r.stop = append(r.stop, rec.Stop)
			r.done.Go(func() {
				if err := rec.Write(b); err != nil {
					t.Error(err)
				}
			})
		}
	}
	return r
}

func (r *recording) end() map[string]string {
	for _, stop := range r.stop {
		stop()
	}
	r.done.Wait()
	files := map[string]string{}
	for name, b := range r.files {
		files[name] = b.String()
	}
	return files
}

// surf is a browser's visit: the page and what it consists of, one after the other.
func surf(t *testing.T, l *Lab) {
	t.Helper()
	host := l.Node("host")
	plain := &http.Transport{DialContext: host.DialContext, DisableCompression: true}
	client := &http.Client{Transport: tracehttp.Transport(host.Trace(), plain), Timeout: time.Minute}
	for _, path := range []string{"/", "/style.css", "/logo.svg", "/doodle.png"} {
		resp, err := client.Get("http://www.google.com" + path)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if p, _ := site(); !bytes.Equal(body.Bytes(), p[path].body) {
			t.Errorf("%s came as %d other bytes", path, body.Len())
		}
		time.Sleep(time.Millisecond) // a browser draws
	}
	client.CloseIdleConnections()
	time.Sleep(2 * time.Minute) // TIME-WAIT
}

// bad makes the access line lose, delay and reorder.
func bad(t *testing.T, l *Lab) {
	t.Helper()
	w := l.Wire("access")
	cfg := w.Impairment()
	cfg.Loss, cfg.Reorder, cfg.Duplicate, cfg.Jitter = 0.02, 0.02, 0.01, time.Millisecond
	if err := w.Impair(cfg); err != nil {
		t.Fatal(err)
	}
}

// The page comes over the lab, from the question for its name to the end of TIME-WAIT,
// and every packet sent and every drop on the way has a cause, also on a bad wire.
func TestPage(t *testing.T) {
	for name, setUp := range map[string]func(*testing.T, *Lab){"good": func(*testing.T, *Lab) {}, "bad": bad} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testPage(t, setUp) })
		})
	}
}

func testPage(t *testing.T, setUp func(*testing.T, *Lab)) {
	l := newLab(t, Config{Seed: 3})
	log := tracetest.Listen(t, l.Trace())
	setUp(t, l)
	surf(t, l)
	for kind := trace.Call; kind <= trace.Response; kind++ {
		found := log.Events(func(e *trace.Event) bool { return e.Kind == kind })
		if len(found) == 0 && kind != trace.Dropped && kind != trace.CacheHit {
			t.Errorf("no event of kind %v", kind)
		}
	}
	responses := log.Events(func(e *trace.Event) bool { return e.Kind == trace.Response && e.Node == "host" })
	if len(responses) != 4 {
		t.Fatalf("%d responses", len(responses))
	}
	s := log.Story(responses[0])
	for _, line := range []string{
		"host | call | dial", "host | sent |  | SYN", "web | sent |  | SYN-ACK", "host | received", "host | request", "host | call | write",
		"web | request", "web | response", "web | call | write", "web | sent |  | data", "host | received", "host | response",
	} {
		at := strings.Index(s, line)
		if at < 0 {
			t.Fatalf("%q is not, or not then, in the story\n%s", line, log.Story(responses[0]))
		}
		s = s[at:]
	}
}

// The same seed gives the same captures, byte for byte, comments and all, and another seed
// another one.
func TestRepeats(t *testing.T) {
	for name, setUp := range map[string]func(*testing.T, *Lab){"good": func(*testing.T, *Lab) {}, "bad": bad} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(seed uint64) (files map[string]string) {
				synctest.Test(t, func(t *testing.T) {
					l := newLab(t, Config{Seed: seed})
					defer l.Trace().Subscribe(func(*trace.Event) {})()
					setUp(t, l)
					r := record(t, l, "lan", "access", "isp", "root", "web")
					surf(t, l)
					files = r.end()
				})
				return files
			}
			first := run(1)
			const repeats = 20
			for i := range repeats {
				for end, again := range run(1) {
					if again != first[end] {
						t.Fatalf("run %d: the capture at %s is another one:\n%s", i+2, end, difference(first[end], again))
					}
				}
			}
			if run(2)["host/eth0"] == first["host/eth0"] {
				t.Error("another seed gives the same")
			}
		})
	}
}

// difference is where two captures begin to differ.
func difference(a, b string) string {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	from := max(0, at-200)
	return hex.Dump([]byte(a[from:min(len(a), at+200)])) + "and\n" + hex.Dump([]byte(b[from:min(len(b), at+200)]))
}

// In real time, as people have it, the lab does the same.
func TestRealTime(t *testing.T) {
	t.Parallel()
	l := newLab(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	began := time.Now()
	c, err := l.Node("host").DialContext(ctx, "tcp", "www.google.com:80")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	var least time.Duration // of the handshake alone
	for _, name := range []string{"lan", "access", "backbone", "peering", "web"} {
		least += 2 * l.Wire(name).Impairment().Delay
	}
	if took := time.Since(began); took < least {
		t.Errorf("it took %v, and the wires alone %v", took, least)
	}
}
