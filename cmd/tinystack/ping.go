package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Limits of ping's flags.
const (
	minPingInterval = 10 * time.Millisecond
	maxPingSize     = 65507 // an IPv4 packet of 65535 bytes
)

// exitNoReply is what ping ends with when no reply came, exitPingError on errors.
const (
	exitNoReply   = 1
	exitPingError = 2
)

type pingFlags struct {
	net            netFlags
	count          int
	interval, wait float64 // seconds
	size, ttl      int
	quiet          bool
	via            string
}

func newPing() *cobra.Command {
	var f pingFlags
	cmd := &cobra.Command{
		Use:   "ping HOST",
		Short: "Send ICMP echo requests from a stack of its own",
		Long: `Send ICMP echo requests to HOST from a stack on a TUN device of its own, so that it works beside a
running "tinystack up". It reaches the host, and what is beyond it where the host forwards. With --via lab it
pings in the lab, the small Internet of tinystack explain, which has www.google.com and needs no privilege.

Exit codes: 0 a reply came, 1 none came, 2 another error, 77 a privilege, the device or the subnet is missing,
130 interrupted before the name was resolved.`,
		Args: wantArgs(1, "the name or address of one host"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := f.plan()
			if err != nil {
				return err
			}
			return ping(cmd.Context(), p, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.net.add(cmd, "tinyping0", "198.18.1.2/24")
	f.net.addTrace(cmd, "trace")
	flags := cmd.Flags()
	flags.IntVarP(&f.count, "count", "c", 0, "stop after `n` requests (0: when interrupted)")
	flags.Float64VarP(&f.interval, "interval", "i", 1, "`seconds` between requests, 0.01 or more")
	flags.IntVarP(&f.size, "size", "s", 56, "`bytes` of data in a request, 0 to 65507")
	flags.Float64VarP(&f.wait, "wait", "W", 2, "`seconds` to wait for a reply")
	flags.IntVarP(&f.ttl, "ttl", "t", 64, "time to live, 1 to 255")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print the first line and the statistics only")
	flags.StringVar(&f.via, "via", viaTUN, "ping from a stack on a TUN device (tun), or in the lab (lab)")
	return cmd
}

// pingPlan is the flags, checked.
type pingPlan struct {
	net            netConfig
	count          int
	interval, wait time.Duration
	size, ttl      int
	quiet          bool
	via            string
}

func (f *pingFlags) plan() (pingPlan, error) {
	p := pingPlan{
		count: f.count, size: f.size, ttl: f.ttl, quiet: f.quiet,
		interval: seconds(f.interval), wait: seconds(f.wait), via: f.via,
	}
	switch {
	case f.count < 0:
		return p, usagef("--count %d is negative", f.count)
	case p.interval < minPingInterval:
		return p, usagef("--interval %v is out of range: 0.01 seconds to a day", f.interval)
	case p.wait <= 0:
		return p, usagef("--wait %v is out of range: more than 0 seconds, to a day", f.wait)
	case f.size < 0 || f.size > maxPingSize:
		return p, usagef("--size %d is out of range: 0 to %d bytes", f.size, maxPingSize)
	case f.ttl < 1 || f.ttl > 255:
		return p, usagef("--ttl %d is out of range: 1 to 255", f.ttl)
	case !slices.Contains(getVias, f.via):
		return p, usagef("--via %q is none of %s", f.via, strings.Join(getVias, ", "))
	}
	var err error
	p.net, err = f.net.config()
	return p, err
}

// seconds converts s; what is not a number of seconds within a day becomes -1.
func seconds(s float64) time.Duration {
	if s >= 0 && s <= 86400 {
		return time.Duration(s * float64(time.Second))
	}
	return -1
}
