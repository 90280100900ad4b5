package httpd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

var text = strings.Repeat("all work and no play\n", 1000)

func TestMethods(t *testing.T) {
	t.Parallel()
	s := newServer(t, Config{WWW: newWWW(t, map[string]string{"a.txt": "a"})})
	for path, allow := range map[string]string{
		"/": "GET, HEAD, OPTIONS", "/a.txt": "GET, HEAD, OPTIONS", "/missing": "GET, HEAD, OPTIONS",
		"/hello": "GET, HEAD, OPTIONS", "/bytes/1": "GET, HEAD, OPTIONS", "/welcome": "GET, HEAD, OPTIONS",
		"/.env": "GET, HEAD, OPTIONS", "/upload": "OPTIONS, POST, PUT",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get"} {
			got := ask(t, s.Handler(), method, path)
			if strings.Contains(allow+",", method+",") {
				if got.status == 405 {
					t.Errorf("%s %s: 405", method, path)
				}
				continue
			}
			got.want(t, method+" "+path, http.StatusMethodNotAllowed)
			got.wantHeader(t, method+" "+path, "Allow", allow)
		}
		got := ask(t, s.Handler(), "OPTIONS", path)
		got.want(t, "OPTIONS "+path, http.StatusNoContent)
		got.wantHeader(t, "OPTIONS "+path, "Allow", allow)
	}
}

func TestTypes(t *testing.T) {
	t.Parallel()
	files := map[string][2]string{
		"a.txt":   {"x", "text/plain; charset=utf-8"},
		"a.html":  {"x", "text/html; charset=utf-8"},
		"a.css":   {"x", "text/css; charset=utf-8"},
		"a.js":    {"x", "text/javascript; charset=utf-8"},
		"a.md":    {"x", "text/markdown; charset=utf-8"},
		"a.json":  {"{}", "application/json"},
		"a.svg":   {"<svg/>", "image/svg+xml"},
		"a.png":   {"x", "image/png"},
		"a.GZ":    {"x", "application/gzip"},
		"a.woff2": {"x", "font/woff2"},
		"plain":   {"words", "text/plain; charset=utf-8"},
		"binary":  {"\x00\x01\x02", "application/octet-stream"},
		"empty":   {"", "text/plain; charset=utf-8"},
		"é ü.txt": {"x", "text/plain; charset=utf-8"},
	}
	content := make(map[string]string)
	for name, f := range files {
		content[name] = f[0]
	}
	s := newServer(t, Config{WWW: newWWW(t, content)})
	for name, f := range files {
		got := askPath(s.Handler(), "/"+name)
		got.want(t, name, http.StatusOK)
		got.wantHeader(t, name, "Content-Type", f[1])
		got.wantHeader(t, name, "X-Content-Type-Options", "nosniff")
		got.wantHeader(t, name, "Content-Length", fmt.Sprint(len(f[0])))
		if got.body != f[0] {
			t.Errorf("%s: body %q", name, got.body)
		}
	}
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	dir := newWWW(t, map[string]string{
		"withindex/index.html": "the index", "list/b": "12", "list/a": "1", "list/.dot": "",
		`list/<script>"&'`: "", "list/x:y": "", "list/50% #?": "", "list/sub/f": "",
	})
	h := newServer(t, Config{WWW: dir}).Handler()

	got := ask(t, h, "GET", "/list?q=1")
	got.want(t, "no slash", http.StatusMovedPermanently)
	got.wantHeader(t, "no slash", "Location", "/list/?q=1")
	if got := ask(t, h, "GET", "/withindex/"); got.body != "the index" {
		t.Errorf("index: %d %q", got.status, got.body)
	}
	got = ask(t, h, "GET", "/list/")
	at := -1
	for _, want := range []string{ // in the order of names
		`href="50%25%20%23%3F">50% #?</a>`,
		`">&lt;script&gt;&#34;&amp;&#39;</a>`,
		`href="a">a</a></td><td class="n">1</td>`, `href="b">b</a></td><td class="n">2</td>`,
		`href="sub/">sub/</a></td><td class="n">-</td>`, `href="./x:y">x:y</a>`,
	} {
		i := strings.Index(got.body, want)
		if i < 0 || i < at {
			t.Errorf("%s is missing or not in order in\n%s", want, got.body)
		}
		at = i
	}
	if strings.Contains(got.body, ".dot") || strings.Contains(got.body, "<script>") {
		t.Errorf("listing\n%s", got.body)
	}
	ask(t, h, "GET", "/list/", "If-None-Match", got.header.Get("ETag")).want(t, "listing again", http.StatusNotModified)
}

func TestRootPage(t *testing.T) {
	t.Parallel()
	dir := newWWW(t, map[string]string{"a.txt": "a", ".env": "x"})
	h := newServer(t, Config{WWW: dir}).Handler()
	got := ask(t, h, "GET", "/")
	if !strings.Contains(got.body, "SYN") || !strings.Contains(got.body, "a.txt") || strings.Contains(got.body, ".env") {
		t.Errorf("without index.html: not the story and the files:\n%s", got.body)
	}
	writeFile(t, filepath.Join(dir, index), "mine")
	if got := ask(t, h, "GET", "/"); got.body != "mine" {
		t.Errorf("with index.html: %q", got.body)
	}
	if got := ask(t, h, "GET", "/welcome"); !strings.Contains(got.body, "SYN") {
		t.Errorf("/welcome: %q", got.body)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	h := newServer(t, Config{WWW: newWWW(t, map[string]string{"f.bin": "0123456789", "empty.bin": ""})}).Handler()
	etag := ask(t, h, "GET", "/f.bin").header.Get("ETag")
	modified := ask(t, h, "GET", "/f.bin").header.Get("Last-Modified")
	many := "bytes=" + strings.Repeat("0-0,", maxRanges) + "0-0"
	for _, c := range []struct {
		what, method, path string
		header             []string
		status             int
		body, contentRange string
	}{
		{"first", "GET", "/f.bin", []string{"Range", "bytes=0-0"}, 206, "0", "bytes 0-0/10"},
		{"middle", "GET", "/f.bin", []string{"Range", "bytes=2-4"}, 206, "234", "bytes 2-4/10"},
		{"open", "GET", "/f.bin", []string{"Range", "bytes=7-"}, 206, "789", "bytes 7-9/10"},
		{"suffix", "GET", "/f.bin", []string{"Range", "bytes=-3"}, 206, "789", "bytes 7-9/10"},
		{"suffix too long", "GET", "/f.bin", []string{"Range", "bytes=-30"}, 206, "0123456789", "bytes 0-9/10"},
		{"end too far", "GET", "/f.bin", []string{"Range", "bytes=8-99"}, 206, "89", "bytes 8-9/10"},
		{"unit's case", "GET", "/f.bin", []string{"Range", "BYTES=1-1"}, 206, "1", "bytes 1-1/10"},
		{"start too far", "GET", "/f.bin", []string{"Range", "bytes=10-"}, 416, "", "bytes */10"},
		{"unit not known", "GET", "/f.bin", []string{"Range", "lines=1-2"}, 200, "0123456789", ""},
		{"too many", "GET", "/f.bin", []string{"Range", many}, 200, "0123456789", ""},
		{"HEAD has none", "HEAD", "/f.bin", []string{"Range", "bytes=2-4"}, 200, "", ""},
		{"empty file", "GET", "/empty.bin", []string{"Range", "bytes=0-"}, 200, "", ""},
		{"If-Range holds", "GET", "/f.bin", []string{"Range", "bytes=2-4", "If-Range", etag}, 206, "234", "bytes 2-4/10"},
		{"If-Range by date", "GET", "/f.bin", []string{"Range", "bytes=2-4", "If-Range", modified}, 206, "234", "bytes 2-4/10"},
		{"If-Range fails", "GET", "/f.bin", []string{"Range", "bytes=2-4", "If-Range", `"x"`}, 200, "0123456789", ""},
		{"If-Range is weak", "GET", "/f.bin", []string{"Range", "bytes=2-4", "If-Range", "W/" + etag}, 200, "0123456789", ""},
		{"/bytes", "GET", "/bytes/1GiB", []string{"Range", "bytes=1000-1009"}, 206, pattern251(1000, 1010), "bytes 1000-1009/1073741824"},
		{"/bytes end", "GET", "/bytes/1000", []string{"Range", "bytes=-2"}, 206, pattern251(998, 1000), "bytes 998-999/1000"},
	} {
		got := ask(t, h, c.method, c.path, c.header...)
		got.want(t, c.what, c.status)
		got.wantHeader(t, c.what, "Content-Range", c.contentRange)
		if c.status != 416 && got.body != c.body {
			t.Errorf("%s: body %q, want %q", c.what, got.body, c.body)
		}
	}
}

func TestMultipleRanges(t *testing.T) {
	t.Parallel()
	h := newServer(t, Config{WWW: newWWW(t, map[string]string{"f.txt": text})}).Handler()
	for path, want := range map[string][]string{
		"/f.txt":      {text[0:5], text[100:201], text[len(text)-7:]},
		"/bytes/5000": {pattern251(0, 5), pattern251(100, 201), pattern251(4993, 5000)},
	} {
		got := ask(t, h, "GET", path, "Range", "bytes=0-4, 100-200, -7", "Accept-Encoding", "gzip")
		got.want(t, path, http.StatusPartialContent)
		_, params, err := mime.ParseMediaType(got.header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		parts := multipart.NewReader(strings.NewReader(got.body), params["boundary"])
		for _, w := range want {
			part, err := parts.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, part); got != w {
				t.Errorf("%s, %s: %q, want %q", path, part.Header.Get("Content-Range"), got, w)
			}
		}
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	h := newServer(t, Config{WWW: newWWW(t, map[string]string{"f.txt": text})}).Handler()
	first := ask(t, h, "GET", "/f.txt")
	etag, modified := first.header.Get("ETag"), first.header.Get("Last-Modified")
	if !strings.HasPrefix(etag, `"`) {
		t.Fatalf("ETag %q is not strong", etag)
	}
	zipped := strings.TrimSuffix(etag, `"`) + `-gzip"`
	old := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		what   string
		header []string
		status int
		etag   string
	}{
		{"same", []string{"If-None-Match", etag}, 304, etag},
		{"in a list", []string{"If-None-Match", `"x", ` + etag}, 304, etag},
		{"any", []string{"If-None-Match", "*"}, 304, etag},
		{"weakly", []string{"If-None-Match", "W/" + etag}, 304, etag},
		{"another", []string{"If-None-Match", `"x"`}, 200, etag},
		{"since", []string{"If-Modified-Since", modified}, 304, etag},
		{"since long", []string{"If-Modified-Since", old}, 200, etag},
		{"tag before date", []string{"If-None-Match", `"x"`, "If-Modified-Since", modified}, 200, etag},
		{"gzip, same", []string{"Accept-Encoding", "gzip", "If-None-Match", zipped}, 304, zipped},
		{"gzip, plain's tag", []string{"Accept-Encoding", "gzip", "If-None-Match", etag}, 200, zipped},
		{"plain, gzip's tag", []string{"If-None-Match", zipped}, 200, etag},
		{"match", []string{"If-Match", etag}, 200, etag},
		{"no match", []string{"If-Match", `"x"`}, 412, etag},
		{"gzip, no match", []string{"If-Match", `"x"`, "Accept-Encoding", "gzip"}, 412, zipped},
		{"unmodified", []string{"If-Unmodified-Since", old}, 412, etag},
		{"gzip'd range", []string{"Accept-Encoding", "gzip", "Range", "bytes=0-9"}, 206, etag},
		{"gzip's If-Range", []string{"Accept-Encoding", "gzip", "Range", "bytes=0-9", "If-Range", zipped}, 200, etag},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			if method == "HEAD" && c.status == 206 {
				continue
			}
			got := ask(t, h, method, "/f.txt", c.header...)
			what := method + ": " + c.what
			got.want(t, what, c.status)
			if c.what != "gzip's If-Range" || method == "GET" {
				got.wantHeader(t, what, "ETag", c.etag)
			}
			got.wantHeader(t, what, "Vary", "Accept-Encoding")
			if got.status == 304 && (got.body != "" || got.header.Get("Content-Encoding") != "") {
				t.Errorf("%s: a 304 with %q and %v", what, got.body, got.header)
			}
			if got.status == 412 && got.header.Get("Content-Encoding") != "" {
				t.Errorf("%s: an empty 412 in gzip", what)
			}
		}
	}
}

// The same size and the same modification time again: only a tag of the content,
// or of the change time, notices.
func TestETagChangesWithContent(t *testing.T) {
	t.Parallel()
	dir := newWWW(t, nil)
	name := filepath.Join(dir, "f.bin")
	h := newServer(t, Config{WWW: dir}).Handler()
	when := time.Now().Add(-time.Hour)
	seen := make(map[string]int)
	for i := range 20 {
		writeFile(t, name, fmt.Sprintf("%08d", i))
		if err := os.Chtimes(name, when, when); err != nil {
			t.Fatal(err)
		}
		tag := ask(t, h, "GET", "/f.bin").header.Get("ETag")
		if before, ok := seen[tag]; ok || !strings.HasPrefix(tag, `"`) {
			t.Fatalf("content %d has the tag %q, as has %d", i, tag, before)
		}
		seen[tag] = i
	}
}

func TestETagCache(t *testing.T) {
	t.Parallel()
	var e etags
	for i := range 2 * maxTags {
		e.store(identity{inode: uint64(i)}, "x")
	}
	if len(e.tags) != maxTags {
		t.Errorf("%d tags are kept, want %d", len(e.tags), maxTags)
	}
	if _, ok := e.lookup(identity{inode: 2*maxTags - 1}); !ok {
		t.Error("the last tag is not kept")
	}

	name := filepath.Join(t.TempDir(), "f")
	writeFile(t, name, "x")
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for age, kept := range map[time.Duration]int{0: 0, time.Hour: 1} {
		e = etags{}
		first, err := e.of(f, info, now.Add(age))
		second, again := e.of(f, info, now.Add(age))
		if err != nil || again != nil || first != second || len(e.tags) != kept {
			t.Errorf("%v after its change: %q, %q, %v, %v, %d kept", age, first, second, err, again, len(e.tags))
		}
	}
	writeFile(t, name, "changed") // since info
	if tag, err := e.of(f, info, now); tag != "" || err != nil {
		t.Errorf("of a file that changes: %q, %v, want no tag", tag, err)
	}

	id := identity{size: 1, changed: now.Add(-time.Second).UnixNano()}
	if id.settled(now) || !id.settled(now.Add(2*time.Second)) || (identity{}).settled(now) {
		t.Error("what is settled is not, or what isn't is")
	}
	if young, old := id.tag(false), id.tag(true); !strings.HasPrefix(young, `W/"`) || strings.HasSuffix(young, old) {
		t.Errorf("tags %s and %s", young, old)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	h := newServer(t, Config{WWW: newWWW(t, map[string]string{
		"f.txt": text, "short.txt": "short", "f.png": text, "f.gz": text,
	})}).Handler()
	for _, c := range []struct {
		path, accept string
		zipped       bool
	}{
		{"/f.txt", "gzip", true},
		{"/f.txt", "deflate, GZIP;q=0.5, br", true},
		{"/f.txt", "*", true},
		{"/f.txt", "", false},
		{"/f.txt", "br", false},
		{"/f.txt", "gzip;q=0", false},
		{"/f.txt", "gzip;q=0, *", false},
		{"/f.txt", "gzip;q=nonsense", false},
		{"/f.txt", "gzip;q=0.5, identity", false},
		{"/f.txt", "identity;q=0.5, gzip", true},
		{"/short.txt", "gzip", false},
		{"/f.png", "gzip", false},
		{"/f.gz", "gzip", false},
		{"/bytes/10000", "gzip", false},
	} {
		what := c.path + " for " + c.accept
		got := ask(t, h, "GET", c.path, "Accept-Encoding", c.accept)
		got.want(t, what, http.StatusOK)
		head := ask(t, h, "HEAD", c.path, "Accept-Encoding", c.accept)
		for _, name := range []string{"ETag", "Content-Encoding", "Content-Type", "Vary", "Accept-Ranges"} {
			head.wantHeader(t, "HEAD "+what, name, got.header.Get(name))
		}
		if zipped := got.header.Get("Content-Encoding") == "gzip"; zipped != c.zipped {
			t.Errorf("%s: zipped %t", what, zipped)
		}
		if !c.zipped {
			continue
		}
		z, err := gzip.NewReader(strings.NewReader(got.body))
		if err != nil {
			t.Fatal(err)
		}
		if readAll(t, z) != text || got.header.Get("Content-Length") != "" || len(got.body) > len(text)/10 {
			t.Errorf("%s: not the file, or not smaller: %d bytes, %v", what, len(got.body), got.header)
		}
	}
}

// A file of 1 TiB with nothing in it: its end is there at once, its tag is not
// made by reading it.
func TestHugeFile(t *testing.T) {
	t.Parallel()
	dir := newWWW(t, map[string]string{"huge.bin": ""})
	if err := os.Truncate(filepath.Join(dir, "huge.bin"), 1<<40); err != nil {
		t.Skip("the file system has no such files: ", err)
	}
	h := newServer(t, Config{WWW: dir}).Handler()
	got := ask(t, h, "GET", "/huge.bin", "Range", "bytes=-3")
	got.want(t, "range", http.StatusPartialContent)
	if got.body != "\x00\x00\x00" || got.header.Get("ETag") == "" {
		t.Errorf("body %q, header %v", got.body, got.header)
	}
	ask(t, h, "HEAD", "/huge.bin").wantHeader(t, "HEAD", "Content-Length", "1099511627776")
}

// What is appended after the file was opened is not sent.
func TestSnapshotEndsWhereItDid(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	writeFile(t, name, "longer than before")
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := representation{ctype: "text/plain", size: 6, content: snapshot{f, 6}}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serve(newWriter(w, 0), r) })
	got := ask(t, h, "GET", "/")
	if got.body != "longer" || got.header.Get("Content-Length") != "6" {
		t.Errorf("%q, %v", got.body, got.header)
	}
	if got := ask(t, h, "GET", "/", "Range", "bytes=-2"); got.body != "er" {
		t.Errorf("range %q", got.body)
	}
}

// fileTaker is a ResponseWriter as net/http's, which gives files to sendfile.
type fileTaker struct {
	discard
	files, largest int64
}

func (f *fileTaker) ReadFrom(src io.Reader) (int64, error) {
	if l, ok := src.(*io.LimitedReader); ok {
		if _, ok := l.R.(*os.File); ok {
			f.files++
			f.largest = max(f.largest, l.N)
		}
	}
	return io.Copy(io.Discard, src)
}

// Nothing in between hides a file from sendfile, nor gives it more than a piece.
func TestFilesStayFiles(t *testing.T) {
	t.Parallel()
	h := newServer(t, Config{WWW: newWWW(t, map[string]string{"f.bin": strings.Repeat("x", 5*piece+1)})}).Handler()
	w := &fileTaker{discard: discard{make(http.Header)}}
	h.ServeHTTP(w, httptest.NewRequest("GET", "/f.bin", nil))
	if w.files != 6 || w.largest != piece {
		t.Errorf("%d pieces of a file, of %d bytes at most; want 6 of %d", w.files, w.largest, piece)
	}
}

func TestFileTruncatedWhileServed(t *testing.T) {
	t.Parallel()
	dir := newWWW(t, map[string]string{"f.bin": ""})
	name := filepath.Join(dir, "f.bin")
	if err := os.Truncate(name, 256<<20); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + listen(t, newServer(t, Config{WWW: dir})) + "/f.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := os.Truncate(name, 100); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes and %v, want ErrUnexpectedEOF", n, err)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t, Config{})
	for want, err := range map[int]error{
		http.StatusForbidden:          &fs.PathError{Err: syscall.EACCES},
		http.StatusServiceUnavailable: &fs.PathError{Err: syscall.EMFILE},
		http.StatusNotFound:           &fs.PathError{Err: syscall.ENOTDIR},
	} {
		w := httptest.NewRecorder()
		s.site.openFailed(newWriter(w, 0), "f", err)
		if w.Code != want {
			t.Errorf("%v: status %d, want %d", err, w.Code, want)
		}
	}
}

// shrinking is a file that says it has more than it has.
type shrinking struct{ *bytes.Reader }

func (s shrinking) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 4096, nil
	}
	return s.Reader.Seek(offset, whence)
}

// The client must not take what is left of a file for the file, in gzip neither.
func TestShrinkingFileBreaksOff(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"identity", "gzip"} {
		s := newServer(t, Config{})
		s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := representation{ctype: "text/plain", size: 4096, content: shrinking{bytes.NewReader([]byte(text[:2000]))}}
			c.serve(newWriter(w, 0), r)
		})
		req, err := http.NewRequest("GET", "http://"+listen(t, s)+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", encoding)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			continue // broken off before the header left
		}
		if n, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Errorf("%s: %d bytes and a clean end", encoding, n)
		}
		resp.Body.Close()
	}
}
