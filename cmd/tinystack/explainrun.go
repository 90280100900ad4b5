package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/internal/explain"
	"github.com/tinystack/tinystack/internal/netcfg"
	"github.com/tinystack/tinystack/link"
)

// explainPlan is the flags, checked.
type explainPlan struct {
	explain.Config
	via, pcap string
	net       netConfig              // of viaTUN, as is what follows
	servers   []netip.AddrPort       // name servers to ask
	roots     []dnsclient.RootServer // to begin at; empty: servers are asked
}

func (f *explainFlags) plan() (p explainPlan, err error) {
	p = explainPlan{Config: f.cfg, via: f.via, pcap: f.pcap}
	if p.Lose, err = explain.ParseLosses(f.lose); err != nil {
		return p, usagef("--lose: %w", err)
	}
	p.Limit = seconds(f.maxTime)
	switch {
	case !slices.Contains(explainVias, f.via):
		return p, usagef("--via %q is none of %s", f.via, strings.Join(explainVias, ", "))
	case p.Why < 0:
		return p, usagef("--why %d is negative", p.Why)
	case p.Limit <= 0:
		return p, usagef("--max-time %v is out of range: more than 0 seconds, to a day", f.maxTime)
	}
	if err := p.Check(); err != nil {
		return p, explainError(err)
	}
	if f.via == viaLab {
		return p, f.labOnly()
	}
	err = f.planTUN(&p)
	return p, err
}

// labOnly refuses flags that change nothing in the lab, but for those of the device, which all commands with
// --via have.
func (f *explainFlags) labOnly() error {
	if len(f.upstream) > 0 || f.iterative || f.hints != "" {
		return usagef("--dns-upstream, --iterative and --root-hints are for --via tun: the lab has name servers of its own")
	}
	if f.net.trace != "" {
		return usagef("--trace is for --via tun: of the lab --json tells all")
	}
	return nil
}

// planTUN checks what is of a network outside of the lab.
func (f *explainFlags) planTUN(p *explainPlan) (err error) {
	switch {
	case f.lose != "":
		return usagef("--lose is for --via lab: what a real network is to lose can't be numbered before it comes")
	case f.cfg.Seed != 0:
		return usagef("--seed is for --via lab: chance can't be repeated outside of it")
	case f.cfg.MSS != 0 && f.net.mtu != defaultMTU:
		return usagef("--mss and --mtu exclude each other: the one is 40 less than the other")
	case f.hints != "" && !f.iterative:
		return usagef("--root-hints is for --iterative")
	case f.iterative && len(f.upstream) > 0:
		return usagef("--iterative asks no server of --dns-upstream: they exclude each other")
	}
	if p.net, err = f.net.config(); err != nil {
		return err
	}
	p.net.mtu = cmp.Or(p.MTU(), p.net.mtu)
	p.net.node, p.net.tcp, p.net.whole = explain.HostNode, p.TCP(), true
	return f.planNames(p)
}

// planNames finds out whom to ask for names.
func (f *explainFlags) planNames(p *explainPlan) (err error) {
	switch {
	case f.hints != "":
		if p.roots, err = readRootHints(f.hints); err != nil {
			return usagef("--root-hints: %w", err)
		}
	case f.iterative:
		p.roots = dnsclient.RootServers()
	case len(f.upstream) == 0:
		p.servers = reachableServers(resolvConfPath, resolvedConfPath)
	}
	for _, s := range f.upstream {
		at, err := parseUpstream(s, p.net.stack.Addr())
		if err != nil {
			return err
		}
		if at.Addr().IsLoopback() {
			return usagef("--dns-upstream %s is the stack itself: its loopback is not this machine's", s)
		}
		p.servers = append(p.servers, at)
	}
	return nil
}

// resolvedConfPath has whom systemd-resolved asks, where resolv.conf names only itself.
const resolvedConfPath = "/run/systemd/resolve/resolv.conf"

// reachableServers are those of the first of the files that names any but for those on loopback, which
// a stack has of its own.
func reachableServers(paths ...string) []netip.AddrPort {
	for _, path := range paths {
		servers := slices.Clone(dnsclient.ReadResolvConf(path)().Servers)
		servers = slices.DeleteFunc(servers, func(at netip.AddrPort) bool { return at.Addr().IsLoopback() || !at.Addr().Is4() })
		if len(servers) > 0 {
			return servers
		}
	}
	return nil
}

// run takes the trip over the network that the plan has.
func (p explainPlan) run(ctx context.Context, w io.Writer) error {
	if p.via == viaLab {
		return p.tell(ctx, w)
	}
	var impair *link.ImpairConfig
	if p.Delay > 0 {
		impair = &link.ImpairConfig{Impairment: link.Impairment{Delay: p.Delay}}
	}
	n, err := openNetwork(p.net, impair, nil)
	if err != nil {
		return err
	}
	p.Own = &explain.Own{
		Stack: n.stack, Trace: n.trace, Device: n.dev, Gateway: p.net.host,
		Alone:   !netcfg.Forwards(n.dev.Name()),
		Servers: p.servers, Roots: p.roots, Hosts: dnsclient.ReadHosts(hostsPath),
	}
	var told error
	err = n.untilFailed(ctx, func(ctx context.Context) { told = p.tell(ctx, w) })
	if err != nil { // it interrupted the trip, which tells nothing more
		return errors.Join(err, n.Close())
	}
	return errors.Join(told, n.Close())
}

// tell tells the story, and writes the capture if there is to be one.
func (p explainPlan) tell(ctx context.Context, w io.Writer) error {
	if p.pcap == "" {
		return interrupted(explain.Run(ctx, p.Config, w))
	}
	file, err := os.Create(p.pcap)
	if err != nil {
		return err
	}
	p.Pcap = file
	return errors.Join(interrupted(explain.Run(ctx, p.Config, w)), file.Close())
}

// interrupted is err, of which nothing is to be said if it is that the user had enough.
func interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		return codeError{code: exitInterrupted}
	}
	return err
}

// colorful reports whether w is a terminal whose user has nothing against colours
// (https://no-color.org).
func colorful(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminal(w)
}

// explainError gives err the exit code that curl would end with.
func explainError(err error) error {
	var (
		cfg   *explain.ConfigError
		usage usageError
		coded codeError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &usage), errors.As(err, &cfg):
		return usageError{err}
	case errors.As(err, &coded):
		return err
	}
	return codeError{getExit(err), err}
}

// urlExit is the part of getExit that is about a bad URL, and what is wrong with a connection otherwise.
func urlExit(err error) int {
	var (
		bad *explain.URLError
		op  *net.OpError
	)
	switch {
	case errors.As(err, &bad) && bad.Unsupported:
		return exitScheme
	case errors.As(err, &bad):
		return exitURL
	case errors.As(err, &op) && op.Op == "dial":
		return exitNoConnect
	case errors.As(err, &op):
		return exitReceive
	}
	return exitFailure
}
