package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tinystack/tinystack/internal/control"
)

type ssFlags struct {
	dev                                string
	tcp, udp, all, listening           bool
	numeric, info, memory, brief, json bool
}

func newSS() *cobra.Command {
	var f ssFlags
	cmd := &cobra.Command{
		Use:   "ss [FILTER...]",
		Short: "List the sockets of a running instance, as ss does",
		Long: `List the sockets of a running instance, with the columns and keys of "ss -tinm", which man ss explains.
Keys of our own are limited, what keeps the connection from sending more now: app (it has nothing to send),
rwnd (the peer's receive window), cwnd (the congestion window), pacing (the congestion control's pace),
sndbuf (the send buffer is full) or memory (it is, and small because all connections together take what they may);
cwnd_limited, pacing_limited and memory_limited, times like rwnd_limited; and ca_state, where
the connection recovers from a loss (recovery, loss) or has been told of congestion by ECN (cwr).

FILTER is "state NAME" (established, listening, time-wait, connected, all, ...; several add up), "exclude
NAME", "sport PORT" and "dport PORT", and all of them must hold. Without a state, listeners, and sockets in
SYN-RECV and TIME-WAIT are left out.`,
		Example: `  tinystack ss -a
  tinystack ss state established sport = :80`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			want, err := f.filter(args)
			if err != nil {
				return err
			}
			c, err := dialInstance(f.dev)
			if err != nil {
				return err
			}
			defer c.Close()
			return ss(cmd.Context(), c, &f, want, cmd.OutOrStdout())
		},
	}
	addInstanceFlag(cmd, &f.dev)
	flags := cmd.Flags()
	flags.BoolVarP(&f.tcp, "tcp", "t", false, "TCP sockets (without -u, the default)")
	flags.BoolVarP(&f.udp, "udp", "u", false, "UDP sockets")
	flags.BoolVarP(&f.all, "all", "a", false, "sockets in all states")
	flags.BoolVarP(&f.listening, "listening", "l", false, "listening sockets only")
	flags.BoolVarP(&f.numeric, "numeric", "n", false, "print rates exactly, in bit/s")
	flags.BoolVarP(&f.info, "info", "i", false, "accepted: the state of a connection is always printed")
	flags.BoolVarP(&f.memory, "memory", "m", false, "accepted: what buffers hold is always printed")
	flags.BoolVarP(&f.brief, "brief", "b", false, "print a line for each socket, without the details")
	flags.BoolVar(&f.json, "json", false, fmt.Sprintf("print JSON, of schema %d", control.Schema))
	return cmd
}

// ss prints the sockets that are wanted.
func ss(ctx context.Context, c *control.Client, f *ssFlags, want socketFilter, stdout io.Writer) error {
	var a socketsAnswer
	if err := c.JSON(ctx, socketsPath, &a); err != nil {
		return err
	}
	a.Sockets = slices.DeleteFunc(a.Sockets, func(s socket) bool { return !want.matches(&s) })
	if f.json {
		return json.NewEncoder(stdout).Encode(a)
	}
	t := socketTable{netid: f.tcp && f.udp, exact: f.numeric, brief: f.brief}
	_, err := io.WriteString(stdout, t.text(a.Sockets))
	return err
}
