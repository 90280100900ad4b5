package main

import (
	"github.com/spf13/cobra"

	"github.com/tinystack/tinystack/internal/explain"
)

// Exit codes of what fetches a URL, as curl has them.
const (
	exitScheme    = 1 // the URL's scheme is not to be had
	exitURL       = 3 // the URL is malformed
	exitNoName    = 6
	exitNoConnect = 7
	exitTimeout   = 28
	exitReceive   = 56
)

// explainVias are the networks of explain.
var explainVias = []string{viaLab, viaTUN}

// explainFlags are the command line, as far as it is not explain's own config.
type explainFlags struct {
	cfg             explain.Config
	net             netFlags
	via, lose, pcap string
	maxTime         float64 // seconds
	upstream        []string
	iterative       bool
	hints           string
}

func newExplain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain URL",
		Short: "Tell what happens when a URL is typed into a browser",
		Long: `Take the trip to URL and tell of it, station by station: the caches, the recursion from the root down, the
routes, the handshake, the request, slow start, the response, what may be cached, and the close.

It happens in the lab, a small Internet in this process with real packets, which has http://www.google.com/ and
google.com: neither root nor a network is needed. Packets are numbered as they set out on the host's wire; the
story, --ladder, --why, --lose and --pcap all use these numbers.

With --via tun it happens on the network of this machine, from a stack on a TUN device of its own, which reaches
the machine, and what is beyond it where that forwards. The story tells what happens in the stack, and of others
what comes from them: packets are numbered as they leave the stack and reach it. The names are asked of the
servers of --dns-upstream, or with --iterative of all those from the root down. --lose and --seed are the lab's.

Exit codes: 0 done, 1 https or another scheme that is not there, 2 wrong usage, 3 a malformed URL, 6 the name
could not be resolved, 7 no connection, 18 less came than was announced, 28 it took too long, 52 the server said
nothing, 55 sending failed, 56 receiving failed, 77 a privilege, the device or the subnet is missing, 130
interrupted.`,
		Args: wantArgs(1, "one URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.cfg.URL = args[0]
			f.cfg.Color = colorful(cmd.OutOrStdout())
			p, err := f.plan()
			if err != nil {
				return err
			}
			return explainError(p.run(cmd.Context(), cmd.OutOrStdout()))
		},
	}
	f.add(cmd)
	return cmd
}

func (f *explainFlags) add(cmd *cobra.Command) {
	f.net.add(cmd, "tinyexplain0", "198.18.5.2/24")
	f.net.addTrace(cmd, "trace")
	flags, c := cmd.Flags(), &f.cfg
	flags.StringVar(&f.via, "via", viaLab, "take the trip in the lab (lab), or from a stack on a TUN device (tun)")
	flags.BoolVar(&c.Again, "again", false, "visit the URL a second time, with what the caches have then")
	flags.BoolVar(&c.Ladder, "ladder", false, "draw all packets at the end, with the states of both ends, as far as they are known")
	flags.IntVar(&c.Why, "why", 0, "tell the causes of packet `n`")
	flags.StringVar(&f.lose, "lose", "", "`packets` to lose: their numbers, such as 7 or 7,9, or a rate such as 1%")
	flags.DurationVar(&c.Delay, "delay", 0, "how much longer the way to the provider takes, via tun that of the device, such as 50ms")
	flags.IntVar(&c.MSS, "mss", 0, "the host's MSS in `bytes`, 536 to 1460")
	flags.IntVar(&c.Rwnd, "rwnd", 0, "the host's receive buffer in `bytes`, 4096 to 16777216")
	flags.StringVar(&c.CC, "cc", "", "the server's congestion `control`, via tun the stack's: cubic, reno or bbr")
	flags.BoolVar(&c.NoSACK, "no-sack", false, "don't offer SACK")
	flags.StringVar(&f.pcap, "pcap", "", "write the packets to `file` for Wireshark, with their causes as comments")
	flags.BoolVar(&c.JSON, "json", false, "write all events as JSON lines in place of the story")
	flags.Uint64Var(&c.Seed, "seed", 0, "the lab's `seed`: what is random comes from it")
	flags.Float64VarP(&f.maxTime, "max-time", "m", 30, "`seconds` the trip may take")
	flags.StringSliceVar(&f.upstream, "dns-upstream", nil,
		"via tun, the name `servers` to ask, in order (default those of the host's resolv.conf)")
	flags.BoolVar(&f.iterative, "iterative", false, "via tun, ask the servers from the root down, no resolver")
	flags.StringVar(&f.hints, "root-hints", "", "begin --iterative at the root servers in this zone `file`")
	_ = cmd.MarkFlagFilename("pcap")
	_ = cmd.MarkFlagFilename("root-hints")
	_ = cmd.RegisterFlagCompletionFunc("via", cobra.FixedCompletions(explainVias, cobra.ShellCompDirectiveNoFileComp))
}
