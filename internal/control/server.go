package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Schema is the number of the format that all JSON answers follow.
const Schema = 1

// drainTime is how long Close waits for handlers whose context it has ended.
const drainTime = time.Second

// Server answers the owner's commands.
type Server struct {
	path string
	http http.Server
	end  context.CancelFunc // of all requests' contexts
	done chan struct{}      // closed when serving has ended
}

// Listen makes the socket of the instance on device dev, and serves h on it until
// Close. Handlers that stream end when the request's context does. The error is
// for the user to read: there is no directory for the socket, or another process
// has the same device open and answers.
func Listen(dev string, h http.Handler) (*Server, error) { return here().listen(dev, h) }

func (p place) listen(dev string, h http.Handler) (*Server, error) {
	ln, path, err := p.open(dev)
	if errors.Is(err, fs.ErrNotExist) { // an instance that ended took the directory away
		ln, path, err = p.open(dev)
	}
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	s := &Server{path: path, end: end, done: make(chan struct{})}
	s.http = http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          log.New(io.Discard, "", 0), // of callers that went away
	}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(ownerOnly{ln}) // Close is what ends it
	}()
	return s, nil
}

// open makes the socket for device dev, and clears away those of the dead.
func (p place) open(dev string) (ln *net.UnixListener, path string, err error) {
	dir, err := p.makeDir()
	if err != nil {
		return nil, "", err
	}
	p.removeStale()
	path = p.path(dir, dev)
	if len(path) > maxPath {
		return nil, "", fmt.Errorf("the control socket's path is longer than %d bytes: %s", maxPath, path)
	}
	if probe(path) == nil {
		return nil, "", fmt.Errorf("another instance on %s answers at %s", dev, path)
	}
	if ln, err = bind(path); err != nil {
		return nil, "", fmt.Errorf("control socket: %w", err)
	}
	return ln, path, nil
}

// bind listens at path, which appears only then: so a socket there that refuses is stale.
func bind(path string) (*net.UnixListener, error) {
	hidden := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%d", os.Getpid()))
	_ = os.Remove(hidden) // of an earlier process of this number
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	err = os.Chmod(hidden, 0o600)
	if err == nil {
		err = os.Rename(hidden, path)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close(), os.Remove(hidden))
	}
	return ln, nil
}

// removeStale removes the sockets of processes that were killed.
func (p place) removeStale() {
	list, _, _ := p.sockets()
	for _, s := range list {
		if errors.Is(probe(s.path), syscall.ECONNREFUSED) {
			_ = os.Remove(s.path)
		}
	}
}

// probe returns nil if somebody answers at the socket.
func probe(path string) error {
	c, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// Path is the socket's.
func (s *Server) Path() string { return s.path }

// Close ends all requests, removes the socket, and its directory if that is then empty.
func (s *Server) Close() error {
	s.end()
	err := os.Remove(s.path)
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	_ = os.Remove(filepath.Dir(s.path)) // fails while others are there
	return err
}

// ownerOnly accepts connections from processes of our own user.
type ownerOnly struct{ *net.UnixListener }

func (l ownerOnly) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if peerIsUs(c) {
			return c, nil
		}
		_ = c.Close()
	}
}

// WriteJSON answers with v, which should have a field "schema".
func WriteJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // the caller may have gone
}
