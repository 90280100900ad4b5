package httpd

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs the test in virtual time, with a server on pipes.
func bubble(t *testing.T, f func(t *testing.T, p *pipes)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{
			ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
			WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		})
		p := newPipes()
		serve(t, s, p)
		f(t, p)
		time.Sleep(5 * time.Second) // the clients' goroutines notice the end
	})
}

// wantClosed reads until the server closes, which is to be within the time.
func wantClosed(t *testing.T, c io.Reader, after time.Duration) {
	t.Helper()
	start := time.Now()
	_, _ = io.Copy(io.Discard, c) // how a pipe ends does not matter
	if took := time.Since(start); took < after/2 || took > after+time.Second {
		t.Errorf("closed after %v, want %v", took, after)
	}
}

func TestHeaderThatDripsIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer c.Close()
		go func() {
			fmt.Fprint(c, "GET /hello HTTP/1.1\r\n")
			for i := 0; ; i++ {
				time.Sleep(time.Second)
				if _, err := fmt.Fprintf(c, "X-%d: drip\r\n", i); err != nil {
					return
				}
			}
		}()
		wantClosed(t, c, 10*time.Second)
	})
}

func TestIdleConnectionIsClosed(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer c.Close()
		fmt.Fprint(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
		br := bufio.NewReader(c)
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, resp.Body)
		wantClosed(t, br, 2*time.Minute)
	})
}

// A reader that takes 4 KiB/s needs more than four minutes for 1 MiB: each
// write has its minute, not all of them together.
func TestSlowReaderGetsAll(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer c.Close()
		fmt.Fprint(c, "GET /bytes/1MiB HTTP/1.1\r\nHost: a\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReaderSize(c, 4096), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for err == nil {
			_, err = io.CopyN(&got, resp.Body, 4096)
			time.Sleep(time.Second)
		}
		if err != io.EOF || got.String() != pattern251(0, 1<<20) {
			t.Errorf("%v after %d bytes, want EOF after all", err, got.Len())
		}
	})
}

func TestReaderThatStallsIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer c.Close()
		fmt.Fprint(c, "GET /bytes/1MiB HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, err := io.CopyN(io.Discard, c, 300<<10); err != nil {
			t.Fatal(err)
		}
		time.Sleep(61 * time.Second)
		rest, err := io.Copy(io.Discard, c)
		if rest > 0 {
			t.Errorf("%d bytes came after the stall (%v), want none", rest, err)
		}
	})
}

func TestSlowUploadArrives(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer c.Close()
		const size = 512 << 10
		go func() {
			fmt.Fprintf(c, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size)
			for range size / 4096 { // more than two minutes
				time.Sleep(time.Second)
				if _, err := c.Write(make([]byte, 4096)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, resp.Body); !strings.HasPrefix(got, "bytes: 524288\n") {
			t.Errorf("answer %q", got)
		}
		time.Sleep(90 * time.Second) // the body's deadline is no more
		fmt.Fprint(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Errorf("the connection did not outlive the upload: %v", err)
		}
	})
}

func TestUploadThatStallsIsDropped(t *testing.T) {
	for _, path := range []string{"/upload", "/hello"} { // read by the handler, and by net/http
		t.Run(path, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *pipes) {
				c := p.dial()
				defer c.Close()
				go fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nstall", path)
				wantClosed(t, c, time.Minute)
			})
		})
	}
}

// A client that expects 100 Continue is refused before it sends the content, at once, and told
// that its connection closes (RFC 9110 section 10.1.1).
func TestUploadIsRefusedBeforeItIsSent(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer c.Close()
		fmt.Fprint(c, "PUT /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
		start := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); resp.StatusCode != http.StatusMethodNotAllowed || !resp.Close || took > 0 {
			t.Errorf("%s after %v, close %t; want 405 and close at once", resp.Status, took, resp.Close)
		}
	})
}
