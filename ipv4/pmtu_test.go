package ipv4

import (
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/trace"
)

func TestPathMTUHeals(t *testing.T) { synctest.Test(t, testPathMTUHeals) }

func testPathMTUHeals(t *testing.T) {
	h := newHost(t, Config{})
	h.addRoute(Entry{Dst: prefix("0.0.0.0/0"), Gateway: peerA})
	r, other := h.route(distant), h.route(distant.Next())
	mtu := func(want int) {
		t.Helper()
		if got := r.MTU(); got != want {
			t.Fatalf("MTU is %d, want %d", got, want)
		}
	}
	mtu(1500)
	r.LowerMTU(1400)
	mtu(1400)
	if other.MTU() != 1500 {
		t.Error("another destination's MTU changed")
	}
	if again := h.route(distant); again.MTU() != 1400 {
		t.Error("another route to the destination has another MTU")
	}
	r.LowerMTU(1450) // a message never raises it (RFC 1191 3)
	r.LowerMTU(67)   // nor is one below 68 heeded
	r.LowerMTU(0)
	r.LowerMTU(-1)
	mtu(1400)

	p := udpOut(1400)
	p.DF = true
	wantErr(t, "DF", r.Send(p), syscall.EMSGSIZE)
	wantErr(t, "no DF", r.Send(udpOut(1400)), nil)
	if n := len(h.a.take()); n != 2 {
		t.Errorf("%d fragments", n)
	}

	// "MUST NOT be done less than 10 minutes after" https://www.rfc-editor.org/rfc/rfc1191#section-6.3
	time.Sleep(5 * time.Minute)
	r.LowerMTU(1300)
	time.Sleep(10*time.Minute - time.Nanosecond)
	mtu(1300)
	time.Sleep(time.Nanosecond)
	synctest.Wait()
	mtu(1500)
}

func TestPathMTUFloor(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	r := h.route(peerA)
	r.LowerMTU(552)
	p := udpOut(500)
	p.DF = true
	wantErr(t, "send", r.Send(p), nil)
	if d := h.one(h.a); d.Flags.String() != "DF" {
		t.Error("DF is gone though the path takes 552 bytes")
	}
	r.LowerMTU(296)
	if r.MTU() != 552 {
		t.Errorf("MTU is %d, want 552", r.MTU())
	}
	p = udpOut(500)
	p.DF = true
	wantErr(t, "send", r.Send(p), nil)
	if d := h.one(h.a); d.Flags != 0 {
		t.Error("a packet that the path doesn't take whole was sent with DF")
	}

	h.a.mtu = 400 // the link itself takes less
	if r.MTU() != 400 {
		t.Errorf("MTU is %d, want 400", r.MTU())
	}
}

func TestPathMTUsAreBounded(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	h.addRoute(Entry{Dst: prefix("0.0.0.0/0"), Gateway: peerA})
	for i := range uint32(5000) {
		h.route(addr4(10<<24 + i)).LowerMTU(1400)
	}
	if n := h.pmtus.paths.len(); n != pmtuMax {
		t.Errorf("%d paths", n)
	}
	if first, last := h.route(addr4(10<<24)), h.route(addr4(10<<24+4999)); first.MTU() != 1500 || last.MTU() != 1400 {
		t.Error("not the oldest made room")
	}
}

func TestLoopbackHasNoPathMTU(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	for _, a := range []netip.Addr{lo, hostA} {
		r := h.route(a)
		r.LowerMTU(1000)
		if r.MTU() != packet.MaxSize {
			t.Errorf("MTU to %v is %d", a, r.MTU())
		}
	}
}

// A device's MTU is a new one as soon as it changes.
func TestLinkMTUChanges(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	r := h.route(peerA)
	h.a.mtu = 9000
	if r.MTU() != 9000 || h.ia.MTU() != 9000 {
		t.Errorf("MTU is %d", r.MTU())
	}
}

// A device whose MTU falls below what IPv4 can do with is given packets of 68
// bytes, which it may refuse: no fragment is empty, and there is an end to them.
func TestLinkMTUTooSmall(t *testing.T) {
	t.Parallel()
	for _, mtu := range []int{67, 20, 0, -1} {
		h := newRouter(t)
		r := h.route(peerB)
		h.b.mtu = mtu
		if r.MTU() != 68 || h.ib.MTU() != 68 {
			t.Errorf("device says %d: MTU is %d", mtu, r.MTU())
		}
		if err := r.Send(udpOut(48 - 8 + 1)); err != nil {
			t.Errorf("device says %d: %v", mtu, err)
		}
		h.input(h.ia, udpTo(peerA, peerB, 48-8+1))
		if s := h.b.take(); len(s) != 4 || len(s[0].b) != 68 || len(s[3].b) != 21 {
			t.Errorf("device says %d: %d packets, want 2 for each sent", mtu, len(s))
		}
	}
}

func TestRouteLookupIsCached(t *testing.T) {
	h := newHost(t, Config{})
	r := h.route(peerA)
	if n := testing.AllocsPerRun(100, func() { r.MTU() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	before := r.(*route).hop()
	h.addRoute(Entry{Dst: prefix("192.0.2.9/32"), Interface: h.ib})
	if h := r.(*route).hop(); h == before || h.iface.Name() != "b" {
		t.Error("the route didn't follow the table")
	}
}

// Routes out of one interface have one hop, but for those whose path takes less.
func TestRoutesShareAHop(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{})
	h.addRoute(Entry{Dst: prefix("0.0.0.0/0"), Gateway: peerA})
	r, other := h.route(addr4(10<<24)).(*route), h.route(addr4(10<<24+1)).(*route)
	if r.hop() != other.hop() || r.hop() == h.route(lo).(*route).hop() {
		t.Error("not the routes out of one interface share a hop")
	}
	r.LowerMTU(1400)
	if r.hop() == other.hop() || r.MTU() != 1400 || other.MTU() != 1500 {
		t.Errorf("MTU is %d, and %d to another host", r.MTU(), other.MTU())
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		c  Config
		ok bool
	}{
		"zero":                    {Config{}, true},
		"TTL 255":                 {Config{TTL: 255}, true},
		"TTL 256":                 {Config{TTL: 256}, false},
		"TTL negative":            {Config{TTL: -1}, false},
		"timeout short":           {Config{ReassemblyTimeout: time.Microsecond}, false},
		"timeout negative":        {Config{ReassemblyTimeout: -1}, false},
		"timeout long":            {Config{ReassemblyTimeout: time.Hour}, false},
		"timeout of RFC 1122":     {Config{ReassemblyTimeout: time.Minute}, true},
		"memory small":            {Config{ReassemblyMemory: 1000}, false},
		"memory large":            {Config{ReassemblyMemory: 1<<30 + 1}, false},
		"memory off":              {Config{ReassemblyMemory: -1}, true},
		"rate high":               {Config{ICMPRate: 1e6 + 1}, false},
		"rate low":                {Config{ICMPRate: 1}, true},
		"no limit":                {Config{ICMPRate: -1}, true},
		"as large as they may be": {Config{true, 255, 10 * time.Minute, 1 << 30, 1e6, rand.NewPCG(1, 2), trace.New().Node("a")}, true},
	}
	for name, tt := range tests {
		l, err := New(tt.c)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
		if l != nil {
			l.Close()
		}
	}
}

func TestHandle(t *testing.T) {
	t.Parallel()
	h := newHost(t, Config{ICMPRate: -1})
	h.Handle(protocolUDP, nil)
	h.input(h.ia, udpTo(peerA, hostA, 1))
	h.one(h.a) // protocol unreachable
	second := &recorder{}
	h.Handle(protocolUDP, second)
	h.input(h.ia, udpTo(peerA, hostA, 1))
	if len(h.udp.received) != 0 || len(second.received) != 1 {
		t.Error("the new handler was not used")
	}
}
