package netcfg

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tinystack/tinystack/internal/nstest"
)

var testConfig = Config{
	Device: "v0",
	Host:   netip.MustParsePrefix("198.18.0.1/24"),
	Peer:   netip.MustParseAddr("198.18.0.2"),
	MTU:    1400,
}

// addLink makes an interface for the test to set up.
func addLink(t *testing.T, name string) netlink.Link {
	t.Helper()
	err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "peer"})
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("the kernel has no veth device")
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// state is what Up is to set, and Down to restore.
func state(t *testing.T, name string) string {
	t.Helper()
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		t.Fatal(err)
	}
	s := strconv.Itoa(ifi.MTU)
	if ifi.Flags&net.FlagUp != 0 {
		s += " up"
	}
	for _, a := range addrs {
		s += " " + a.String()
	}
	return s
}

func TestUpSetsAndDownRestores(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	addLink(t, "v0")
	before := state(t, "v0")
	h, err := Up(testConfig)
	if err != nil {
		t.Fatal(err)
	}
	// No IPv6 address either, so the kernel solicits no router.
	if got, want := state(t, "v0"), "1400 up 198.18.0.1/24"; got != want {
		t.Errorf("after Up %q, want %q", got, want)
	}
	if h.Todo != "" {
		t.Errorf("there is something left to do: %s", h.Todo)
	}
	if err := h.Down(); err != nil {
		t.Error(err)
	}
	if got := state(t, "v0"); got != before {
		t.Errorf("after Down %q, want %q as before", got, before)
	}
}

// A device that an administrator set up for the user stays as it was.
func TestUpLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	addLink(t, "v0")
	if _, err := Up(testConfig); err != nil {
		t.Fatal(err)
	}
	before := state(t, "v0")
	h, err := Up(testConfig)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.undo) != 0 {
		t.Errorf("%d changes to a device that was as wanted", len(h.undo))
	}
	if err := h.Down(); err != nil {
		t.Error(err)
	}
	if got := state(t, "v0"); got != before {
		t.Errorf("after Down %q, want %q", got, before)
	}
}

func TestUpUndoesWhenItFails(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	addLink(t, "v0")
	before := state(t, "v0")
	bad := testConfig
	bad.MTU, bad.Host = 1000, netip.MustParsePrefix("fd00::1/64") // IPv6 needs 1280
	if _, err := Up(bad); err == nil {
		t.Fatal("Up gave an IPv6 address to an interface with an MTU of 1000")
	}
	if got := state(t, "v0"); got != before {
		t.Errorf("after a failed Up %q, want %q as before", got, before)
	}
}

func TestDownAfterTheDeviceWent(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	l := addLink(t, "v0")
	h, err := Up(testConfig)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkDel(l); err != nil {
		t.Fatal(err)
	}
	if err := h.Down(); err != nil {
		t.Errorf("Down: %v, want nil: there is nothing left to undo", err)
	}
}

func TestCheckSubnet(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	l := addLink(t, "v0")
	nstest.Up(t, "v0", netip.MustParsePrefix("10.1.2.3/24"))
	nstest.Up(t, "v0peer", netip.Prefix{})
	gw := net.IPv4(10, 1, 2, 1)
	for _, r := range []netlink.Route{
		{Dst: cidr(t, "0.0.0.0/0"), Gw: gw},
		{Dst: cidr(t, "128.0.0.0/1"), Gw: gw},
		{Dst: cidr(t, "172.16.0.0/12"), Gw: gw},
		{Dst: cidr(t, "192.0.2.0/24"), LinkIndex: l.Attrs().Index, Table: 77},
	} {
		if err := netlink.RouteAdd(&r); err != nil {
			t.Fatalf("route %v: %v", r.Dst, err)
		}
	}
	for _, tt := range []struct{ subnet, device, want string }{
		{"198.18.0.2/24", "t0", ""}, // only the default routes lead there
		{"10.1.2.200/25", "t0", "the subnet 10.1.2.128/25 is taken: interface v0 has the address 10.1.2.3/24"},
		{"10.0.0.0/8", "t0", "the subnet 10.0.0.0/8 is taken: interface v0 has the address 10.1.2.3/24"},
		{"10.1.2.0/24", "v0", ""}, // its own
		{"172.20.0.0/16", "t0", "the subnet 172.20.0.0/16 is taken: there is a route to 172.16.0.0/12 by way of 10.1.2.1 on interface v0"},
		{"192.0.2.0/25", "t0", "the subnet 192.0.2.0/25 is taken: there is a route to 192.0.2.0/24 on interface v0"},
		{"127.1.0.0/16", "t0", "the subnet 127.1.0.0/16 is taken: interface lo has the address 127.0.0.1/8"},
		{"fd00::/64", "t0", ""},
	} {
		err := CheckSubnet(netip.MustParsePrefix(tt.subnet), tt.device)
		var missing *MissingError
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("CheckSubnet(%s, %s) = %v, want nil", tt.subnet, tt.device, err)
		case tt.want != "" && (!errors.As(err, &missing) || err.Error() != tt.want):
			t.Errorf("CheckSubnet(%s, %s) = %v, want %s", tt.subnet, tt.device, err, tt.want)
		}
	}
}

func cidr(t *testing.T, s string) *net.IPNet {
	t.Helper()
	_, n, err := net.ParseCIDR(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestExplain(t *testing.T) {
	t.Parallel()
	open := func(errno error) error { return &fs.PathError{Op: "open", Path: node, Err: errno} }
	ioctl := func(errno error) error { return os.NewSyscallError("ioctl TUNSETIFF", errno) }
	for _, tt := range []struct {
		err        error
		what, mend string
	}{
		{open(unix.ENOENT), "the TUN driver is not there", "sudo modprobe tun"},
		{open(unix.ENODEV), "the TUN driver is not there", "sudo modprobe tun"},
		{open(unix.EACCES), "/dev/net/tun may not be opened by user", "sudo "},
		{ioctl(unix.EPERM), "CAP_NET_ADMIN is missing", "NET_ADMIN"},
		{ioctl(unix.EBUSY), "the device t0 is taken by another process", ""},
	} {
		var missing *MissingError
		err := Explain(tt.err, "t0", "tinystack up")
		if !errors.As(err, &missing) {
			t.Errorf("Explain(%v) = %v, want a *MissingError", tt.err, err)
			continue
		}
		if !strings.HasPrefix(missing.What, tt.what) || !strings.Contains(strings.ToUpper(missing.Mend), strings.ToUpper(tt.mend)) {
			t.Errorf("Explain(%v) = %q, mended by %q; want %q, %q", tt.err, missing.What, missing.Mend, tt.what, tt.mend)
		}
		if !errors.Is(err, tt.err) {
			t.Errorf("Explain(%v) lost its cause", tt.err)
		}
	}
	var missing *MissingError
	if err := Explain(ioctl(unix.EINVAL), "lo", ""); !errors.As(err, &missing) || missing.Mend != "" ||
		!strings.HasPrefix(missing.What, "there is an interface lo") {
		t.Errorf("Explain of lo's EINVAL = %v, want that lo is there", err)
	}
	if err := ioctl(unix.EINVAL); Explain(err, "t0", "") != err {
		t.Errorf("Explain(%v) changed an error that is none of privilege", err)
	}
}

// Who has the device open is named.
func TestUser(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	f, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs %s: %v", node, err)
	}
	defer f.Close()
	ifr, err := unix.NewIfreq("t0")
	if err != nil {
		t.Fatal(err)
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(int(f.Fd()), unix.TUNSETIFF, ifr); err != nil {
		t.Skipf("needs a TUN device: %v", err)
	}
	if got, want := user("t0"), "process "+strconv.Itoa(os.Getpid())+" ("; !strings.HasPrefix(got, want) {
		t.Errorf("user of t0 is %q, want %q...", got, want)
	}
	if got := user("t1"); got != "another process" {
		t.Errorf("user of t1, which is not there, is %q", got)
	}
}

// What decides is the setting of the device; what can't be asked is not denied.
func TestForwards(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	addLink(t, "v0")
	h, err := Up(testConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Down()
	if !Local(testConfig.Host.Addr()) || Local(testConfig.Peer) {
		t.Error("the address of the host's end is the machine's, that of the other end is not")
	}
	for value, want := range map[string]bool{"0": false, "1": true} {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/v0/forwarding", []byte(value), 0o644); err != nil {
			t.Skipf("needs a /proc/sys that the test's namespace may write: %v", err)
		}
		if got := Forwards("v0"); got != want {
			t.Errorf("forwarding is %s, and told as %t", value, got)
		}
	}
	if !Forwards("gone") {
		t.Error("a device that can't be asked is said not to forward")
	}
}
