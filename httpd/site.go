package httpd

import (
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// site answers requests.
type site struct {
	cfg  Config
	root *os.Root // nil: no files
	tags etags
	log  accessLog
}

func newSite(cfg Config) *site {
	s := &site{cfg: cfg, root: cfg.Root}
	s.log = accessLog{out: cfg.AccessLog, logger: cfg.Logger}
	return s
}

// ServeHTTP routes, logs, keeps the deadlines moving, and turns a panic into an
// answer.
func (s *site) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	start := time.Now()
	w := newWriter(rw, s.cfg.WriteTimeout)
	if c := connectionOf(r); c != nil {
		c.requests.Add(1)
		w.due = start.Add(s.cfg.WriteTimeout / refresh) // net/http has set the first deadline
	}
	if r.ContentLength != 0 {
		// A copy: net/http must find its own body, to see whether the client waits
		// for "100 Continue" with it, and then answer without it.
		r = r.WithContext(r.Context())
		r.Body = newBody(rw, r.Body, s.cfg.ReadTimeout)
	}
	defer func() { s.finish(w, r, start, recover()) }()
	s.route(w, r)
}

// finish logs the request; failure is what its handler panicked with, if it did.
func (s *site) finish(w *writer, r *http.Request, start time.Time, failure any) {
	if failure != nil && failure != http.ErrAbortHandler {
		s.cfg.Logger.Error("handler panicked", "method", r.Method, "path", r.URL.Path,
			"panic", failure, "stack", string(debug.Stack()))
		if w.status == 0 {
			w.Header().Set("Connection", "close")
			fail(w, http.StatusInternalServerError)
			failure = nil
		} else {
			failure = http.ErrAbortHandler // the client must not take what it got for all
		}
	}
	s.log.write(w, r, start)
	if failure != nil {
		panic(failure)
	}
}

// Headers that never change are shared by all responses.
var (
	serverName = []string{"tinystack"}
	noSniff    = []string{"nosniff"}
	plainText  = []string{"text/plain; charset=utf-8"}
)

func (s *site) route(w *writer, r *http.Request) {
	h := w.Header()
	h["Server"] = serverName
	h["X-Content-Type-Options"] = noSniff
	if r.URL.Path == "" { // GET http://host HTTP/1.1: RFC 9110 section 4.2.3
		r.URL.Path = "/"
	}
	if r.URL.Path == "/upload" {
		if allowed(w, r, "OPTIONS, POST, PUT", http.MethodPost, http.MethodPut) {
			s.upload(w, r)
		}
		return
	}
	if allowed(w, r, "GET, HEAD, OPTIONS", http.MethodGet, http.MethodHead) {
		s.get(w, r)
	}
}

func (s *site) get(w *writer, r *http.Request) {
	switch p := r.URL.Path; {
	case p == "/hello":
		hello(w)
	case p == "/welcome", p == "/" && s.root == nil:
		s.welcome(w, r, nil)
	case p == "/metrics" && s.cfg.Metrics != nil:
		s.cfg.Metrics.ServeHTTP(w, r)
	case strings.HasPrefix(p, "/bytes/"):
		serveBytes(w, r, strings.TrimPrefix(p, "/bytes/"))
	case s.root != nil:
		s.static(w, r)
	default:
		fail(w, http.StatusNotFound)
	}
}

// allowed reports whether the method is one of two, and answers if it is not:
// RFC 9110 section 9.3.7 for OPTIONS, 15.5.6 for what is left.
func allowed(w http.ResponseWriter, r *http.Request, allow, one, two string) bool {
	switch r.Method {
	case one, two:
		return true
	case http.MethodOptions:
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", allow)
		fail(w, http.StatusMethodNotAllowed)
	}
	return false
}

// fail answers with the status and its name.
func fail(w http.ResponseWriter, status int) {
	http.Error(w, http.StatusText(status), status)
}
