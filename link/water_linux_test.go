package link

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tinystack/tinystack/internal/nstest"
	"github.com/tinystack/tinystack/packet"
)

func openWaterTUN(t *testing.T, cfg WaterConfig) *Water {
	t.Helper()
	dev, err := OpenWater(cfg)
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

func TestWater(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openWaterTUN(t, WaterConfig{Name: "water0", MTU: 1300})
	if dev.Name() != "water0" || dev.MTU() != 1300 || dev.MaxRead() != 1300 || dev.Features() != 0 {
		t.Errorf("%s of MTU %d, features %b; want water0 of 1300, 0", dev.Name(), dev.MTU(), dev.Features())
	}
	if err := dev.Write(datagram(1, 100)); err != syscall.ENETDOWN {
		t.Errorf("while it is down: %v, want ENETDOWN", err)
	}
	nstest.Up(t, dev.Name(), hostNet)
	host := hostUDP(t)
	payload := pattern(1000)
	if _, err := host.WriteToUDPAddrPort(payload, stackAddr); err != nil {
		t.Fatal(err)
	}
	s, o, b := expect(t, dev, protoUDP, stackAddr.Port())
	if !bytes.Equal(s.payload, payload) || o != (packet.Offload{}) || !intact(b) {
		t.Errorf("read %d bytes of payload, %+v, intact %t", len(s.payload), o, intact(b))
	}
	write(t, dev, segment{src: stackAddr, dst: hostAddr, protocol: protoUDP, payload: payload[:999]}.out(false))
	got := make([]byte, 2000)
	if n, err := host.Read(got); err != nil || !bytes.Equal(got[:n], payload[:999]) {
		t.Errorf("the host got %d bytes, %v", n, err)
	}
	if err := dev.Write(datagram(1, 1301)); err != syscall.EMSGSIZE {
		t.Errorf("above the MTU: %v, want EMSGSIZE", err)
	}
	if _, _, err := dev.Read(got, false); err != ErrWouldBlock {
		t.Errorf("Read without waiting: %v, want ErrWouldBlock", err)
	}
	closeWhileReading(t, dev)
}

// closeWhileReading closes dev under a waiting Read, and checks what it says then.
func closeWhileReading(t *testing.T, dev Device) {
	t.Helper()
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
	if err := dev.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != ErrClosed {
		t.Errorf("waiting Read: %v, want ErrClosed", err)
	}
	if _, _, err := dev.Read(make([]byte, dev.MaxRead()), true); err != ErrClosed {
		t.Errorf("Read: %v, want ErrClosed", err)
	}
	if err := dev.Write(datagram(1, 100)); err != ErrClosed {
		t.Errorf("Write: %v, want ErrClosed", err)
	}
	if err := dev.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

// A persistent device stays, and does not keep the offloads it was left with.
func TestWaterPersistent(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	persistent(t, "water1")
	openTUN(t, TUNConfig{Name: "water1"}).Close()
	dev := openWaterTUN(t, WaterConfig{Name: "water1"})
	host := hostUDP(t)
	stop := sendEvery(t, host, 10*time.Millisecond)
	if _, _, b := expect(t, dev, protoUDP, stackAddr.Port()); !intact(b) {
		t.Error("a checksum was left partial")
	}
	stop()
	dev.Close()
	if _, err := netlink.LinkByName("water1"); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

func TestWaterDeleted(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openWaterTUN(t, WaterConfig{Name: "water2"})
	l, err := netlink.LinkByName("water2")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkDel(l); err != nil {
		t.Fatal(err)
	}
	if _, _, err := dev.Read(make([]byte, dev.MaxRead()), true); err == nil || err == ErrClosed {
		t.Errorf("Read: %v, want an error that is not ErrClosed", err)
	}
	if err := dev.Write(datagram(1, 100)); err != syscall.ENODEV {
		t.Errorf("Write: %v, want ENODEV", err)
	}
}

func TestOpenWaterErrors(t *testing.T) {
	t.Parallel()
	for _, cfg := range []WaterConfig{{MTU: 67}, {MTU: 65536}, {Name: strings.Repeat("x", 16)}} {
		if dev, err := OpenWater(cfg); err == nil {
			dev.Close()
			t.Errorf("%+v: opened", cfg)
		}
	}
	if !nstest.Isolated(t) {
		return
	}
	openWaterTUN(t, WaterConfig{Name: "water3"})
	_, err := OpenWater(WaterConfig{Name: "water3"})
	var call *os.SyscallError
	if !errors.Is(err, syscall.EBUSY) || !errors.As(err, &call) || call.Syscall != "TUNSETIFF" {
		t.Errorf("in use: %v, want EBUSY from TUNSETIFF", err)
	}
}

// A super-packet of the host's TCP comes through the impairment in wire size.
func TestImpairedTUN(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	tun := openTUN(t, TUNConfig{})
	nstest.Up(t, tun.Name(), hostNet)
	dev, err := Impair(tun, ImpairConfig{Impairment: Impairment{Delay: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	const up = 100 << 10
	hostErr := make(chan error, 1)
	go func() { hostErr <- hostTCP(up, 0) }()
	syn, _, _ := expect(t, dev, protoTCP, stackAddr.Port())
	peer := tcpPeer{dev: dev, remote: syn.src, seq: 1000, ack: syn.seq + 1, whole: true}
	write(t, dev, peer.next(0x12, nil)) // SYN, ACK
	peer.seq++
	if largest := peer.receive(t, up); largest > dev.MTU() {
		t.Errorf("a packet of %d bytes, with an MTU of %d", largest, dev.MTU())
	}
	if err := <-hostErr; err != nil {
		t.Errorf("the host: %v", err)
	}
	closeWhileReading(t, dev)
}
