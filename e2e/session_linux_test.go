package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// session is an instance with all that it serves, recorded in a file.
type session struct {
	up   *process
	file string            // the capture
	sent map[string]string // SHA-256 of the file served under a name
	dir  string
}

func startSession(t *testing.T, args ...string) *session {
	t.Helper()
	s := &session{dir: t.TempDir(), sent: make(map[string]string)}
	s.file = filepath.Join(s.dir, "session.pcapng")
	www := filepath.Join(s.dir, "www")
	if err := os.Mkdir(www, 0o755); err != nil {
		t.Fatal(err)
	}
	s.up = up(t, append(args, "--services", "--www", www, "--pcap", s.file)...)
	return s
}

// serve makes a file of n random bytes that the instance serves.
func (s *session) serve(t *testing.T, name string, n int) []byte {
	t.Helper()
	b := random(n)
	if err := os.WriteFile(filepath.Join(s.dir, "www", name), b, 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	s.sent[name] = hex.EncodeToString(sum[:])
	return b
}

// snapshot is the instance's counters at a time.
type snapshot struct {
	Time     time.Time
	Counters map[string]uint64
}

func takeSnapshot(t *testing.T) (s snapshot) {
	t.Helper()
	p := start(t, tinystack("stats", "--json"))
	p.wantExit(0)
	if err := json.Unmarshal([]byte(p.stdout.String()), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// end ends the instance, which must have recorded all packets.
func (s *session) end(t *testing.T) {
	t.Helper()
	s.up.signal(syscall.SIGTERM)
	s.up.wantExit(0)
	if said := s.up.stderr.String(); !strings.Contains(said, " missed=0\n") {
		t.Fatalf("packets are missing in the capture: it said\n%s", said)
	}
}

// download fetches a file by curl, which must arrive whole.
func (s *session) download(t *testing.T, name string) {
	t.Helper()
	if _, sum := download(t, site+"/"+name); sum != s.sent[name] {
		t.Errorf("%s arrived with SHA-256 %s, want %s", name, sum, s.sent[name])
	}
}

func (s *session) upload(t *testing.T, name string) {
	t.Helper()
	answer, _ := curl(t, 0, "-X", "POST", "-T", filepath.Join(s.dir, "www", name), site+"/upload")
	if !strings.Contains(answer, "sha256: "+s.sent[name]) {
		t.Errorf("the upload of %s arrived as\n%s", name, answer)
	}
}

// abort downloads by curl, and kills it on the way.
func abort(t *testing.T) {
	t.Helper()
	p := startDownload(t, "--limit-rate", "50M", endless)
	_ = p.cmd.Process.Kill()
	p.exit()
}

// reset opens a connection to the echo service and resets it.
func reset(t *testing.T) {
	t.Helper()
	c := dial(t, "tcp", "7").(*net.TCPConn)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	_ = c.SetLinger(0)
	_ = c.Close()
}

// refused tries a TCP and a UDP port that nobody has.
func refused(t *testing.T) {
	t.Helper()
	if c, err := net.Dial("tcp", stackIP+":81"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("port 81: %v, %v", c, err)
	}
	c := dial(t, "udp", "10")
	_, _ = c.Write([]byte("nobody there?"))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("UDP port 10: %v", err)
	}
}

// echo sends datagrams, small and in fragments, and reads them back.
func echo(t *testing.T) {
	t.Helper()
	c := dial(t, "udp", "7")
	for _, n := range []int{0, 1, 100, 1472, 5000} {
		sent, got := random(n), make([]byte, 65535)
		if _, err := c.Write(sent); err != nil {
			t.Error(err)
		}
		if m, err := c.Read(got); err != nil || !bytes.Equal(got[:m], sent) {
			t.Errorf("of %d bytes %d came back, %v", n, m, err)
		}
	}
}

// stall has the echo service send to a client that does not read, until both
// windows are closed, and for long enough for probes; then it reads it all.
func stall(t *testing.T) {
	t.Helper()
	d := net.Dialer{Control: smallBuffers}
	conn, err := d.DialContext(t.Context(), "tcp", stackIP+":7")
	if err != nil {
		t.Fatal(err)
	}
	c := conn.(*net.TCPConn)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	deadline, _ := ctx.Deadline()
	_ = c.SetWriteDeadline(deadline)
	sent := 0
	for chunk := make([]byte, 16<<10); ; {
		n, err := c.Write(chunk)
		if sent += n; err != nil {
			break
		}
	}
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if n, err := io.Copy(io.Discard, c); err != nil || n != int64(sent) {
		t.Errorf("%d bytes came back of %d, %v", n, sent, err)
	}
}

// smallBuffers keeps the kernel's receive buffer, and so its window, small.
func smallBuffers(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 32<<10)
	})
}

// ping sends echo requests from the host.
func pings(t *testing.T) {
	t.Helper()
	for _, args := range []string{"-c3 -i0.02", "-c2 -i0.02 -s4000"} {
		p := start(t, exec.Command("ping", append(strings.Fields(args), stackIP)...))
		p.wantExit(0)
	}
}
