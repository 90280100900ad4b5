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

func newExplain() *cobra.Command {
	var (
		cfg  explain.Config
		lose string
	)
	cmd := &cobra.Command{
		Use:   "explain URL",
		Short: "Tell what happens when a URL is typed into a browser",
		Long: `Take the trip to URL and tell of it, station by station: the caches, the recursion from the root down, the
routes, the handshake, the request, slow start, the response, what may be cached, and the close.

It happens in the lab, a small Internet in this process with real packets, which has http://www.google.com/ and
google.com: neither root nor a network is needed.

Exit codes: 0 done, 1 https or another scheme that is not there, 2 wrong usage, 3 a malformed URL, 6 the name
could not be resolved, 7 no connection, 28 it took too long, 56 the response did not come whole.`,
		Args: wantArgs(1, "one URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if cfg.Lose, err = explain.ParseLosses(lose); err != nil {
				return usagef("--lose: %w", err)
			}
			cfg.URL, cfg.Color = args[0], colorful(cmd.OutOrStdout())
			return urlError(explain.Run(cmd.Context(), cfg, cmd.OutOrStdout()))
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&cfg.Seed, "seed", 0, "the lab's `seed`: what is random comes from it")
	flags.StringVar(&lose, "lose", "", "`packets` to lose: their numbers, such as 7 or 7,9, or a rate such as 1%")
	return cmd
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
	if err == nil {
		return nil
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
