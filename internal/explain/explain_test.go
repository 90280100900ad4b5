package explain

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
)

var update = flag.Bool("update", false, "write what the stories are into testdata")

// golden compares a text to that in a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the story is not that in %s (-update writes it):\n%s", file, got)
	}
}

// tell runs a story in a bubble.
func tell(t *testing.T, cfg Config) (text string, err error) {
	t.Helper()
	var b bytes.Buffer
	err = Run(t.Context(), cfg, &b)
	return b.String(), err
}

// The story of the README is the same each time, word by word.
func TestStory(t *testing.T) { synctest.Test(t, testStory) }

func testStory(t *testing.T) {
	text, err := tell(t, Config{URL: "http://www.google.com/"})
	if err != nil {
		t.Error(err)
	}
	golden(t, "story.txt", []byte(text))
}

// Trips that fail are stories, too, and the error says of which kind they are.
func TestTripsThatFail(t *testing.T) {
	for name, test := range map[string]struct {
		url  string
		is   func(error) bool
		told []string
	}{
		"no such name": {
			"http://nothing.google.com/", isNotFound,
			[]string{"NXDOMAIN", "no packet goes to any web server"},
		},
		"no such domain": {"http://www.example.org/", isNotFound, []string{"a root server 198.18.1.4", "NXDOMAIN"}},
		"nobody listens": {
			"http://www.google.com:8080/", isErr(syscall.ECONNREFUSED),
			[]string{"8080, as the URL has it", "A RST is the answer"},
		},
		"no route": {
			"http://192.88.99.1/", isErr(syscall.ENETUNREACH),
			[]string{"no name to look up", "core  none: the packet ends here"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, err := tell(t, Config{URL: test.url})
				if !test.is(err) {
					t.Errorf("the error is %v", err)
				}
				wantAll(t, text, test.told)
			})
		})
	}
}

func isNotFound(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound
}

func isErr(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }

// wantAll checks that a text has all of these, whatever lines it is broken into, and fits the
// columns.
func wantAll(t *testing.T, text string, want []string) {
	t.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	for _, w := range want {
		if !strings.Contains(flat, strings.Join(strings.Fields(w), " ")) {
			t.Errorf("the story does not say %q:\n%s", w, text)
		}
	}
	for line := range strings.Lines(text) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// Other pages have stories, too.
func TestOtherPages(t *testing.T) {
	for url, told := range map[string][]string{
		"google.com":                            {"sends the browser on to http://www.google.com/", "301 Moved Permanently", "GET /doodle.png"},
		"http://www.google.com/none":            {"404 Not Found", "the browser does not keep it"},
		"http://203.0.113.80/style.css":         {"is an address already", "200 OK, 350 bytes of text/css"},
		"http://images.google.com/logo.svg#x":   {"images.google.com CNAME www.google.com", "GET /logo.svg -"},
		"  http://www.google.com:80/doodle.png": {"80, as the URL has it", "slow start"},
	} {
		t.Run(url, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, err := tell(t, Config{URL: url})
				if err != nil {
					t.Error(err)
				}
				wantAll(t, text, told)
			})
		})
	}
}

// What is no URL, or not one for here, is refused with the reason.
func TestBadURLs(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]URLError{
		"":                             {Reason: "there is no URL"},
		"http://":                      {Reason: "names no host"},
		"http://:80/":                  {Reason: "names no host"},
		"http://www.google.com:0/":     {Reason: "the port is not one of 1 to 65535"},
		"http://www.google.com:99999/": {Reason: "the port is not one of 1 to 65535"},
		"http://a b/":                  {Reason: "it is no URL"},
		"https://www.google.com/":      {Reason: "TLS, which is not there", Unsupported: true},
		"gopher://www.google.com/":     {Reason: "only http", Unsupported: true},
	} {
		var e *URLError
		if err := Run(t.Context(), Config{URL: url}, io.Discard); !errors.As(err, &e) ||
			!strings.Contains(e.Reason, want.Reason) || e.Unsupported != want.Unsupported {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// What can't be written ends the run with that error.
func TestWriterFails(t *testing.T) { synctest.Test(t, testWriterFails) }

func testWriterFails(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	if err := Run(t.Context(), Config{URL: "www.google.com"}, w); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the error is %v", err)
	}
}
