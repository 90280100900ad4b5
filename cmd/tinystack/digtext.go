package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// digText is an answer as dig prints it: the blank lines are comments.
func digText(o *digOptions, r *dnsclient.Reply) string {
	m, s, l := r.Msg, "", o.layout()
	if o.comments {
		s = ";; Got answer:\n" + headerText(m)
		if m.RecursionDesired && !m.RecursionAvailable {
			s += ";; WARNING: recursion requested but not available\n"
		}
		s += "\n" + ednsText(m.IsEdns0())
	}
	if o.question {
		s += o.section("QUESTION", l.questions(m.Question))
	}
	if o.answer {
		s += o.section("ANSWER", l.records(m.Answer))
	}
	if o.authority {
		s += o.section("AUTHORITY", l.records(m.Ns))
	}
	if o.additional {
		s += o.section("ADDITIONAL", l.records(withoutOPT(m.Extra)))
	}
	return s
}

// section is a section, unless it is empty.
func (o *digOptions) section(title, lines string) string {
	if lines == "" || !o.comments {
		return lines
	}
	return ";; " + title + " SECTION:\n" + lines + "\n"
}

// headerText is the header in two lines.
func headerText(m *dns.Msg) string {
	return fmt.Sprintf(";; ->>HEADER<<- opcode: %s, status: %s, id: %d\n;; flags: %s; QUERY: %d, ANSWER: %d, AUTHORITY: %d, ADDITIONAL: %d\n",
		opcodeName(m.Opcode), rcodeName(m.Rcode), m.Id, strings.Join(flagNames(m), " "),
		len(m.Question), len(m.Answer), len(m.Ns), len(m.Extra))
}

// flagNames are the flags that are set, in the order of the header.
func flagNames(m *dns.Msg) (names []string) {
	for _, f := range []struct {
		set  bool
		name string
	}{
		{m.Response, "qr"},
		{m.Authoritative, "aa"},
		{m.Truncated, "tc"},
		{m.RecursionDesired, "rd"},
		{m.RecursionAvailable, "ra"},
		{m.AuthenticatedData, "ad"},
		{m.CheckingDisabled, "cd"},
	} {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}

// ednsText is what EDNS says; nothing without it.
func ednsText(opt *dns.OPT) string {
	if opt == nil {
		return ""
	}
	flags := ""
	if opt.Do() {
		flags = " do"
	}
	s := fmt.Sprintf(";; OPT PSEUDOSECTION:\n; EDNS: version: %d, flags:%s; udp: %d\n", opt.Version(), flags, opt.UDPSize())
	for _, option := range opt.Option {
		s += "; " + optionText(option) + "\n"
	}
	return s
}

func optionText(option dns.EDNS0) string {
	switch o := option.(type) {
	case *dns.EDNS0_EDE:
		s := fmt.Sprintf("EDE: %d", o.InfoCode)
		if name := dns.ExtendedErrorCodeToString[o.InfoCode]; name != "" {
			s += " (" + name + ")"
		}
		if o.ExtraText != "" {
			s += ": (" + printable(o.ExtraText) + ")"
		}
		return s
	case *dns.EDNS0_NSID:
		id, _ := hex.DecodeString(o.Nsid)
		return fmt.Sprintf("NSID: %s (%q)", o.Nsid, printable(string(id)))
	case *dns.EDNS0_COOKIE:
		return "COOKIE: " + o.Cookie
	}
	return fmt.Sprintf("OPT=%d: %s", option.Option(), printable(option.String()))
}

// printable replaces what a terminal might take for a command.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, s)
}

func withoutOPT(records []dns.RR) (list []dns.RR) {
	for _, rr := range records {
		if rr.Header().Rrtype != dns.TypeOPT {
			list = append(list, rr)
		}
	}
	return list
}

// digStats are the lines after an answer.
func digStats(o *digOptions, r *dnsclient.Reply, from digServer, now time.Time) string {
	if !o.statistics {
		return ""
	}
	return fmt.Sprintf(";; Query time: %d msec\n;; SERVER: %s(%s) (%s)\n;; WHEN: %s\n;; MSG SIZE  rcvd: %d\n\n",
		r.RTT.Milliseconds(), hashed(r.Server), from.name, strings.ToUpper(r.Network), now.Format(time.UnixDate), r.Size)
}

// Names of numbers, which those without a name have by RFC 3597 and in dig's way.

func typeName(t uint16) string   { return dns.Type(t).String() }
func className(c uint16) string  { return dns.Class(c).String() }
func opcodeName(code int) string { return named(dns.OpcodeToString, code, "RESERVED%d") }
func rcodeName(code int) string  { return named(dns.RcodeToString, code, "RESERVED%d") }

func named(names map[int]string, code int, other string) string {
	if name, ok := names[code]; ok {
		return name
	}
	return fmt.Sprintf(other, code)
}
