package httpd

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const secret = "SECRET"

// newGuarded returns a server whose directory has secrets around and in it.
func newGuarded(t testing.TB) (h http.Handler, www string) {
	dir := newWWW(t, map[string]string{
		"outside.txt": secret, "www-too/x": secret,
		"www/a.txt": "a", "www/sub/b.txt": "b", "www/sub/deep/c.txt": "c",
		"www/.env": secret, "www/.git/config": secret, "www/sub/.hidden": secret,
		"www/...": secret, "www/..data/x": secret,
	})
	www = filepath.Join(dir, "www")
	return newServer(t, Config{WWW: www}).Handler(), www
}

func askPath(h http.Handler, path string) answer {
	r := httptest.NewRequest("GET", "/", nil)
	r.URL = &url.URL{Path: path}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Result().Header, w.Body.String()}
}

func TestPathsThatNameNothing(t *testing.T) {
	t.Parallel()
	h, _ := newGuarded(t)
	for _, path := range []string{
		"/../outside.txt", "/..", "/../", "/sub/../a.txt", "/sub/../../outside.txt", "/../www-too/x",
		"/./a.txt", "/sub/.", "/sub/./b.txt", "//a.txt", "/sub//b.txt", "//", "/sub//", "/a.txt/", "/a.txt/..",
		"/.env", "/.git", "/.git/", "/.git/config", "/sub/.hidden", "/...", "/..data/x", "/.",
		"/a.txt\x00", "/a.txt\x00.html", "\x00", "a.txt", "*", "/\xff", "/sub\\b.txt", "/..\\outside.txt",
		"/A.TXT", "/a.txt ", "/" + strings.Repeat("x", 300), "/" + strings.Repeat("a/", 5000),
		"//example.com/..", "/\\example.com",
	} {
		askPath(h, path).want(t, path, http.StatusNotFound)
	}
	for _, target := range []string{
		"/%2e%2e/outside.txt", "/%2e%2e%2foutside.txt", "/..%2foutside.txt", "/sub/%2e%2e/%2e%2e/outside.txt",
		"/%2eenv", "/%2Egit/config", "/sub%2f.hidden", "/a.txt%00", "/%5c..%5coutside.txt", "/%252e%252e/outside.txt",
		"/.%2e/outside.txt", "/%c0%ae%c0%ae/outside.txt",
	} {
		ask(t, h, "GET", target).want(t, target, http.StatusNotFound)
	}
	for target, want := range map[string]string{"/a.txt": "a", "/sub/b.txt": "b", "/%61.txt": "a", "/sub%2fb.txt": "b", "http://host/a.txt?x=..": "a"} {
		if got := ask(t, h, "GET", target); got.status != 200 || got.body != want {
			t.Errorf("%s: %d %q, want %q", target, got.status, got.body, want)
		}
	}
}

func TestSymlinks(t *testing.T) {
	t.Parallel()
	h, www := newGuarded(t)
	for name, target := range map[string]string{
		"abs": "/etc/passwd", "up": "../outside.txt", "updir": "..", "sneaky": "sub/../../outside.txt",
		"env": ".env", "git": ".git", "data": "..data", "twice": "env", "loop": "loop", "gone": "nothing",
		"self": "../www/a.txt", "good": "sub/b.txt", "gooddir": "sub", "sub/back": "../a.txt", "chain": "gooddir/back",
		"sub/deep/odd": "../../gooddir/../a.txt", "sub/esc": "../../outside.txt",
	} {
		if err := os.Symlink(target, filepath.Join(www, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{
		"abs", "up", "updir/outside.txt", "updir/", "sneaky", "env", "git/config", "data/x", "twice",
		"loop", "gone", "self", "sub/esc", "gooddir/esc", "updir/www/a.txt",
	} {
		askPath(h, "/"+name).want(t, name, http.StatusNotFound)
	}
	for name, want := range map[string]string{
		"good": "b", "gooddir/b.txt": "b", "sub/back": "a", "chain": "a", "gooddir/back": "a", "sub/deep/odd": "a",
	} {
		if got := askPath(h, "/"+name); got.body != want {
			t.Errorf("%s: %d %q, want %q", name, got.status, got.body, want)
		}
	}
	list := askPath(h, "/").body
	for _, name := range []string{`"abs"`, `"up"`, `"env"`, `"loop"`, `"gone"`, ".git"} {
		if strings.Contains(list, name) {
			t.Errorf("%s is listed", name)
		}
	}
	if !strings.Contains(list, `"good"`) || !strings.Contains(list, `"gooddir/"`) {
		t.Errorf("symlinks that stay inside are not listed:\n%s", list)
	}
}

// FuzzPath: whatever the path, and wherever a symlink on it leads, no byte from
// outside the root or from a dotfile is served, and no redirect leaves the host.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"/", "/link", "/link/", "/link/x", "/link/outside.txt", "/link/../outside.txt", "/sub/../..//outside.txt",
		"/.env", "//example.com/%2e%2e", "/link/.git/config", "/sub",
	} {
		for _, target := range []string{"sub", "..", "../outside.txt", ".env", "./sub/../.git", "/", "link", "sub/deep/../../.."} {
			f.Add(path, target)
		}
	}
	h, www := newGuarded(f)
	link := filepath.Join(www, "link")
	f.Fuzz(func(t *testing.T, path, target string) {
		os.Remove(link)
		_ = os.Symlink(target, link) // a target that can't be is as good as none
		got := askPath(h, path)
		if strings.Contains(got.body, secret) {
			t.Fatalf("%q, link to %q: %d %q", path, target, got.status, got.body)
		}
		if got.status >= 500 {
			t.Fatalf("%q, link to %q: %d", path, target, got.status)
		}
		to := got.header.Get("Location")
		if u, err := url.Parse(to); err != nil || u.Host != "" || u.Scheme != "" {
			t.Fatalf("%q is redirected to %q", path, to)
		}
	})
}
