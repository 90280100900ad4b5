package main

import (
	"bytes"
	"net"
	"strings"
	"sync"
)

// maxGetHeader is the longest header of a response in bytes, as with curl.
const maxGetHeader = 300 << 10

// recorder is a connection that keeps the header of the response which is read from it as it
// comes: net/http hands it on without its order and the names' case.
type recorder struct {
	net.Conn

	mu      sync.Mutex // the transport reads on a goroutine of its own
	lines   []string   // with the empty one that ends the header
	line    []byte     // of which the end has not come yet
	inside  bool       // a header, after its first line
	interim bool       // that header is of a 1xx response, which another one follows
	done    bool
}

// Read reads.
func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(b[:n])
	return n, err
}

// begin forgets what came before a new request.
func (r *recorder) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines, r.line, r.inside, r.done = nil, nil, false, false
}

// header returns the lines of the header, of 1xx responses too.
func (r *recorder) header() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines
}

func (r *recorder) see(b []byte) {
	for len(b) > 0 && !r.done {
		part, rest, whole := bytes.Cut(b, []byte{'\n'})
		r.line, b = append(r.line, part...), rest
		if whole {
			r.ends(strings.TrimSuffix(string(r.line), "\r"))
			r.line = r.line[:0]
		}
	}
}

// ends takes a line. A status line begins like "HTTP/1.1 100"; after 101 no other follows
// (RFC 9110 15.2).
func (r *recorder) ends(line string) {
	if !r.inside {
		_, status, _ := strings.Cut(line, " ")
		r.interim = strings.HasPrefix(status, "1") && !strings.HasPrefix(status, "101")
	}
	r.lines = append(r.lines, line)
	r.inside = line != ""
	r.done = !r.inside && !r.interim
}
