package nstest

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// marker names, in the child's environment, the test it is to run.
const marker = "TINYSTACK_NSTEST"

// Isolated runs the test that calls it, alone, in a child process in a new
// network namespace whose loopback device is up. It returns true in the child,
// which goes on with the test, and false in the parent, once the child is done:
// its failure, skip and output are then the parent's.
func Isolated(t *testing.T) bool {
	t.Helper()
	if os.Getenv(marker) == t.Name() {
		linkUp(t, "lo")
		return true
	}
	out, err := runChild(t)
	switch {
	case errors.Is(err, syscall.EPERM):
		t.Skipf("needs a new network namespace: root, or the right to make user namespaces (%v)", err)
	case err != nil:
		t.Fatalf("in its network namespace: %v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP: "+t.Name()+" ")):
		t.Skipf("in its network namespace:\n%s", out)
	case testing.Verbose():
		t.Logf("in its network namespace:\n%s", out)
	}
	return false
}

// Up gives the device an address, if prefix is valid, and sets it up.
func Up(t testing.TB, name string, prefix netip.Prefix) {
	t.Helper()
	if prefix.IsValid() {
		addr, err := netlink.ParseAddr(prefix.String())
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.AddrAdd(link(t, name), addr); err != nil {
			t.Fatalf("address %s on %s: %v", prefix, name, err)
		}
	}
	linkUp(t, name)
}

func link(t testing.TB, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatalf("device %s: %v", name, err)
	}
	return l
}

func linkUp(t testing.TB, name string) {
	t.Helper()
	if err := netlink.LinkSetUp(link(t, name)); err != nil {
		t.Fatalf("setting %s up: %v", name, err)
	}
}

// runChild tries a network namespace, then one in a user namespace of its own,
// where an ordinary user may administer the network.
func runChild(t *testing.T) ([]byte, error) {
	out, err := start(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET})
	if !errors.Is(err, syscall.EPERM) {
		return out, err
	}
	return start(t, &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	})
}

func start(t *testing.T, attr *syscall.SysProcAttr) ([]byte, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"-test.v", "-test.count=1", "-test.run=" + pattern(t.Name())}
	if end, ok := t.Deadline(); ok {
		// It ends a little before the parent, to be able to say where it hung.
		args = append(args, "-test.timeout="+max(time.Until(end)*9/10, time.Second).String())
	}
	// The kernel sends the signal when the thread that started the child ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attr.Pdeathsig = syscall.SIGKILL
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), marker+"="+t.Name())
	if os.Getenv("GORACE") == "" {
		cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=0") // the race detector would sleep a second at exit
	}
	cmd.SysProcAttr = attr
	return cmd.CombinedOutput()
}

// pattern matches the test of this name and no other.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}
