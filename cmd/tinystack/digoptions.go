package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinystack/tinystack/dnsclient"
)

// digSwitch is an option that is on or off.
type digSwitch struct {
	name string
	set  func(o *digOptions, on bool)
}

// digSwitches are in the order of the alphabet.
var digSwitches = []digSwitch{
	{"additional", func(o *digOptions, on bool) { o.additional = on }},
	{"adflag", func(o *digOptions, on bool) { o.ad = on }},
	{"all", (*digOptions).all},
	{"answer", func(o *digOptions, on bool) { o.answer = on }},
	{"authority", func(o *digOptions, on bool) { o.authority = on }},
	{"cdflag", func(o *digOptions, on bool) { o.cd = on }},
	{"class", func(o *digOptions, on bool) { o.noClass = !on }},
	{"cmd", func(o *digOptions, on bool) { o.cmd = on }},
	{"comments", func(o *digOptions, on bool) { o.comments = on }},
	{"dnssec", func(o *digOptions, on bool) { o.dnssec = on }},
	{"edns", func(o *digOptions, on bool) { o.edns = on }},
	{"identify", func(o *digOptions, on bool) { o.identify = on }},
	{"ignore", func(o *digOptions, on bool) { o.ignore = on }},
	{"multiline", func(o *digOptions, on bool) { o.multiline = on }},
	{"question", func(o *digOptions, on bool) { o.question = on }},
	{"rdflag", func(o *digOptions, on bool) { o.recurse = on }},
	{"recurse", func(o *digOptions, on bool) { o.recurse = on }},
	{"search", func(o *digOptions, on bool) { o.search = on }},
	{"short", func(o *digOptions, on bool) { o.short = on }},
	{"stats", func(o *digOptions, on bool) { o.statistics = on }},
	{"tcp", (*digOptions).setTCP},
	{"trace", func(o *digOptions, on bool) { o.trace = on }},
	{"ttlid", func(o *digOptions, on bool) { o.noTTL = !on }},
	{"vc", (*digOptions).setTCP},
}

func (o *digOptions) setTCP(on bool) { o.tcp, o.udp = on, !on }

// digNumber is an option with a number, which is cut to its range as dig does.
type digNumber struct {
	name      string
	low, high int
	set       func(o *digOptions, n int)
}

var digNumbers = []digNumber{
	{"bufsize", 512, 65535, func(o *digOptions, n int) { o.bufsize, o.edns = n, true }},
	{"ndots", 0, 15, func(o *digOptions, n int) { o.ndots, o.search = n, true }},
	{"retry", 0, 99, func(o *digOptions, n int) { o.tries = n + 1 }},
	{"time", 1, 3600, func(o *digOptions, n int) { o.wait = time.Duration(n) * time.Second }},
	{"timeout", 1, 3600, func(o *digOptions, n int) { o.wait = time.Duration(n) * time.Second }},
	{"tries", 1, 100, func(o *digOptions, n int) { o.tries = n }},
}

// digUnsent are options of dig that turn off what we never do.
var digUnsent = []string{"nocookie", "nocrypto", "noidnin", "noidnout", "nokeepalive", "nonsid"}

// set takes an option, without its plus: name, noname or name=number, of which the
// beginning is enough where it is clear.
func (o *digOptions) set(option string) error {
	name, value, hasValue := strings.Cut(strings.ToLower(option), "=")
	switch {
	case slices.Contains(digUnsent, name):
		return nil
	case name == "domain":
		return o.setDomain(value)
	}
	for _, n := range digNumbers {
		if n.name == name || len(name) >= 3 && strings.HasPrefix(n.name, name) {
			v, err := strconv.Atoi(value)
			if err != nil {
				return usagef("+%s wants a number: +%s=%d", option, n.name, n.low)
			}
			n.set(o, min(max(v, n.low), n.high))
			return nil
		}
	}
	bare, negated := strings.CutPrefix(name, "no")
	s, err := findSwitch(bare)
	switch {
	case err != nil:
		return usagef("+%s %w", option, err)
	case hasValue && (s.name != "edns" || value != "0"):
		return usagef("+%s takes no value", s.name)
	}
	s.set(o, !negated)
	return nil
}

// setDomain makes a domain the one that names are completed with.
func (o *digOptions) setDomain(domain string) error {
	name, err := dnsclient.CanonicalName(domain)
	if err != nil || name == "." {
		return usagef("+domain=%s wants a domain", domain)
	}
	o.domain, o.search = name, true
	return nil
}

// findSwitch finds the option of that name, or the only one that begins so.
func findSwitch(name string) (digSwitch, error) {
	var found []digSwitch
	for _, s := range digSwitches {
		if s.name == name {
			return s, nil
		}
		if name != "" && strings.HasPrefix(s.name, name) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return digSwitch{}, errors.New("is no option; see tinystack dig --help")
	case 1:
		return found[0], nil
	}
	return digSwitch{}, fmt.Errorf("is not clear: it may be %s or %s", found[0].name, found[1].name)
}
