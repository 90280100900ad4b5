package main

import (
	"net/netip"
	"slices"

	"github.com/spf13/cobra"
)

// nameServerFlags say whether and how up has a name server.
type nameServerFlags struct {
	on              bool
	upstream, allow []string
}

func (f *nameServerFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.on, "dns", true, "answer DNS questions at port 53")
	flags.StringSliceVar(&f.upstream, "dns-upstream", nil,
		"the name `servers` to ask, in order (default those of the host's resolv.conf), or lab: the lab's")
	flags.StringSliceVar(&f.allow, "allow", nil,
		"the `networks` from which DNS questions are answered (default the subnet of --addr)")
}

// nameServerPlan is the flags, checked.
type nameServerPlan struct {
	off         bool
	lab         bool // it asks as the lab's host does
	stack, host netip.Addr
	upstream    []netip.AddrPort // empty: the host's
	allow       []netip.Prefix
}

// plan checks the flags; its errors are usage errors.
func (f *nameServerFlags) plan(c netConfig) (nameServerPlan, error) {
	p := nameServerPlan{off: !f.on, stack: c.stack.Addr(), host: c.host}
	if p.off && (len(f.upstream) > 0 || len(f.allow) > 0) {
		return p, usagef("--dns-upstream and --allow are of the name server, which --dns=false leaves out")
	}
	upstream := f.upstream
	if slices.Contains(upstream, viaLab) {
		if len(upstream) > 1 {
			return p, usagef("--dns-upstream lab stands alone: the lab has name servers of its own")
		}
		p.lab, upstream = true, nil
	}
	for _, s := range upstream {
		at, err := parseUpstream(s, p.stack)
		if err != nil {
			return p, err
		}
		p.upstream = append(p.upstream, at)
	}
	for _, s := range f.allow {
		prefix, err := parsePrefix(s)
		if err != nil {
			return p, usagef("--allow %q is neither a network, like 192.0.2.0/24, nor an address", s)
		}
		p.allow = append(p.allow, prefix)
	}
	if len(p.allow) == 0 {
		p.allow = []netip.Prefix{c.stack.Masked()}
	}
	return p, nil
}

// parseUpstream takes a server that the stack can ask; its errors are usage errors.
func parseUpstream(s string, stack netip.Addr) (netip.AddrPort, error) {
	at, err := parseServer(s)
	if err != nil {
		return at, usagef("--dns-upstream %q is not an address, like 192.0.2.1, nor one with a port", s)
	}
	switch a := at.Addr(); {
	case a == stack:
		return at, usagef("--dns-upstream %s is the stack itself", s)
	case a.IsUnspecified() || a.IsMulticast() || at.Port() == 0:
		return at, usagef("--dns-upstream %s is not where a server can be", s)
	}
	return at, nil
}

// parseServer takes an address, with a port or without.
func parseServer(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, dnsPort), nil
	}
	return netip.ParseAddrPort(s)
}

// parsePrefix takes a network, or one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}
