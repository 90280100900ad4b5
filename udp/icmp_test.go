package udp

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/tinystack/tinystack/packet"
)

// A connected socket that asks for it is told who sent an ICMP error, even one that
// may pass by itself, such as the time exceeded; one that doesn't is not told of that.
func TestReportICMP(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	loopback, router := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1")
	c, err := h.Dial(netip.AddrPort{}, netip.AddrPortFrom(loopback, 53))
	if err != nil {
		t.Fatal(err)
	}
	port := c.local.Port()
	exceeded := packet.Control{
		Local: loopback, Remote: loopback, From: router, Type: 11,
		Quoted: []byte{byte(port >> 8), byte(port), 0, 53, 0, 8, 0, 0}, Err: syscall.EHOSTUNREACH,
	}
	h.Control(&exceeded)
	if c.err != nil || h.stats.ControlIgnored != 1 {
		t.Errorf("not asked for: error %v, ignored %d", c.err, h.stats.ControlIgnored)
	}
	if err := c.SetReportICMP(true); err != nil {
		t.Fatal(err)
	}
	h.Control(&exceeded)
	_, err = c.Read(make([]byte, 1))
	var of *ICMPError
	if !errors.As(err, &of) || of.From != router || of.Type != 11 || !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("asked for: error %v", err)
	}
	if h.stats.ControlDelivered != 1 {
		t.Errorf("delivered %d, not 1", h.stats.ControlDelivered)
	}
}

// The TTL is 1 to 255, or 0 for the network layer's.
func TestSetTTL(t *testing.T) {
	t.Parallel()
	c := newHost(t, Config{}).listen(t, 53)
	for _, hops := range []int{0, 1, 255} {
		if err := c.SetTTL(hops); err != nil || c.ttl.Load() != uint32(hops) {
			t.Errorf("%d hops: %v", hops, err)
		}
	}
	for _, hops := range []int{-1, 256} {
		if err := c.SetTTL(hops); !errors.Is(err, syscall.EINVAL) || c.ttl.Load() != 255 {
			t.Errorf("%d hops: %v", hops, err)
		}
	}
}
