package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/tinystack/tinystack/internal/netcfg"
	"github.com/tinystack/tinystack/ipv4"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
)

// network is a stack on a TUN device whose other end, the host's, is set up.
type network struct {
	stack  *stack.Stack
	host   *netcfg.Host
	device *watched
}

// openNetwork makes the device, sets up the host's end and starts the stack, whose
// default route is the host. impair, unless nil, is what the wire does to packets.
// It returns a *netcfg.MissingError where the machine lacks something.
func openNetwork(c netConfig, impair *link.ImpairConfig) (*network, error) {
	if err := netcfg.CheckSubnet(c.stack, c.dev); err != nil {
		return nil, propose(c, err)
	}
	dev, err := openDevice(c, impair)
	if err != nil {
		return nil, propose(c, netcfg.Explain(err, c.dev, commandLine()))
	}
	c.dev = dev.Name() // the system's choice, where the user made none
	n := &network{device: watch(dev)}
	if err := n.start(c); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// openDevice opens the driver's device. With impair it leaves the offloads off,
// so that what is lost or delayed are packets of wire size.
func openDevice(c netConfig, impair *link.ImpairConfig) (link.Device, error) {
	var dev link.Device
	var err error
	if c.driver == driverWater {
		dev, err = link.OpenWater(link.WaterConfig{Name: c.dev, MTU: c.mtu})
	} else {
		dev, err = link.OpenTUN(link.TUNConfig{Name: c.dev, MTU: c.mtu, NoOffload: impair != nil})
	}
	if err != nil || impair == nil {
		return dev, err
	}
	return link.Impair(dev, *impair)
}

func (n *network) start(c netConfig) (err error) {
	if n.host, err = netcfg.Up(c.netcfg()); err != nil {
		return err
	}
	if n.stack, err = stack.New(stack.Config{}); err != nil {
		return err
	}
	if err := n.stack.AddInterface(n.device, c.stack); err != nil {
		return err
	}
	return n.stack.AddRoute(netip.PrefixFrom(netip.IPv4Unspecified(), 0), c.host)
}

// Close takes all down that openNetwork put up.
func (n *network) Close() error {
	var errs []error
	if n.stack != nil {
		errs = append(errs, n.stack.Close())
	}
	if n.host != nil {
		errs = append(errs, n.host.Down())
	}
	return errors.Join(append(errs, n.device.Close())...)
}

// propose adds to a *netcfg.MissingError without one a command that mends it:
// the user's own, with a device and a subnet that are free.
func propose(c netConfig, err error) error {
	var missing *netcfg.MissingError
	if !errors.As(err, &missing) || missing.Mend != "" {
		return err
	}
	dev := c.dev
	for i := 1; i < 100 && taken(dev); i++ {
		dev = fmt.Sprintf("%s%d", strings.TrimRight(c.dev[:min(len(c.dev), 13)], "0123456789"), i)
	}
	// 198.18.0.0/15 is for benchmarks, so nobody's on a real network (RFC 2544 appendix C.2.2).
	for i := range 512 {
		at := netip.AddrFrom4([4]byte{198, byte(18 + i>>8), byte(i), 2})
		if netcfg.CheckSubnet(netip.PrefixFrom(at, 24), "") == nil {
			missing.Mend = fmt.Sprintf("%s --dev %s --addr %s/24 --host-addr %s", commandLine(), dev, at, at.Prev())
			break
		}
	}
	return err
}

func taken(device string) bool {
	_, err := net.InterfaceByName(device)
	return err == nil
}

// commandLine is what the user typed, for a proposal to begin with.
func commandLine() string {
	words := make([]string, len(os.Args))
	for i, w := range os.Args {
		words[i] = quote(w)
	}
	return strings.Join(words, " ")
}

// quote makes one word of w in a shell.
func quote(w string) string {
	plain := func(r rune) bool {
		return !strings.ContainsRune("-_=+.,/:%@", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	if w != "" && strings.IndexFunc(w, plain) < 0 {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
