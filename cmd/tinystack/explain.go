package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

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

// explainFlags are the command line, as far as it is not explain's own config.
type explainFlags struct {
	cfg        explain.Config
	lose, pcap string
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

Exit codes: 0 done, 1 https or another scheme that is not there, 2 wrong usage, 3 a malformed URL, 6 the name
could not be resolved, 7 no connection, 28 it took too long, 56 the response did not come whole.`,
		Args: wantArgs(1, "one URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.cfg.URL = args[0]
			return urlError(f.run(cmd.Context(), cmd.OutOrStdout()))
		},
	}
	f.add(cmd)
	return cmd
}

func (f *explainFlags) add(cmd *cobra.Command) {
	flags, c := cmd.Flags(), &f.cfg
	flags.BoolVar(&c.Again, "again", false, "visit the URL a second time, with what the caches have then")
	flags.BoolVar(&c.Ladder, "ladder", false, "draw all packets at the end, with the states of both ends")
	flags.IntVar(&c.Why, "why", 0, "tell the causes of packet `n`")
	flags.StringVar(&f.lose, "lose", "", "`packets` to lose: their numbers, such as 7 or 7,9, or a rate such as 1%")
	flags.DurationVar(&c.Delay, "delay", 0, "how much longer the way to the provider takes, such as 50ms")
	flags.IntVar(&c.MSS, "mss", 0, "the host's MSS in `bytes`, 536 to 1460")
	flags.IntVar(&c.Rwnd, "rwnd", 0, "the host's receive buffer in `bytes`, 4096 to 16777216")
	flags.StringVar(&c.CC, "cc", "", "the server's congestion `control`: cubic, reno or bbr")
	flags.BoolVar(&c.NoSACK, "no-sack", false, "don't offer SACK")
	flags.StringVar(&f.pcap, "pcap", "", "write the packets to `file` for Wireshark, with their causes as comments")
	flags.BoolVar(&c.JSON, "json", false, "write all events as JSON lines in place of the story")
	flags.Uint64Var(&c.Seed, "seed", 0, "the lab's `seed`: what is random comes from it")
}

// run tells the story, and writes the capture if there is to be one.
func (f *explainFlags) run(ctx context.Context, w io.Writer) (err error) {
	if f.cfg.Lose, err = explain.ParseLosses(f.lose); err != nil {
		return usagef("--lose: %w", err)
	}
	if f.cfg.Why < 0 {
		return usagef("--why %d is negative", f.cfg.Why)
	}
	f.cfg.Color = colorful(w)
	if f.pcap != "" {
		file, err := os.Create(f.pcap)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		f.cfg.Pcap = file
	}
	return explain.Run(ctx, f.cfg, w)
}

// colorful reports whether w is a terminal whose user has nothing against colours
// (https://no-color.org).
func colorful(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// urlError gives err the exit code that curl would end with.
func urlError(err error) error {
	var (
		cfg   *explain.ConfigError
		usage usageError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &usage), errors.As(err, &cfg):
		return usageError{err}
	}
	return codeError{urlExit(err), err}
}

func urlExit(err error) int {
	var (
		bad  *explain.URLError
		name *net.DNSError
		op   *net.OpError
	)
	switch {
	case errors.As(err, &bad) && bad.Unsupported:
		return exitScheme
	case errors.As(err, &bad):
		return exitURL
	case errors.As(err, &name):
		return exitNoName
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return exitTimeout
	case errors.As(err, &op) && op.Op == "dial":
		return exitNoConnect
	case errors.As(err, &op):
		return exitReceive
	}
	return exitFailure
}
