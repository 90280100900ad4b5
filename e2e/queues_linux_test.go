package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/tinystack/tinystack/internal/nstest"
)

// Many transfers at once over two queues arrive whole, each flow on one queue, and in order: so
// say the host's counters and our capture.
func TestQueues(t *testing.T) {
	if !isolated(t, "curl") {
		return
	}
	const conns, n = 24, 256 << 10 // all of which the queue of the capture holds
	dir := t.TempDir()
	want := sparse(t, dir, "file", n)
	capture := filepath.Join(dir, "packets.pcapng")
	p := up(t, "--queues", "2", "--services", "--www", dir, "--pcap", capture)
	if !strings.Contains(p.stdout.String(), ", 2 queues)") {
		t.Errorf("it says %q, nothing of two queues", &p.stdout)
	}
	var all sync.WaitGroup
	for range conns {
		all.Go(func() {
			if got, sum := download(t, site+"/file"); got != n || sum != want {
				t.Errorf("%d bytes with SHA-256 %s, want %d with %s", got, sum, n, want)
			}
		})
		all.Go(func() {
			answer, _ := curl(t, 0, "-X", "POST", "-T", filepath.Join(dir, "file"), site+"/upload")
			if !strings.Contains(answer, want) {
				t.Errorf("the server says %q, want SHA-256 %s", answer, want)
			}
		})
	}
	all.Wait()
	datagrams(t, conns)
	if got := hostCounter(t, "TcpExt", "TCPOFOQueue"); got != 0 {
		t.Errorf("the host received %d segments out of order", got)
	}
	wantQueuesUsed(t, 2)
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	wantInOrder(t, capture, 2*conns)
}

// datagrams has so many sockets of the host's each exchange some with the echo service, in order.
func datagrams(t *testing.T, sockets int) {
	t.Helper()
	for range sockets {
		c := dial(t, "udp", "7")
		for i := range 20 {
			if _, err := c.Write([]byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 20 {
			b := make([]byte, 10)
			if n, err := c.Read(b); err != nil || n != 1 || b[0] != byte(i) {
				t.Fatalf("datagram %d came back as %v, %v", i, b[:n], err)
			}
		}
	}
}

// wantQueuesUsed wants each queue of the device to have carried packets both ways.
func wantQueuesUsed(t *testing.T, n int) {
	t.Helper()
	var s struct {
		Interfaces []struct{ Queues []map[string]uint64 }
	}
	if err := json.Unmarshal([]byte(ask(t, "stats --json")), &s); err != nil {
		t.Fatal(err)
	}
	queues := s.Interfaces[1].Queues
	for i, q := range queues {
		if q["IfInPackets"] == 0 || q["IfOutPackets"] == 0 {
			t.Errorf("queue %d has %v", i, q)
		}
	}
	if len(queues) != n {
		t.Errorf("%d queues, want %d", len(queues), n)
	}
}

// wantInOrder wants so many connections in a capture, at least, whose new data comes in order, each way.
func wantInOrder(t *testing.T, file string, conns int) {
	t.Helper()
	type way struct{ from, to netip.AddrPort }
	next, late := map[way]uint32{}, 0
	for i, b := range readCapture(t, file) {
		p, err := decoder{}.decode(b)
		if err != nil || p.tcp == nil {
			continue
		}
		w := way{netip.AddrPortFrom(p.ip.Src, p.tcp.SrcPort), netip.AddrPortFrom(p.ip.Dst, p.tcp.DstPort)}
		expected, known := next[w]
		if known && int32(uint32(p.tcp.Seq)-expected) > 0 {
			t.Errorf("packet %d of %v comes before what precedes it", i+1, w)
		}
		end := uint32(p.tcp.Seq) + uint32(len(p.transport)-p.tcp.Len())
		if known && int32(end-expected) < 0 {
			late++ // sent again
			continue
		}
		next[w] = end + uint32(p.tcp.Flags&1) + uint32(p.tcp.Flags>>1&1) // FIN and SYN count for one
	}
	t.Logf("%d flows, %d segments come again", len(next), late)
	if len(next) < 2*conns {
		t.Errorf("%d flows, want %d", len(next), 2*conns)
	}
}

// What was made without multi_queue is used as it is, but for more queues, and the command that
// mends that does; what was made with it has any number.
func TestQueuesOfPersistentDevice(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	for _, multi := range []bool{false, true} {
		made := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: device}, Mode: netlink.TUNTAP_MODE_TUN}
		if multi {
			made.Flags, made.Queues = netlink.TUNTAP_MULTI_QUEUE_DEFAULTS, 1
		}
		if err := netlink.LinkAdd(made); err != nil {
			t.Fatal(err)
		}
		closeAll(made.Fds)
		nstest.Up(t, device, netip.MustParsePrefix("198.18.0.1/24"))
		for _, args := range []string{"", "--queues=1", "--queues=3"} {
			if args == "--queues=3" && !multi {
				p := start(t, tinystack("up", args))
				p.wantExit(77)
				message := p.stderr.String()
				if !strings.Contains(message, "made without multi_queue") {
					t.Errorf("it said %q", message)
				}
				args = strings.Join(proposed(t, message)[1:], " ")
			}
			p := start(t, tinystack(append([]string{"up"}, strings.Fields(args)...)...))
			p.until("it to be up", func() bool { return strings.Contains(p.stdout.String(), "Ctrl-C") })
			if got, _ := curl(t, 0, site+"/hello"); got != "hello\n" {
				t.Errorf("multi_queue %t, %q: the server says %q", multi, args, got)
			}
			p.signal(syscall.SIGTERM)
			p.wantExit(0)
		}
		if _, err := net.InterfaceByName(device); err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkDel(made); err != nil {
			t.Fatal(err)
		}
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func TestQueuesRefused(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--queues=257":              "--queues 257 is out of range: 1 to 256",
		"--queues=-1":               "--queues -1 is out of range: 1 to 256",
		"--queues=2 --driver=water": "the driver water has one queue",
	} {
		p := start(t, tinystack(append([]string{"up"}, strings.Fields(args)...)...))
		p.wantExit(2)
		if got := p.stderr.String(); !strings.Contains(got, want) {
			t.Errorf("%s: it said %q, want %q", args, got, want)
		}
	}
}

// Over a bad wire, and traced and recorded, a device of two queues works as with one.
func TestQueuesOnABadWire(t *testing.T) {
	t.Parallel()
	if !isolated(t, "curl") {
		return
	}
	dir := t.TempDir()
	want := sparse(t, dir, "file", 1<<18)
	up(t, "--queues=2", "--www", dir, "--impair", "delay=1ms,loss=0.5%,seed=3",
		"--pcap", filepath.Join(dir, "packets"), "--trace", filepath.Join(dir, "events"))
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			if _, sum := download(t, fmt.Sprintf("%s/file?%d", site, i)); sum != want {
				t.Errorf("SHA-256 %s, want %s", sum, want)
			}
		})
	}
	all.Wait()
}
