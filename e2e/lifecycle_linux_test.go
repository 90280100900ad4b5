package e2e

import (
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tinystack/tinystack/internal/nstest"
)

// endless is a download that no test waits for.
const endless = site + "/bytes/1024GiB"

// startDownload starts curl and waits until data flows.
func startDownload(t *testing.T, args ...string) *process {
	t.Helper()
	d := &flow{}
	cmd := curlCommand(args...)
	cmd.Stdout = d
	p := start(t, cmd)
	p.until("data", func() bool { return d.bytes() > 1<<20 })
	return p
}

// flow counts what is written to it.
type flow struct {
	output
	n int64
}

func (f *flow) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n += int64(len(p))
	return len(p), nil
}

func (f *flow) bytes() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

func TestSignalTakesEverythingDown(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := up(t)
		p.signal(s)
		p.wantExit(0)
		wantNoDevice(t)
	}
}

// Who reads the access log may go, as in "tinystack up | head -1": the server
// stays, and goes down in good order later.
func TestLogReaderGone(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := tinystack("up")
	cmd.Stdout = w
	p := start(t, cmd)
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil { // it is up, and says so
		t.Fatal(err)
	}
	r.Close()
	for range 2 {
		if got, _ := curl(t, 0, site+"/hello"); got != "hello\n" {
			t.Errorf("the server says %q", got)
		}
	}
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	wantNoDevice(t)
}

// What is under way when the signal comes is finished.
func TestSignalDrains(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	p := up(t)
	c := startDownload(t, "--limit-rate", "4M", site+"/bytes/6MiB")
	p.signal(syscall.SIGTERM)
	c.wantExit(0)
	p.wantExit(0)
	wantNoDevice(t)
}

// The drain has an end, and then the client is told: curl's 18 is a body cut
// short, 56 a connection reset.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	p := up(t)
	c := startDownload(t, "--limit-rate", "50M", endless)
	p.signal(syscall.SIGTERM)
	if code := c.exit(); code != 18 && code != 56 {
		t.Errorf("curl ended with %d, want 18 or 56; it said %q", code, &c.stderr)
	}
	p.wantExit(0)
	wantNoDevice(t)
}

func TestSecondSignalDoesNotDrain(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	p := up(t)
	c := startDownload(t, "--limit-rate", "50M", endless)
	p.signal(syscall.SIGTERM)
	p.until("the drain", func() bool { return strings.Contains(p.stderr.String(), "again") })
	began := time.Now()
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("it took %v to end, want it at once", d)
	}
	if code := c.exit(); code != 18 && code != 56 {
		t.Errorf("curl ended with %d, want 18 or 56; it said %q", code, &c.stderr)
	}
}

// A killed client's kernel resets the connection; the server goes on.
func TestClientKilled(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	p := up(t)
	for _, args := range [][]string{
		{endless},
		{"-X", "POST", "-T", "/dev/zero", site + "/upload"},
	} {
		c := start(t, curlCommand(append(args, "-o", "/dev/null")...))
		before := carried(t)
		c.until("data", func() bool { return carried(t) > before+1<<20 })
		_ = c.cmd.Process.Kill()
		c.exit()
		path := strings.TrimPrefix(args[len(args)-1], site)
		p.until("the end of the connection in the access log", func() bool {
			return strings.Contains(p.stdout.String(), path+" HTTP/1.1\"")
		})
	}
	if got, _ := curl(t, 0, site+"/hello"); got != "hello\n" {
		t.Errorf("afterwards the server says %q", got)
	}
}

// carried is how many bytes the device has carried, either way.
func carried(t *testing.T) uint64 {
	t.Helper()
	l, err := netlink.LinkByName(device)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs().Statistics.RxBytes + l.Attrs().Statistics.TxBytes
}

// Someone deletes the device, as ip link del does, while data flows.
func TestDeviceDeleted(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	for _, driver := range []string{"tun", "water"} {
		t.Run(driver, func(t *testing.T) {
			p := up(t, "--driver", driver)
			startDownload(t, "--limit-rate", "50M", endless)
			l, err := netlink.LinkByName(device)
			if err != nil {
				t.Fatal(err)
			}
			if err := netlink.LinkDel(l); err != nil {
				t.Fatal(err)
			}
			p.wantExit(1)
			if !strings.Contains(p.stderr.String(), "device tiny0 failed") {
				t.Errorf("it said %q, want it to name the device", &p.stderr)
			}
		})
	}
}

// The second instance says who has the device; what it proposes works.
func TestSecondInstance(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	first := up(t)
	second := start(t, tinystack("up"))
	second.wantExit(77)
	message := second.stderr.String()
	if !strings.Contains(message, "device tiny0 is taken by process") || !strings.Contains(message, "(tinystack)") {
		t.Errorf("it said %q, want it to name the process", message)
	}
	third := start(t, tinystack(proposed(t, message)...))
	third.until("it to be up", func() bool { return strings.Contains(third.stdout.String(), "Ctrl-C") })
	third.signal(syscall.SIGTERM)
	third.wantExit(0)
	if got, _ := curl(t, 0, site+"/hello"); got != "hello\n" {
		t.Errorf("the first instance says %q meanwhile", got)
	}
	first.signal(syscall.SIGTERM)
	first.wantExit(0)
}

// proposed is the command line that a message ends with, after the program.
func proposed(t *testing.T, message string) []string {
	t.Helper()
	_, command, ok := strings.Cut(message, "mends it:\n")
	_, args, ok2 := strings.Cut(command, os.Getenv(programVar))
	if !ok || !ok2 {
		t.Fatalf("%q proposes nothing", message)
	}
	return strings.Fields(args)
}

// A device that was there before, with its address, is used and left as it was.
func TestPersistentDevice(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	made := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: device}, Mode: netlink.TUNTAP_MODE_TUN}
	if err := netlink.LinkAdd(made); err != nil {
		t.Fatal(err)
	}
	nstest.Up(t, device, netip.MustParsePrefix("198.18.0.1/24"))
	for _, driver := range []string{"tun", "water", "tun"} {
		p := up(t, "--driver", driver)
		if got, _ := curl(t, 0, site+"/hello"); got != "hello\n" {
			t.Errorf("%s: the server says %q", driver, got)
		}
		p.signal(syscall.SIGTERM)
		p.wantExit(0)
		ifi, err := net.InterfaceByName(device)
		if err != nil {
			t.Fatal(err)
		}
		if addrs, err := ifi.Addrs(); err != nil || len(addrs) == 0 || addrs[0].String() != "198.18.0.1/24" {
			t.Errorf("%s: afterwards the device's addresses are %v, %v", driver, addrs, err)
		}
	}
}

func TestSubnetTaken(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	nstest.Up(t, "lo", netip.MustParsePrefix("198.18.0.99/25"))
	p := start(t, tinystack("up"))
	p.wantExit(77)
	message := p.stderr.String()
	if !strings.Contains(message, "the subnet 198.18.0.0/24 is taken: interface lo has the address 198.18.0.99/25") {
		t.Errorf("it said %q, want it to name the interface", message)
	}
	up(t, proposed(t, message)[1:]...)
}

func TestWithoutPrivilege(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	for _, command := range []string{
		"up", "ping 198.18.1.1", "traceroute 198.18.4.1", "get 198.18.3.1", "dig --via tun @198.18.2.1 x", "explain --via tun 198.18.5.1",
	} {
		cmd := tinystack(strings.Fields(command)...)
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if _, err := os.Stat("/proc/self/setgroups"); err == nil && os.Getuid() != 0 {
			t.Skip("needs root, to become someone else")
		}
		p := start(t, cmd)
		p.wantExit(77)
		if message := p.stderr.String(); !strings.Contains(message, "mends it:\n  sudo ") || strings.Contains(message, "panic") {
			t.Errorf("%s said %q, want the command that mends it", command, message)
		}
		if p.stdout.String() != "" {
			t.Errorf("%s wrote %q, want nothing but the error", command, &p.stdout)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"down", "up --mtu=5", "up --nonsense", "up extra", "ping", "up --impair=loss=200%"} {
		cmd := tinystack(strings.Fields(line)...)
		cmd.Stdout = io.Discard
		start(t, cmd).wantExit(2)
	}
}
