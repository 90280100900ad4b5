package link

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tinystack/tinystack/internal/gso"
	"github.com/tinystack/tinystack/internal/nstest"
	"github.com/tinystack/tinystack/packet"
)

var hostNet = netip.MustParsePrefix("198.18.0.1/24")

// openTUN opens a device in the test's namespace, or skips where there is none
// to be had.
func openTUN(t *testing.T, cfg TUNConfig) *TUN {
	t.Helper()
	dev, err := OpenTUN(cfg)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			t.Skipf("needs /dev/net/tun: %v", err)
		}
		t.Fatal(err)
	}
	closeAfter(t, dev)
	return dev
}

// closeAfter closes the device after the test, or after 20 s, which fails it.
func closeAfter(t *testing.T, dev Device) {
	watchdog := time.AfterFunc(20*time.Second, func() { dev.Close() })
	t.Cleanup(func() {
		if !watchdog.Stop() {
			t.Error("hung: the device was closed after 20 s")
		}
		dev.Close()
	})
}

// expect reads packets until one is a segment of protocol to port, passing over
// what the host sends by itself (IPv6's router solicitations).
func expect(t *testing.T, dev Device, protocol byte, port uint16) (segment, packet.Offload, []byte) {
	t.Helper()
	buf := make([]byte, dev.MaxRead())
	for {
		n, o, err := dev.Read(buf, true)
		if err != nil {
			t.Fatalf("Read: %v", err)
		}
		s, ok := parseSegment(buf[:n])
		if ok && s.protocol == protocol && s.dst.Port() == port {
			return s, o, buf[:n]
		}
	}
}

func hostUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(hostAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// A datagram of the host's socket is read, with the checksum as the offloads
// leave it, and one written reaches the socket: with offloads and without.
func TestTUNDatagrams(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	for _, noOffload := range []bool{false, true} {
		dev := openTUN(t, TUNConfig{Name: "tuntest0", MTU: 1400, NoOffload: noOffload})
		nstest.Up(t, dev.Name(), hostNet)
		host := hostUDP(t)
		payload := pattern(1000)
		if _, err := host.WriteToUDPAddrPort(payload, stackAddr); err != nil {
			t.Fatal(err)
		}
		s, o, b := expect(t, dev, protoUDP, stackAddr.Port())
		if !bytes.Equal(s.payload, payload) {
			t.Errorf("NoOffload %t: read another payload than was sent", noOffload)
		}
		if partial := o.Csum == packet.CsumPartial; partial == noOffload {
			t.Errorf("NoOffload %t: checksum state is %d", noOffload, o.Csum)
		}
		if err := gso.Complete(b, o); err != nil || !intact(b) {
			t.Errorf("NoOffload %t: checksums are wrong (%v)", noOffload, err)
		}
		for _, partial := range []bool{false, true} {
			if partial && noOffload {
				continue
			}
			write(t, dev, segment{src: stackAddr, dst: s.src, protocol: protoUDP, payload: payload[:999]}.out(partial))
			got := make([]byte, 2000)
			n, from, err := host.ReadFromUDPAddrPort(got)
			if err != nil || from != stackAddr || !bytes.Equal(got[:n], payload[:999]) {
				t.Errorf("NoOffload %t, partial %t: the host got %d bytes from %v, %v", noOffload, partial, n, from, err)
			}
		}
		host.Close()
		dev.Close()
	}
}

// A host's TCP sends a super-packet that splits into good segments, and takes one.
func TestTUNSuperPackets(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{})
	if !dev.Features().Has(packet.TxChecksum | packet.TSO) {
		t.Skip("this kernel gives a TUN device no offloads")
	}
	nstest.Up(t, dev.Name(), hostNet)

	const up, down = 100 << 10, 20 * 1460
	hostErr := make(chan error, 1)
	go func() { hostErr <- hostTCP(up, down) }()

	syn, _, _ := expect(t, dev, protoTCP, stackAddr.Port())
	peer := tcpPeer{dev: dev, remote: syn.src, seq: 1000, ack: syn.seq + 1}
	write(t, dev, peer.next(0x12, nil)) // SYN, ACK
	peer.seq++
	if largest := peer.receive(t, up); largest <= dev.MTU() {
		t.Errorf("the largest packet of %d bytes is %d bytes: no super-packet", up, largest)
	}
	write(t, dev, super(peer.next(0x18, pattern(down)), packet.GSOTCP, 1460))
	if err := <-hostErr; err != nil {
		t.Errorf("the host: %v", err)
	}
}

// hostTCP sends up bytes to the device, and wants down bytes of pattern back.
func hostTCP(up, down int) error {
	c, err := net.DialTimeout("tcp4", stackAddr.String(), 10*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write(pattern(up)); err != nil {
		return err
	}
	got := make([]byte, down)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, pattern(down)) {
		return errors.New("received another payload than was written")
	}
	return nil
}

// tcpPeer is as much of TCP as the host needs to send and to receive.
type tcpPeer struct {
	dev      Device
	remote   netip.AddrPort
	seq, ack uint32
	whole    bool // the device computes no checksums
}

func (p *tcpPeer) next(flags byte, payload []byte) *packet.Out {
	return segment{
		src: stackAddr, dst: p.remote, protocol: protoTCP,
		flags: flags, seq: p.seq, ack: p.ack, payload: payload,
	}.out(!p.whole)
}

// receive takes n bytes of pattern and acknowledges them, as its own loss-free
// in-order TCP. It returns the largest packet's length.
func (p *tcpPeer) receive(t *testing.T, n int) (largest int) {
	t.Helper()
	var got []byte
	for len(got) < n {
		s, o, b := expect(t, p.dev, protoTCP, stackAddr.Port())
		if s.seq != p.ack {
			continue
		}
		largest = max(largest, len(b))
		if err := gso.Split(b, o, func(b []byte) error {
			if !intact(b) || len(b) > p.dev.MTU() {
				t.Errorf("a segment of %d bytes is wrong", len(b))
			}
			return nil
		}); err != nil {
			t.Errorf("splitting %+v: %v", o, err)
		}
		got = append(got, s.payload...)
		p.ack += uint32(len(s.payload))
		write(t, p.dev, p.next(0x10, nil))
	}
	if !bytes.Equal(got, pattern(n)) {
		t.Error("received another payload than was sent")
	}
	return largest
}

// One write is several datagrams to the host's socket, where the kernel knows
// USO.
func TestTUNUDPSegmentation(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{})
	if !dev.Features().Has(packet.USO) {
		t.Skip("this kernel has no USO on a TUN device")
	}
	nstest.Up(t, dev.Name(), hostNet)
	host := hostUDP(t)
	payload := pattern(2500)
	write(t, dev, super(segment{src: stackAddr, dst: hostAddr, protocol: protoUDP, payload: payload}.out(true), packet.GSOUDP, 1000))
	for _, want := range [][]byte{payload[:1000], payload[1000:2000], payload[2000:]} {
		got := make([]byte, 3000)
		if n, err := host.Read(got); err != nil || !bytes.Equal(got[:n], want) {
			t.Fatalf("the host got a datagram of %d bytes, %v; want %d", n, err, len(want))
		}
	}
}

// Without waiting Read says that nothing is there; waiting, it returns when the
// device is closed, with ErrClosed, as does everything after that.
func TestTUNClose(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{})
	buf := make([]byte, dev.MaxRead())
	if _, _, err := dev.Read(buf, false); err != ErrWouldBlock {
		t.Errorf("nothing to read: %v, want ErrWouldBlock", err)
	}
	if _, _, err := dev.Read(buf[:10], false); err != io.ErrShortBuffer {
		t.Errorf("a short buffer: %v, want io.ErrShortBuffer", err)
	}
	closeWhileReading(t, dev)
}

// When somebody deletes the interface, a waiting Read ends, and no later one
// waits; Write fails too.
func TestTUNDeleted(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{Name: "tuntest1"})
	nstest.Up(t, dev.Name(), hostNet)
	done := make(chan error)
	go func() {
		buf := make([]byte, dev.MaxRead())
		for {
			if _, _, err := dev.Read(buf, true); err != nil {
				done <- err
				return
			}
		}
	}()
	time.Sleep(10 * time.Millisecond) // the more likely it waits already; right either way
	l, err := netlink.LinkByName(dev.Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkDel(l); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, syscall.ENODEV) {
		t.Errorf("waiting Read: %v, want ENODEV", err)
	}
	buf := make([]byte, dev.MaxRead())
	for _, wait := range []bool{true, false} {
		if _, _, err := dev.Read(buf, wait); !errors.Is(err, syscall.ENODEV) {
			t.Errorf("Read(wait %t): %v, want ENODEV", wait, err)
		}
	}
	if err := dev.Write(datagram(1, 100)); err != syscall.ENODEV {
		t.Errorf("Write: %v, want ENODEV", err)
	}
}

func TestTUNDown(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{})
	if err := dev.Write(datagram(1, 100)); err != syscall.ENETDOWN {
		t.Errorf("Write: %v, want ENETDOWN", err)
	}
}

func TestTUNMTU(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	for _, c := range []struct {
		cfg           TUNConfig
		want, maxRead int
	}{
		{TUNConfig{}, 1500, packet.MaxSize},
		{TUNConfig{MTU: 68}, 68, packet.MaxSize},
		{TUNConfig{MTU: 65535, NoOffload: true}, 65535, 65535},
		{TUNConfig{MTU: 9000, NoOffload: true}, 9000, 9000},
	} {
		dev := openTUN(t, c.cfg)
		l, err := netlink.LinkByName(dev.Name())
		if err != nil {
			t.Fatal(err)
		}
		if dev.MTU() != c.want || l.Attrs().MTU != c.want || dev.MaxRead() != c.maxRead {
			t.Errorf("%+v: MTU %d, the interface's %d, MaxRead %d; want %d, %[5]d, %d",
				c.cfg, dev.MTU(), l.Attrs().MTU, dev.MaxRead(), c.want, c.maxRead)
		}
		if c.cfg.NoOffload && dev.Features() != 0 {
			t.Errorf("%+v: features %b", c.cfg, dev.Features())
		}
		if err := dev.Write(datagram(1, c.want)); err != syscall.ENETDOWN {
			t.Errorf("a packet of the MTU: %v, want ENETDOWN", err)
		}
		if c.want == 65535 {
			continue
		}
		if err := dev.Write(datagram(1, c.want+1)); err != syscall.EMSGSIZE {
			t.Errorf("a packet above the MTU: %v, want EMSGSIZE", err)
		}
	}
}

func TestOpenTUNErrors(t *testing.T) {
	t.Parallel()
	for _, cfg := range []TUNConfig{{MTU: 67}, {MTU: 65536}, {MTU: -1}, {Name: strings.Repeat("x", 16)}} {
		if dev, err := OpenTUN(cfg); err == nil {
			dev.Close()
			t.Errorf("%+v: opened", cfg)
		}
	}
	if !nstest.Isolated(t) {
		return
	}
	openTUN(t, TUNConfig{Name: "tuntest2"})
	_, err := OpenTUN(TUNConfig{Name: "tuntest2"})
	var call *os.SyscallError
	if !errors.Is(err, syscall.EBUSY) || !errors.As(err, &call) || call.Syscall != "TUNSETIFF" {
		t.Errorf("in use: %v, want EBUSY from TUNSETIFF", err)
	}
	if _, err := OpenTUN(TUNConfig{Name: "lo"}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("lo as TUN: %v, want EINVAL", err)
	}
}

// A kernel that knows fewer offloads is asked for fewer.
func TestTUNOffloadsOfOlderKernels(t *testing.T) {
	t.Parallel()
	const base = packet.TxChecksum | packet.TSO
	for _, c := range []struct {
		name     string
		knows    int
		features packet.Features
		merges   bool
	}{
		{"6.2", 0xff, base | packet.USO, true},
		{"before 6.2", unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN | unix.TUN_F_UFO, base, true},
		{"without ECN", unix.TUN_F_CSUM | unix.TUN_F_TSO4, base, true},
		{"checksums alone", unix.TUN_F_CSUM, base, false},
		{"none", 0, base, false},
	} {
		f, merges, err := negotiate(func(flags int) error {
			if flags&^c.knows != 0 {
				return syscall.EINVAL
			}
			return nil
		})
		if f != c.features || merges != c.merges || err != nil {
			t.Errorf("%s: features %b, merges %t, %v; want %b, %t", c.name, f, merges, err, c.features, c.merges)
		}
	}
	if _, _, err := negotiate(func(int) error { return syscall.EPERM }); err != syscall.EPERM {
		t.Errorf("refused: %v, want EPERM", err)
	}
}

// A persistent device that was left with other settings works as a new one does.
func TestTUNPersistent(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	persistent(t, "tuntest3")
	for _, noOffload := range []bool{false, true, false} {
		dev := openTUN(t, TUNConfig{Name: "tuntest3", MTU: 1300, NoOffload: noOffload})
		if dev.MTU() != 1300 || dev.Name() != "tuntest3" {
			t.Errorf("%s of MTU %d, want tuntest3 of 1300", dev.Name(), dev.MTU())
		}
		host := hostUDP(t)
		stop := sendEvery(t, host, 10*time.Millisecond)
		_, o, b := expect(t, dev, protoUDP, stackAddr.Port())
		stop()
		if whole := o.Csum != packet.CsumPartial && intact(b); whole != noOffload {
			t.Errorf("NoOffload %t: whole is %t", noOffload, whole)
		}
		host.Close()
		dev.Close()
	}
}

// persistent makes a device that outlives who opens it, with an address, up.
func persistent(t *testing.T, name string) {
	t.Helper()
	err := netlink.LinkAdd(&netlink.Tuntap{
		LinkAttrs: netlink.LinkAttrs{Name: name},
		Mode:      netlink.TUNTAP_MODE_TUN, Flags: netlink.TUNTAP_NO_PI | netlink.TUNTAP_ONE_QUEUE,
	})
	if err != nil {
		t.Skipf("needs a persistent device: %v", err)
	}
	nstest.Up(t, name, hostNet)
}

// sendEvery sends datagrams to the device until stop is called: the kernel drops
// what is sent before it has noticed that the device has a reader again.
func sendEvery(t *testing.T, host *net.UDPConn, pause time.Duration) (stop func()) {
	ticker := time.NewTicker(pause)
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := host.WriteToUDPAddrPort(pattern(100), stackAddr); err != nil {
				t.Error(err)
			}
			select {
			case <-ticker.C:
			case <-stopped:
				return
			}
		}
	}()
	return func() { ticker.Stop(); close(stopped); <-done }
}

// Reading and writing a packet allocates nothing.
func TestTUNAllocations(t *testing.T) {
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{})
	nstest.Up(t, dev.Name(), hostNet)
	host := hostUDP(t)
	p := segment{src: stackAddr, dst: hostAddr, protocol: protoUDP, payload: pattern(100)}.out(true)
	buf, message := make([]byte, dev.MaxRead()), pattern(100)
	got := make([]byte, 200)
	if n := testing.AllocsPerRun(200, func() {
		if err := dev.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, _, err := host.ReadFromUDPAddrPort(got); err != nil {
			t.Fatal(err)
		}
		if _, err := host.WriteToUDPAddrPort(message, stackAddr); err != nil {
			t.Fatal(err)
		}
		if _, _, err := dev.Read(buf, true); err != nil {
			t.Fatal(err)
		}
		for {
			if _, _, err := dev.Read(buf, false); err == ErrWouldBlock {
				return
			}
		}
	}); n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

// Writers do not disturb each other.
func TestTUNConcurrentWrites(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{})
	nstest.Up(t, dev.Name(), hostNet)
	host := hostUDP(t)
	const writers, each = 4, 50
	for w := range writers {
		go func() {
			for i := range each {
				p := segment{src: stackAddr, dst: hostAddr, protocol: protoUDP, payload: bytes.Repeat([]byte{byte(w)}, 8+i)}.out(true)
				if err := dev.Write(p); err != nil {
					t.Error(err)
				}
				p.Release()
			}
		}()
	}
	var next [writers]int
	got := make([]byte, 200)
	for range writers * each {
		n, err := host.Read(got)
		if err != nil {
			t.Fatal(err)
		}
		w := got[0]
		if n != 8+next[w] || !bytes.Equal(got[:n], bytes.Repeat([]byte{w}, n)) {
			t.Fatalf("writer %d: %d bytes, want its next %d", w, n, 8+next[w])
		}
		next[w]++
	}
}
