package stack_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/stack"
)

func TestConfigRange(t *testing.T) {
	t.Parallel()
	var ip, udp stack.Config
	ip.IP.TTL = 256
	udp.UDP.ReadBuffer = -1
	for field, cfg := range map[string]stack.Config{"Config.TTL": ip, "Config.ReadBuffer": udp} {
		if _, err := stack.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestAddInterface(t *testing.T) {
	t.Parallel()
	s := newStack(t, stack.Config{})
	dev, other := link.Pair(link.PairConfig{})
	second, _ := link.Pair(link.PairConfig{})
	must(t, s.AddInterface(dev, netip.PrefixFrom(addrA, 24)))
	if err := s.AddInterface(second); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("the same name: %v", err)
	}
	if err := s.AddInterface(other, netip.PrefixFrom(addrB, 24), netip.PrefixFrom(addrA, 32)); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("an address that is there: %v", err)
	}
	if s.Interface(other.Name()) != nil || len(s.Interfaces()) != 2 {
		t.Error("an interface that could not be added is there")
	}
	if err := other.Write(packet.NewOut()); errors.Is(err, link.ErrClosed) {
		t.Error("the device of an interface that could not be added was closed")
	}
	must(t, s.AddInterface(other, netip.PrefixFrom(addrB, 24)))
	if err := s.AddInterface(&badDevice{Device: second, name: "small", maxRead: 1499}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("MaxRead below the MTU: %v", err)
	}
	i := s.Interface(dev.Name())
	must(t, i.AddAddress(netip.MustParsePrefix("203.0.113.1/24")))
	must(t, i.RemoveAddress(netip.PrefixFrom(addrA, 24)))
	if got := i.Addresses(); len(got) != 1 || got[0] != netip.MustParsePrefix("203.0.113.1/24") {
		t.Errorf("addresses: %v", got)
	}
	if i.MTU() != 1500 || i.Name() != dev.Name() {
		t.Errorf("MTU %d, name %s", i.MTU(), i.Name())
	}
}

func TestRemoveInterface(t *testing.T) { synctest.Test(t, testRemoveInterface) }

func testRemoveInterface(t *testing.T) {
	a, b := two(t, link.PairConfig{})
	go echoPackets(listenPacket(t, b, ":53"))
	c := dial(t, a, "udp", "198.18.0.2:53")
	exchange(t, c, []byte("before"))
	i := a.Interfaces()[1]
	must(t, a.RemoveInterface(i.Name()))
	<-i.Done()
	if i.Err() != nil {
		t.Errorf("removed on request: %v", i.Err())
	}
	if _, err := c.Write(nil); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("Write: %v, want ENETUNREACH", err)
	}
	if err := a.RemoveInterface(i.Name()); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("again: %v", err)
	}
	// It may come back, under its old name, and what is connected goes on.
	join(t, a, "198.18.0.1/24", b, "198.18.0.3/24", link.PairConfig{Name: "new"})
	if _, err := c.Write([]byte("after")); err != nil {
		t.Errorf("Write: %v", err)
	}
}

// A socket for all addresses sends from one that the stack has now.
func TestAddressChanges(t *testing.T) { synctest.Test(t, testAddressChanges) }

func testAddressChanges(t *testing.T) {
	a, b := two(t, link.PairConfig{})
	server := listenPacket(t, b, ":53")
	client := listenPacket(t, a, ":54")
	to := &net.UDPAddr{IP: addrB.AsSlice(), Port: 53}
	i := a.Interfaces()[1]
	for _, want := range []string{"198.18.0.1", "198.18.0.9", "198.18.0.1"} {
		p := netip.PrefixFrom(netip.MustParseAddr(want), 24)
		if before := i.Addresses()[0]; before != p {
			must(t, i.AddAddress(p))
			must(t, i.RemoveAddress(before))
		}
		if _, err := client.WriteTo([]byte("x"), to); err != nil {
			t.Fatal(err)
		}
		_, from, err := server.ReadFrom(make([]byte, 1))
		if err != nil || from.String() != want+":54" {
			t.Errorf("from %v, %v; want %s", from, err, want)
		}
	}
}

// badDevice is one that someone else wrote, and that fails.
type badDevice struct {
	link.Device
	name    string
	maxRead int
	n       int
	err     error
}

func (d *badDevice) Name() string { return d.name }
func (d *badDevice) MaxRead() int { return d.maxRead }
func (d *badDevice) Read([]byte, bool) (int, packet.Offload, error) {
	return d.n, packet.Offload{}, d.err
}

// A device that fails takes its interface down, is closed, counted and reported;
// the stack goes on.
func TestDeviceFails(t *testing.T) {
	t.Parallel()
	for name, dev := range map[string]*badDevice{
		"error":             {err: io.ErrUnexpectedEOF},
		"closed":            {err: link.ErrClosed},
		"impossible length": {n: 3000},
		"negative length":   {n: -1},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); testDeviceFails(t, dev) })
	}
}

func testDeviceFails(t *testing.T, dev *badDevice) {
	var log bytes.Buffer
	s := newStack(t, stack.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	dev.Device, _ = link.Pair(link.PairConfig{})
	dev.name, dev.maxRead = "bad0", 2048
	must(t, s.AddInterface(dev, netip.PrefixFrom(addrA, 24)))
	i := s.Interface("bad0")
	<-i.Done()
	if err := i.Err(); err == nil || dev.err != nil && !errors.Is(err, dev.err) {
		t.Errorf("Err: %v", err)
	}
	if got := i.Stats(); got.Up || got.InErrors != 1 {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(log.String(), "bad0") {
		t.Errorf("the log says %q", log.String())
	}
	if err := dev.Write(packet.NewOut()); !errors.Is(err, link.ErrClosed) {
		t.Errorf("the device was not closed: %v", err)
	}
	if _, err := s.Dial("udp", "198.18.0.2:53"); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("Dial: %v", err)
	}
	c := listenPacket(t, s, "127.0.0.1:53")
	go echoPackets(c)
	exchange(t, dial(t, s, "udp", "127.0.0.1:53"), []byte("loopback is alive"))
	must(t, s.RemoveInterface("bad0"))
}

// Close wakes all who wait, leaves no goroutine (or the bubble would not end), and
// what is called later says so.
func TestClose(t *testing.T) { synctest.Test(t, testClose) }

func testClose(t *testing.T) {
	a, _ := two(t, link.PairConfig{})
	server := listenPacket(t, a, ":53")
	client := dial(t, a, "udp", "198.18.0.2:53")
	errs := make(chan error, 3)
	go func() {
		_, _, err := server.ReadFrom(make([]byte, 1))
		errs <- err
	}()
	go func() {
		_, err := client.Read(make([]byte, 1))
		errs <- err
	}()
	go func() {
		_, err := a.Ping(t.Context(), ipv4.EchoRequest{Remote: netip.MustParseAddr("198.18.0.99")})
		errs <- err
	}()
	synctest.Wait()
	interfaces := a.Interfaces()
	must(t, a.Close())
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			t.Errorf("a call that waited: %v", err)
		}
	}
	for _, i := range interfaces {
		select {
		case <-i.Done():
		default:
			t.Errorf("%s is still read", i.Name())
		}
		if i.Err() != nil {
			t.Errorf("%s: %v", i.Name(), i.Err())
		}
	}
	if err := a.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Close again: %v", err)
	}
	dev, _ := link.Pair(link.PairConfig{Name: "late"})
	if err := a.AddInterface(dev); !errors.Is(err, net.ErrClosed) {
		t.Errorf("AddInterface: %v", err)
	}
	if _, err := a.ListenPacket("udp", ":0"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ListenPacket: %v", err)
	}
	if _, err := a.Dial("udp", "127.0.0.1:53"); err == nil {
		t.Error("Dial succeeded")
	}
}

// Close while others add, remove, dial and send, for -race.
func TestCloseConcurrently(t *testing.T) { synctest.Test(t, testCloseConcurrently) }

func testCloseConcurrently(t *testing.T) {
	a, b := two(t, link.PairConfig{})
	go echoPackets(listenPacket(t, b, ":53"))
	for range 4 {
		go func() {
			for range 50 {
				c, err := a.Dial("udp", "198.18.0.2:53")
				if err != nil {
					return
				}
				c.Write([]byte("data"))
				c.SetReadDeadline(time.Now().Add(time.Second))
				c.Read(make([]byte, 10))
				a.Stats()
				a.UDPConns()
				c.Close()
			}
		}()
	}
	go func() {
		for range 50 {
			dev, _ := link.Pair(link.PairConfig{Name: "come-and-go"})
			if a.AddInterface(dev, netip.MustParsePrefix("203.0.113.1/24")) == nil {
				a.RemoveInterface(dev.Name())
			}
		}
	}()
	go func() { a.Close() }()
	time.Sleep(time.Millisecond)
	a.Close()
	synctest.Wait()
	if n := len(a.UDPConns()); n != 0 {
		t.Errorf("%d sockets are left", n)
	}
}

func TestStats(t *testing.T) { synctest.Test(t, testStats) }

func testStats(t *testing.T) {
	a, b := two(t, link.PairConfig{})
	go echoPackets(listenPacket(t, b, ":53"))
	c := dial(t, a, "udp", "198.18.0.2:53")
	exchange(t, c, make([]byte, 72))
	s := a.Stats()
	if len(s.Interfaces) != 2 || s.Interfaces[0].Name != "lo" || !s.Interfaces[0].Up {
		t.Fatalf("%+v", s.Interfaces)
	}
	i := s.Interfaces[1]
	if !i.Up || i.InPackets != 1 || i.OutPackets != 1 || i.InOctets != 100 || i.OutOctets != 100 || i.InErrors+i.OutErrors != 0 {
		t.Errorf("%+v", i)
	}
	if i.InDrops+i.OutDrops != 0 {
		t.Errorf("%+v", i)
	}
	if s.UDP.InDatagrams != 1 || s.UDP.OutDatagrams != 1 || s.IP.InDelivers != 1 || s.IP.OutRequests != 1 {
		t.Errorf("%+v %+v", s.UDP, s.IP)
	}
	if got := a.UDPConns(); len(got) != 1 || got[0].Remote != netip.MustParseAddrPort("198.18.0.2:53") {
		t.Errorf("%+v", got)
	}
	_, err := a.Ping(context.Background(), ipv4.EchoRequest{Remote: addrB})
	must(t, err)
	if s := a.Stats(); s.ICMP.OutEchos != 1 || s.ICMP.InEchoReps != 1 {
		t.Errorf("%+v", s.ICMP)
	}
}

// What a device loses itself is told with the interface's counters, also through
// a capture.
func TestDeviceDrops(t *testing.T) {
	end, _ := link.Pair(link.PairConfig{Queue: 1})
	s := newStack(t, stack.Config{})
	if err := s.AddInterface(link.NewCapture(end), netip.MustParsePrefix("198.18.0.1/24")); err != nil {
		t.Fatal(err)
	}
	c := dial(t, s, "udp", "198.18.0.2:9")
	for range 3 { // to an end that nobody reads
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if i := s.Interface("pipea").Stats(); i.OutPackets != 3 || i.OutDrops != 2 || i.InDrops != 0 {
		t.Errorf("%+v", i)
	}
}
