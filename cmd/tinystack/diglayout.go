package main

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// layout is how records are laid out: the columns where their TTL, class, type and data begin,
// and which of these are left out.
type layout struct {
	stops          [4]int
	noTTL, noClass bool
	multiline      bool
}

// plain is dig's layout where no option says otherwise.
var plain = layout{stops: [...]int{24, 32, 40, 48}}

// layout is that of the options: what is left out, or may take several lines, moves what follows
// to the left, as in dig.
func (o *digOptions) layout() layout {
	l := plain
	switch {
	case o.multiline, o.noTTL && o.noClass:
		l.stops = [...]int{24, 24, 24, 32}
	case o.noTTL, o.noClass:
		l.stops = [...]int{24, 24, 32, 40}
	}
	l.noTTL, l.noClass, l.multiline = o.noTTL, o.noClass, o.multiline
	return l
}

// records are records in the form of a zone file, a line each.
func (l *layout) records(records []dns.RR) string {
	var b strings.Builder
	for _, rr := range records {
		h := rr.Header()
		data := recordData(rr)
		if soa, ok := rr.(*dns.SOA); ok && l.multiline {
			data = l.soa(soa)
		}
		b.WriteString(l.columns(nameText(h.Name), fmt.Sprint(h.Ttl), className(h.Class), typeName(h.Rrtype), data) + "\n")
	}
	return b.String()
}

// questions are questions, with their class in any case.
func (l layout) questions(questions []dns.Question) (s string) {
	l.noClass = false
	for _, q := range questions {
		s += ";" + l.columns(nameText(q.Name), "", className(q.Qclass), typeName(q.Qtype), "") + "\n"
	}
	return s
}

// columns puts a record's parts where dig has them, by tabs.
func (l *layout) columns(name, ttl, class, rrtype, data string) string {
	if l.noTTL {
		ttl = ""
	}
	if l.noClass {
		class = ""
	}
	line, at := name, len(name)
	for i, part := range []string{ttl, class, rrtype, data} {
		if part == "" {
			continue
		}
		gap, begins := tabsTo(at, l.stops[i])
		line, at = line+gap+part, begins+len(part)
	}
	return line
}

// tabsTo is the space from a column to another, at least one, and where it ends.
func tabsTo(from, to int) (gap string, at int) {
	to = max(to, from+1)
	if tabs := to/8 - from/8; tabs > 0 {
		gap, from = strings.Repeat("\t", tabs), to/8*8
	}
	return gap + strings.Repeat(" ", to-from), to
}

// soa is a SOA record's data, a number to the line, each with what it means.
func (l *layout) soa(r *dns.SOA) string {
	line := "\n" + strings.Repeat("\t", l.stops[3]/8)
	s := nameText(r.Ns) + " " + nameText(r.Mbox) + " (" + line + fmt.Sprintf("%-10d ; serial", r.Serial)
	for _, field := range []struct {
		seconds uint32
		name    string
	}{{r.Refresh, "refresh"}, {r.Retry, "retry"}, {r.Expire, "expire"}, {r.Minttl, "minimum"}} {
		s += line + fmt.Sprintf("%-10d ; %s (%s)", field.seconds, field.name, spelled(field.seconds))
	}
	return s + line + ")"
}

// spelled is a time in words: "1 week 2 days".
func spelled(seconds uint32) string {
	var words []string
	for _, unit := range []struct {
		seconds uint32
		name    string
	}{{7 * 86400, "week"}, {86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}} {
		n := seconds / unit.seconds
		seconds %= unit.seconds
		switch {
		case n == 1:
			words = append(words, "1 "+unit.name)
		case n > 1 || len(words) == 0 && unit.name == "second":
			words = append(words, fmt.Sprintf("%d %ss", n, unit.name))
		}
	}
	return strings.Join(words, " ")
}

// recordData is a record without its name, TTL, class and type.
func recordData(rr dns.RR) string {
	data := strings.TrimPrefix(rr.String(), rr.Header().String())
	switch rr.(type) {
	case *dns.CNAME, *dns.DNAME, *dns.MX, *dns.NS, *dns.PTR, *dns.SOA, *dns.SRV:
		return nameText(data)
	}
	return data
}

// bindEscapes are the characters that package dns and BIND escape in different ways.
var bindEscapes = strings.NewReplacer(`\\`, `\\`, `\ `, `\032`, `\$`, `\$`, `$`, `\$`)

// nameText is a name as BIND writes it.
func nameText(name string) string { return bindEscapes.Replace(name) }

// shortAnswer is the data of the records alone, and with +identify who gave them.
func shortAnswer(o *digOptions, r *dnsclient.Reply) string {
	by := "\n"
	if o.identify {
		by = fmt.Sprintf(" from server %s in %d ms.\n", r.Server.Addr(), r.RTT.Milliseconds())
	}
	return shortData(r.Msg.Answer, by)
}

func shortData(records []dns.RR, end string) string {
	var b strings.Builder
	for _, rr := range records {
		b.WriteString(recordData(rr) + end)
	}
	return b.String()
}
