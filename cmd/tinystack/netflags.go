package main

import (
	"log/slog"
	"net/netip"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tinystack/tinystack/internal/netcfg"
	"github.com/tinystack/tinystack/tcp"
)

// Limits of --mtu: what every IPv4 link must carry (RFC 791 3.2), and the longest packet; and
// what it is unless told, that of Ethernet.
const (
	minMTU     = 68
	maxMTU     = 65535
	defaultMTU = 1500
)

// Drivers of the TUN device.
const (
	driverTUN   = "tun"   // Linux, with its offloads
	driverWater = "water" // portable, without
)

// autoQueues is --queues' default.
const autoQueues = -1

// netFlags say on which device and with which addresses the stack is, and where to
// write what happens in it.
type netFlags struct {
	dev, addr, hostAddr, driver string
	mtu                         int
	trace                       string
	traceFlag                   *pflag.Flag
}

// add declares the flags; device and addr are the defaults.
func (f *netFlags) add(cmd *cobra.Command, device, addr string) {
	driver := driverTUN
	if runtime.GOOS != "linux" {
		device, driver = "", driverWater // the system picks the name
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dev, "dev", device, "name of the TUN `device`")
	flags.StringVar(&f.addr, "addr", addr, "the stack's `address` and its subnet")
	flags.StringVar(&f.hostAddr, "host-addr", "", "the host's `address` in that subnet (default its first)")
	flags.IntVar(&f.mtu, "mtu", defaultMTU, "largest packet in `bytes`, 68 to 65535")
	flags.StringVar(&f.driver, "driver", driver, "tun (Linux, with offloads) or water (portable, without)")
	_ = cmd.RegisterFlagCompletionFunc("driver", cobra.FixedCompletions([]string{driverTUN, driverWater}, cobra.ShellCompDirectiveNoFileComp))
}

// addTrace declares the flag for the trace, under a name of the command's choice.
func (f *netFlags) addTrace(cmd *cobra.Command, name string) {
	cmd.Flags().StringVar(&f.trace, name, "", "write all that happens, and because of what, to this `file`, as lines of JSON")
	f.traceFlag = cmd.Flags().Lookup(name)
	_ = cmd.MarkFlagFilename(name)
}

// netConfig is the flags, checked.
type netConfig struct {
	dev    string
	stack  netip.Prefix // the stack's address and its subnet
	host   netip.Addr
	mtu    int
	driver string
	trace  string       // the file for the events; "": none
	log    *slog.Logger // what goes wrong with it; nil: that is the error of closing the network
	queues int          // of the device; 0: one; autoQueues: as many as suit
	node   string       // the stack's name in what is traced; "": tinystack
	tcp    tcp.Config   // its zero value is the stack's choice
	whole  bool         // packets have the size that they have on a wire: no offloads
}

func (c netConfig) netcfg() netcfg.Config {
	return netcfg.Config{Device: c.dev, Host: netip.PrefixFrom(c.host, c.stack.Bits()), Peer: c.stack.Addr(), MTU: c.mtu}
}

// config checks the flags; its errors are usage errors.
func (f *netFlags) config() (c netConfig, err error) {
	c = netConfig{dev: f.dev, mtu: f.mtu, driver: f.driver, trace: f.trace}
	if err := f.checkTrace(); err != nil {
		return c, err
	}
	if err := checkDevice(f.dev); err != nil {
		return c, err
	}
	if f.mtu < minMTU || f.mtu > maxMTU {
		return c, usagef("--mtu %d is out of range: %d to %d bytes", f.mtu, minMTU, maxMTU)
	}
	if f.driver != driverTUN && f.driver != driverWater {
		return c, usagef("--driver %q is neither %q nor %q", f.driver, driverTUN, driverWater)
	}
	if c.stack, err = netip.ParsePrefix(f.addr); err != nil {
		return c, usagef("--addr %q is not an address and its subnet's length, like 198.18.0.2/24", f.addr)
	}
	if c.host, err = f.host(c.stack); err != nil {
		return c, err
	}
	return c, checkAddresses(c.stack, c.host)
}

func (f *netFlags) checkTrace() error {
	switch {
	case f.trace == "-":
		return usagef("--%s writes to a file: the standard output has other things to say", f.traceFlag.Name)
	case f.trace == "" && f.traceFlag != nil && f.traceFlag.Changed: // as in --trace "$FILE" where FILE is not set
		return usagef("--%s is empty", f.traceFlag.Name)
	}
	return nil
}

// host parses --host-addr, or picks the first address of the subnet that is not the stack's.
func (f *netFlags) host(stack netip.Prefix) (netip.Addr, error) {
	if f.hostAddr != "" {
		a, err := netip.ParseAddr(f.hostAddr)
		if err != nil {
			return a, usagef("--host-addr %q is not an address", f.hostAddr)
		}
		return a, nil
	}
	a := stack.Masked().Addr()
	for a == stack.Addr() || isReserved(stack, a) {
		a = a.Next()
	}
	return a, nil
}

func checkDevice(name string) error {
	if name == "" && runtime.GOOS != "linux" {
		return nil
	}
	// What Linux takes as the name of an interface, and no pattern to be filled in.
	if name == "" || len(name) > 15 || name == "." || name == ".." || strings.ContainsAny(name, "/:% \t\r\n\v\f") {
		return usagef("--dev %q is not an interface's name: 1 to 15 bytes without space, slash, colon or percent sign", name)
	}
	return nil
}

func checkAddresses(stack netip.Prefix, host netip.Addr) error {
	if !stack.Addr().Is4() {
		return usagef("--addr %s is not IPv4, all that the stack speaks so far", stack)
	}
	if stack.Bits() < 8 || stack.Bits() > 31 {
		return usagef("--addr %s has a subnet out of range: /8 to /31", stack)
	}
	if !stack.Contains(host) {
		return usagef("--host-addr %s is not in the subnet %s of --addr", host, stack.Masked())
	}
	if host == stack.Addr() {
		return usagef("--addr and --host-addr are both %s", host)
	}
	for _, a := range []netip.Addr{stack.Addr(), host} {
		if !isUnicast(a) {
			return usagef("%s is not an address that a host can have", a)
		}
		if isReserved(stack, a) {
			return usagef("%s is the network's or the broadcast address of %s", a, stack.Masked())
		}
	}
	return nil
}

// isUnicast reports whether a host on a network can have the address: it is not
// in 0/8, 127/8, nor in 224/3.
func isUnicast(a netip.Addr) bool {
	first := a.As4()[0]
	return first != 0 && first != 127 && first < 224
}

// isReserved reports whether a is the first or the last address of the subnet,
// which are nobody's unless there are but two (RFC 3021).
func isReserved(subnet netip.Prefix, a netip.Addr) bool {
	if subnet.Bits() >= subnet.Addr().BitLen()-1 {
		return false
	}
	return a == subnet.Masked().Addr() || !subnet.Contains(a.Next())
}
