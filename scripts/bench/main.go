// Bench measures tinystack beside its peers: gVisor's netstack, on a TUN device
// and at its fastest on a packet socket, and the kernel's own sockets.
//
//	sudo go run -C scripts/bench .          # five rounds, some eight minutes
//	sudo go run -C scripts/bench . quick    # under two minutes, rougher; flags may follow
//
// The same servers (echo, discard, chargen, HTTP on net/http) run on each peer, one
// process a peer. The client is the same process image each time, on the kernel's
// sockets (and wrk, for HTTP, where it is installed). Each peer has network
// namespaces of its own, which end with the run, however it ends. The peers are
// measured in turn, measure by measure and round by round, and what is printed is
// the median of the rounds: a machine that is slow for a minute is slow for all.
//
// With -profiles it keeps CPU profiles of the servers, and says then what they spent their time on:
//
//	go run -C scripts/bench . shares DIRECTORY
//
// And it measures their loss recovery and congestion control, beside the kernel's:
//
//	sudo go run -C scripts/bench . wan          # three rounds of 10 s, some half an hour
//	sudo go run -C scripts/bench . wan -quick   # some five minutes
//
// One download at a time goes over a bad wire, which is a program between a TUN device
// in the server's namespace and one in the client's: with a seed, the same packets by
// number are lost whoever sends them. All processes run in real time, so that a machine
// with other work measures nearly as an idle one.
//
// It runs on Linux alone, and needs root, for the namespaces and /dev/net/tun.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "bench: interrupted")
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the driver, or what the driver starts: a server or a client.
func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) > 0 && args[0] == "serve" {
		return serve(args[1:], in, out)
	}
	if len(args) > 0 && args[0] == "client" {
		return client(args[1:], in, out)
	}
	if len(args) > 0 && args[0] == "serve-wan" {
		return serveWAN(args[1:], in, out)
	}
	if len(args) > 0 && args[0] == "wan" {
		return driveWAN(ctx, args[1:], out)
	}
	if len(args) > 0 && args[0] == "shares" {
		return showShares(args[1:], out)
	}
	if len(args) > 0 && args[0] == "quick" {
		args = append([]string{"-quick"}, args[1:]...)
	}
	return drive(ctx, args, out)
}
