package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/tinystack/tinystack/internal/netcfg"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/stack"
	"github.com/tinystack/tinystack/trace"
)

// network is a stack on a TUN device whose other end, the host's, is set up.
type network struct {
	stack  *stack.Stack
	host   *netcfg.Host
	dev    *link.Capture
	trace  *trace.Tracer
	node   *trace.Node // the stack's
	events *traceFile
	names  *nameServer // nil if there is none
}

// openNetwork makes the device, sets up the host's end and starts the stack, whose
// default route is the host. impair, unless nil, is what the wire does to packets;
// watch, unless nil, is called before the first packet passes, to listen. It returns a
// *netcfg.MissingError where the machine lacks something.
func openNetwork(c netConfig, impair *link.ImpairConfig, watch func(*network) error) (*network, error) {
	if err := netcfg.CheckSubnet(c.stack, c.dev); err != nil {
		return nil, propose(c, err)
	}
	dev, err := openDevice(c, impair)
	if err != nil {
		return nil, propose(c, netcfg.Explain(err, c.dev, commandLine()))
	}
	c.dev = dev.Name() // the system's choice, where the user made none
	n := &network{dev: link.NewCapture(dev), trace: trace.New(), events: &traceFile{name: c.trace, log: c.log}}
	n.node = n.trace.Node(cmp.Or(c.node, "tinystack"))
	if watch != nil {
		err = watch(n)
	}
	if err == nil {
		err = n.events.begin(n.trace)
	}
	if err == nil {
		err = n.start(c)
	}
	if err != nil {
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
		dev, err = openTUN(c, c.whole || impair != nil)
	}
	if err != nil || impair == nil {
		return dev, err
	}
	wire, err := link.Impair(dev, *impair)
	if err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	return wire, nil
}

// openTUN opens Linux's device. Where nobody said how many queues, it has one before a bad
// wire, which has one itself, and if it was made without multi_queue.
func openTUN(c netConfig, badWire bool) (link.Device, error) {
	cfg := link.TUNConfig{Name: c.dev, MTU: c.mtu, NoOffload: badWire, Queues: c.queues}
	if c.queues != autoQueues {
		return link.OpenTUN(cfg)
	}
	cfg.Queues = link.DefaultQueues()
	if badWire {
		cfg.Queues = 1
	}
	dev, err := link.OpenTUN(cfg)
	if errors.Is(err, link.ErrOneQueue) {
		cfg.Queues = 1
		return link.OpenTUN(cfg)
	}
	return dev, err
}

func (n *network) start(c netConfig) (err error) {
	if n.host, err = netcfg.Up(c.netcfg()); err != nil {
		return err
	}
	config := stack.Config{TCP: c.tcp, Trace: n.node}
	if n.stack, err = stack.New(config); err != nil {
		return err
	}
	if err := n.stack.AddInterface(n.dev, c.stack); err != nil {
		return err
	}
	return n.stack.SetDefaultGateway(c.host)
}

// failed is closed when the device is no longer read.
func (n *network) failed() <-chan struct{} { return n.stack.Interface(n.dev.Name()).Done() }

// failure is why the device failed.
func (n *network) failure() error {
	return fmt.Errorf("the device %s failed: %w", n.dev.Name(), n.stack.Interface(n.dev.Name()).Err())
}

// Close takes all down that openNetwork put up.
func (n *network) Close() error {
	var errs []error
	if n.names != nil {
		errs = append(errs, n.names.Close())
	}
	if n.stack != nil {
		errs = append(errs, n.stack.Close())
	}
	if n.host != nil {
		errs = append(errs, n.host.Down())
	}
	if err := n.dev.Close(); !errors.Is(err, link.ErrClosed) { // by the stack, as a rule
		errs = append(errs, err)
	}
	errs = append(errs, n.events.Close()) // which has the end of the connections, too
	return errors.Join(errs...)
}

// propose adds to a *netcfg.MissingError without one a command that mends it:
// the user's own, with a device and a subnet that are free.
func propose(c netConfig, err error) error {
	var missing *netcfg.MissingError
	if !errors.As(err, &missing) || missing.Mend != "" {
		return err
	}
	proposal := commandLine()
	if os.Geteuid() == 0 && os.Getenv("SUDO_USER") != "" {
		proposal = "sudo " + proposal // which is not among the arguments
	}
	if dev := freeDevice(c.dev); dev != c.dev {
		proposal += " --dev " + dev
	}
	// 198.18.0.0/15 is for benchmarks, so nobody's on a real network (RFC 2544
	// appendix C.2.2). The first two subnets are the defaults of up and ping.
	for i := 2; i < 512; i++ {
		at := netip.AddrFrom4([4]byte{198, byte(18 + i>>8), byte(i), 2})
		if netcfg.CheckSubnet(netip.PrefixFrom(at, 24), "") == nil {
			missing.Mend = fmt.Sprintf("%s --addr %s/24 --host-addr %s", proposal, at, at.Prev())
			break
		}
	}
	return err
}

// freeDevice returns name, or if there is an interface of that name, one with
// another number.
func freeDevice(name string) string {
	free := name
	for i := 1; i < 100; i++ {
		if _, err := net.InterfaceByName(free); err != nil {
			break
		}
		free = fmt.Sprintf("%s%d", strings.TrimRight(name[:min(len(name), 13)], "0123456789"), i)
	}
	return free
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
