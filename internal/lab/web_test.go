package lab

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// browser is an HTTP client on the host that knows the web server's address.
func browser(t *testing.T, l *Lab) *http.Client {
	t.Helper()
	tr := &http.Transport{DialContext: l.Node("host").DialContext, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport:     tr,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func get(t *testing.T, c *http.Client, host, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+webAddr.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// The page and what it consists of arrive whole, each with what a cache needs to know.
func TestSite(t *testing.T) { synctest.Test(t, testSite) }

func testSite(t *testing.T) {
	l := newLab(t, Config{})
	c := browser(t, l)
	_, index := get(t, c, "www.google.com", "/")
	for path, want := range map[string]string{
		"/":           "no-cache",
		"/style.css":  "public, max-age=3600",
		"/logo.svg":   "public, max-age=86400",
		"/doodle.png": "public, max-age=31536000, immutable",
	} {
		resp, body := get(t, c, "www.google.com", path)
		if resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != want || fmt.Sprint(len(body)) != resp.Header.Get("Content-Length") {
			t.Errorf("%s: %s, %d bytes, %v", path, resp.Status, len(body), resp.Header)
		}
		if resp.Header.Get("Last-Modified") != "Sun, 27 Sep 1998 09:00:00 GMT" || resp.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %v", path, resp.Header)
		}
		if path != "/" && !strings.Contains(index, `"`+path+`"`) {
			t.Errorf("the page does not name %s", path)
		}
		again, body := get(t, c, "www.google.com", path, "If-None-Match", resp.Header.Get("Etag"))
		if again.StatusCode != 304 || body != "" || again.Header.Get("Etag") != resp.Header.Get("Etag") {
			t.Errorf("%s, if it has changed: %s", path, again.Status)
		}
	}
}

// google.com leads to www.google.com; what there is not is not found, and nothing can be posted.
func TestSiteRefuses(t *testing.T) { synctest.Test(t, testSiteRefuses) }

func testSiteRefuses(t *testing.T) {
	l := newLab(t, Config{})
	c := browser(t, l)
	resp, _ := get(t, c, "google.com", "/style.css?x")
	if resp.StatusCode != 301 || resp.Header.Get("Location") != "http://www.google.com/style.css?x" {
		t.Errorf("google.com: %s, %v", resp.Status, resp.Header)
	}
	if resp, _ = get(t, c, "www.google.com", "/nothing"); resp.StatusCode != 404 {
		t.Errorf("nothing: %s", resp.Status)
	}
	post, err := c.Post("http://"+webAddr.String()+"/", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	post.Body.Close()
	if post.StatusCode != 405 || post.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %s, %v", post.Status, post.Header)
	}
}
