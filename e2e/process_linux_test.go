package e2e

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tinystack/tinystack/internal/nstest"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// Where the program is by default.
const (
	device  = "tiny0"
	stackIP = "198.18.0.2"
	site    = "http://" + stackIP
)

// isolated reports whether the test is in its own namespace, with a TUN driver
// and the programs it needs; else the test is done or skipped.
func isolated(t *testing.T, programs ...string) bool {
	t.Helper()
	if !nstest.Isolated(t) {
		return false
	}
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs a TUN driver: %v", err)
	}
	f.Close()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s: %v", p, err)
		}
	}
	return true
}

// output collects what a process writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is a running program.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr output
	done           chan struct{}
}

// tinystack is the command line of the program.
func tinystack(args ...string) *exec.Cmd {
	return exec.Command(os.Getenv(programVar), args...)
}

// start starts a program, which is killed at the test's end. The trace of one of ours is
// checked then.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	traced(t, cmd)
	p := &process{t: t, cmd: cmd, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.stdout
	}
	cmd.Stderr = &p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // what it returns is in ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s\nstdout:\n%s\nstderr:\n%s", cmd, &p.stdout, &p.stderr)
		}
	})
	return p
}

// up starts "tinystack up" and waits until it says that it is up. At the test's
// end, unless it has ended by then, it must go down in good order.
func up(t *testing.T, args ...string) *process {
	t.Helper()
	p := start(t, tinystack(append([]string{"up"}, args...)...))
	p.until("it to be up", func() bool { return strings.Contains(p.stdout.String(), "Ctrl-C") })
	t.Cleanup(func() {
		select {
		case <-p.done:
		default:
			p.signal(syscall.SIGTERM)
			p.wantExit(0)
			wantNoDevice(t)
		}
	})
	return p
}

// until polls for what is awaited; the process must not end before.
func (p *process) until(what string, ok func() bool) {
	p.t.Helper()
	end := time.After(patience)
	for !ok() {
		select {
		case <-p.done:
			if ok() {
				return
			}
			p.t.Fatalf("it ended, with %v, before %s", p.cmd.ProcessState, what)
		case <-end:
			p.t.Fatalf("waited %v in vain for %s", patience, what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %v: %v", s, err)
	}
}

// exit waits for the process to end and returns its exit code.
func (p *process) exit() int {
	p.t.Helper()
	return p.exitWithin(patience)
}

func (p *process) exitWithin(d time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(d):
		p.t.Fatalf("%s still running after %v", p.cmd.Path, d)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) wantExit(code int) {
	p.t.Helper()
	if got := p.exit(); got != code {
		p.t.Errorf("%s ended with %v, want exit code %d; stderr:\n%s", p.cmd.Path, p.cmd.ProcessState, code, &p.stderr)
	}
}

func wantNoDevice(t *testing.T) {
	t.Helper()
	if _, err := net.InterfaceByName(device); err == nil {
		t.Errorf("the device %s is still there", device)
	}
}
