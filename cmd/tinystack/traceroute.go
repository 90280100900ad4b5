package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// maxQueries bounds the probes of one hop, as traceroute does.
const maxQueries = 10

type tracerouteFlags struct {
	net            netFlags
	maxHops, first int
	queries, port  int
	wait           float64 // seconds
	numeric, icmp  bool
	via            string
}

func newTraceroute() *cobra.Command {
	var f tracerouteFlags
	cmd := &cobra.Command{
		Use:   "traceroute HOST",
		Short: "Find the routers on the way to a host",
		Long: `Find the routers on the way to HOST from a stack on a TUN device of its own: packets with a time to live of 1, 2, 3
and so on, and who says that it is exceeded. They are UDP datagrams to a port each, or with -I ICMP echo requests.
With --via lab the way is one in the lab, the small Internet of tinystack explain, which has www.google.com and
needs no privilege.

A * is a probe that nobody answered in time; !N, !H and !P are a network, host and protocol that can't be reached,
!X what is forbidden, !F-N a packet longer than N bytes, !S, !V and !C a source route, a precedence that is not
allowed and one that is too low, !<n> another code n of "destination unreachable", !<t-n> another ICMP error.

Exit codes: 0 the host answered, 1 it did not, or another error, 2 wrong usage, 6 the name could not be resolved,
77 a privilege, the device or the subnet is missing, 130 interrupted.`,
		Args: wantArgs(1, "the name or address of one host"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := f.plan()
			if err != nil {
				return err
			}
			return traceroute(cmd.Context(), p, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.net.add(cmd, "tinytrace0", "198.18.4.2/24")
	f.net.addTrace(cmd, "trace")
	flags := cmd.Flags()
	flags.IntVarP(&f.maxHops, "max-hops", "m", 30, "the last time to live, in `hops`, 1 to 255")
	flags.IntVarP(&f.first, "first", "f", 1, "the first time to live, in `hops`, 1 to that of -m")
	flags.IntVarP(&f.queries, "queries", "q", 3, "`n` probes for each hop, 1 to 10")
	flags.IntVarP(&f.port, "port", "p", 33434, "the first probe's UDP `port`, one more for each that follows")
	flags.Float64VarP(&f.wait, "wait", "w", 5, "`seconds` to wait for an answer")
	flags.BoolVarP(&f.numeric, "numeric", "n", false, "print addresses only, not their names")
	flags.BoolVarP(&f.icmp, "icmp", "I", false, "probe with ICMP echo requests, not UDP")
	flags.StringVar(&f.via, "via", viaTUN, "trace from a stack on a TUN device (tun), or in the lab (lab)")
	return cmd
}

// tracePlan is the flags, checked.
type tracePlan struct {
	tracerouteFlags
	netConfig netConfig
	wait      time.Duration
}

func (f *tracerouteFlags) plan() (p tracePlan, err error) {
	p = tracePlan{tracerouteFlags: *f, wait: seconds(f.wait)}
	probes := (f.maxHops - f.first + 1) * f.queries
	switch {
	case f.maxHops < 1 || f.maxHops > 255:
		return p, usagef("--max-hops %d is out of range: 1 to 255", f.maxHops)
	case f.first < 1 || f.first > f.maxHops:
		return p, usagef("--first %d is out of range: 1 to --max-hops, %d", f.first, f.maxHops)
	case f.queries < 1 || f.queries > maxQueries:
		return p, usagef("--queries %d is out of range: 1 to %d", f.queries, maxQueries)
	case f.port < 1 || f.port+probes-1 > 65535:
		return p, usagef("--port %d is out of range: 1 to %d, so that each of %d probes has one", f.port, 65536-probes, probes)
	case p.wait <= 0:
		return p, usagef("--wait %v is out of range: more than 0 seconds, to a day", f.wait)
	case !slices.Contains(getVias, f.via):
		return p, usagef("--via %q is none of %s", f.via, strings.Join(getVias, ", "))
	}
	p.netConfig, err = f.net.config()
	return p, err
}
