package main

import (
	"bufio"
	"errors"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/tinystack/tinystack/dnsclient"
)

// digUsage is an error in what the user typed, with dig's exit code for it.
func digUsage(err error) error {
	var usage usageError
	if errors.As(err, &usage) {
		err = usage.error
	}
	return codeError{exitDigUsage, err}
}

// digPlan is the flags and arguments, checked.
type digPlan struct {
	line    string // as it was typed
	queries []digQuery
	port    uint16
	json    bool
	roots   []dnsclient.RootServer // nil: the network's
	via     string
	net     netConfig
	bind    netip.AddrPort // zero: any
	v4, v6  bool           // only servers with such an address
}

func (f *digFlags) plan(args []string, stdin io.Reader) (p digPlan, err error) {
	p.line, p.json = typed(args), f.json
	if f.port < 1 || f.port > 65535 {
		return p, digUsage(usagef("--port %d is out of range: 1 to 65535", f.port))
	}
	p.port, p.via, p.v4, p.v6 = uint16(f.port), f.via, f.v4, f.v6
	if p.v4 && p.v6 {
		return p, digUsage(usagef("-4 and -6 exclude each other"))
	}
	if p.bind, err = parseBind(f.bind); err != nil {
		return p, digUsage(err)
	}
	if p.bind.IsValid() && f.via != viaHost {
		return p, digUsage(usagef("--bind is for the host's sockets: --via %s", viaHost))
	}
	if !slices.Contains(vias, f.via) {
		return p, digUsage(usagef("--via %q is none of %s", f.via, strings.Join(vias, ", ")))
	}
	if f.via == viaHost && f.net.trace != "" {
		return p, digUsage(usagef("--events are those of a stack of tinystack: --via %s or %s", viaTUN, viaLab))
	}
	if f.via != viaHost {
		if p.net, err = f.net.config(); err != nil {
			return p, digUsage(err)
		}
	}
	if f.hints != "" {
		if p.roots, err = readRootHints(f.hints); err != nil {
			return p, digUsage(err)
		}
	}
	p.queries, err = f.queries(args, stdin)
	return p, err
}

// parseBind takes an address, as dig's -b does with a port behind a #.
func parseBind(s string) (netip.AddrPort, error) {
	if s == "" {
		return netip.AddrPort{}, nil
	}
	host, number, hasPort := strings.Cut(s, "#")
	addr, err := netip.ParseAddr(host)
	var port uint64
	if err == nil && hasPort {
		port, err = strconv.ParseUint(number, 10, 16)
	}
	if err != nil {
		return netip.AddrPort{}, usagef("--bind %q is not an address, like 192.0.2.1, nor one with a port, like 192.0.2.1#53", s)
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

// family reports whether a server with that address may be asked.
func (p *digPlan) family(a netip.Addr) bool {
	v4 := a.Unmap().Is4()
	return !(p.v4 && !v4) && !(p.v6 && v4)
}

// typed is the command line after the command's name.
func typed(args []string) string {
	if at := slices.Index(os.Args, "dig"); at > 0 {
		args = os.Args[at+1:]
	}
	return strings.Join(args, " ")
}

// queries are what is asked: on the command line, or in the lines of a file.
func (f *digFlags) queries(args []string, stdin io.Reader) ([]digQuery, error) {
	first, err := f.first()
	if err != nil {
		return nil, digUsage(err)
	}
	if f.file == "" {
		queries, err := parseDig(first, args, f.names, f.reverse)
		if err != nil {
			return nil, digUsage(err)
		}
		return queries, nil
	}
	lines, err := readBatch(f.file, stdin)
	if err != nil {
		return nil, codeError{exitDigBatch, err}
	}
	var queries []digQuery
	for _, line := range lines {
		more, err := parseDig(first, append(slices.Clone(args), strings.Fields(line)...), nil, nil)
		if err != nil {
			return nil, digUsage(err)
		}
		queries = append(queries, more...)
	}
	return queries, nil
}

// first is what the flags say of all queries.
func (f *digFlags) first() (q digQuery, err error) {
	q = newDigQuery()
	q.opts.trace, q.opts.tcp, q.opts.short = f.trace, f.tcp, f.short
	if f.qtype != "" && !q.setType(f.qtype) {
		return q, usagef("--type %q is no type of records", f.qtype)
	}
	if f.class != "" && !q.setClass(f.class) {
		return q, usagef("--class %q is no class of records", f.class)
	}
	return q, nil
}

// readBatch returns the lines of a file that are neither empty nor comments.
func readBatch(path string, stdin io.Reader) (lines []string, err error) {
	r := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		r = file
	}
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		if line := strings.TrimSpace(scanner.Text()); line != "" && !strings.ContainsAny(line[:1], "#;") {
			lines = append(lines, line)
		}
	}
	return lines, scanner.Err()
}
