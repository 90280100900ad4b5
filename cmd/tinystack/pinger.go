package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/tinystack/tinystack/internal/netcfg"
	"github.com/tinystack/tinystack/ipv4"
)

// echoer sends echo requests: an *ipv4.Echo, or what tests have in its place.
type echoer interface {
	Ping(context.Context, ipv4.EchoRequest) (ipv4.EchoReply, error)
}

// ping resolves the host on the network of the plan, and pings until the count is
// reached or ctx is done.
func ping(ctx context.Context, p pingPlan, host string, stdout, stderr io.Writer) error {
	v, err := openVantage(p.net, p.via, stderr)
	if err != nil {
		return pingError(err)
	}
	out := &output{w: stdout}
	replied, err := p.from(ctx, v, host, out)
	if err := errors.Join(err, out.err, v.Close()); err != nil {
		return pingError(err)
	}
	if !replied {
		return codeError{code: exitNoReply}
	}
	return nil
}

// from pings from there, and reports whether a reply came.
func (p pingPlan) from(ctx context.Context, v *vantage, host string, stdout io.Writer) (bool, error) {
	to, err := v.lookup(ctx, host)
	if err != nil {
		return false, interrupted(err)
	}
	echo, err := v.stack.ListenEcho()
	if err != nil {
		return false, err
	}
	stats := &pingStats{w: stdout, quiet: p.quiet}
	stats.start(host, to, p.size)
	err = v.during(ctx, func(ctx context.Context) { p.run(ctx, echo, to, stats) })
	return stats.finish(host), err
}

// pingError gives err ping's exit code, unless it has one or the machine lacks something.
func pingError(err error) error {
	var (
		coded   codeError
		missing *netcfg.MissingError
	)
	if errors.As(err, &coded) || errors.As(err, &missing) {
		return err
	}
	return codeError{exitPingError, err}
}

// resolve returns the IPv4 address that host is, or that the host's own resolver finds.
func resolve(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
		return a, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(found) == 0 {
		return netip.Addr{}, fmt.Errorf("%s has no IPv4 address", host)
	}
	return found[0].Unmap(), nil
}

// untilFailed calls f with a context that is done when ctx is or the device
// fails, which is then the error.
func (n *network) untilFailed(ctx context.Context, f func(context.Context)) error {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	select {
	case <-done:
		return nil
	case <-n.failed():
		return n.failure()
	}
}

// run sends requests at the interval, whether or not replies come, and waits for
// those that are still to come.
func (p pingPlan) run(ctx context.Context, e echoer, to netip.Addr, s *pingStats) {
	var waiting sync.WaitGroup
	defer waiting.Wait()
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	for sent := 0; p.count == 0 || sent < p.count; sent++ {
		if sent > 0 {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
		s.request()
		waiting.Go(func() { p.once(ctx, e, to, s) })
	}
}

// once sends one request and prints its answer, if one comes in time.
func (p pingPlan) once(ctx context.Context, e echoer, to netip.Addr, s *pingStats) {
	ctx, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	size := p.size
	if size == 0 {
		size = -1 // none, not the default
	}
	r, err := e.Ping(ctx, ipv4.EchoRequest{Remote: to, TTL: p.ttl, Size: size})
	switch {
	case ctx.Err() != nil && err != nil: // lost, or interrupted
	case err != nil:
		s.failure("not sent: " + reason(err))
	case r.Err != nil:
		s.failure(fmt.Sprintf("From %s icmp_seq=%d %s", r.From, r.Seq, icmpError(r)))
	default:
		s.reply(r)
	}
}

// reason is err in the system's words, where it has some: whom we ping is known.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// icmpError says what an ICMP error says, in the words of iputils' ping.
func icmpError(r ipv4.EchoReply) string {
	switch [2]uint8{r.Type, r.Code} {
	case [2]uint8{3, 0}:
		return "Destination Net Unreachable"
	case [2]uint8{3, 1}:
		return "Destination Host Unreachable"
	case [2]uint8{3, 2}:
		return "Destination Protocol Unreachable"
	case [2]uint8{3, 3}:
		return "Destination Port Unreachable"
	case [2]uint8{3, 4}:
		return fmt.Sprintf("Frag needed and DF set (mtu = %d)", r.MTU)
	case [2]uint8{3, 13}:
		return "Packet filtered"
	case [2]uint8{11, 0}:
		return "Time to live exceeded"
	case [2]uint8{11, 1}:
		return "Frag reassembly time exceeded"
	}
	return fmt.Sprintf("ICMP error type %d code %d", r.Type, r.Code)
}
