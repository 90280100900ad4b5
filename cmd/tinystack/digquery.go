package main

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// digQuery is one thing to ask.
type digQuery struct {
	server string // "": those of resolv.conf
	name   string
	qtype  uint16
	class  uint16
	opts   digOptions

	typed bool // the type was given
}

func newDigQuery() digQuery {
	return digQuery{qtype: dns.TypeA, class: dns.ClassINET, opts: newDigOptions()}
}

// parseDig reads the arguments. names and reverse were given by flags. Without any
// name it asks what dig asks: who the root servers are.
func parseDig(first digQuery, args, names, reverse []string) ([]digQuery, error) {
	queries, err := parseDigArgs(&first, args)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		queries = append(queries, first.named(name))
	}
	for _, s := range reverse {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return nil, usagef("--reverse %q is not an address", s)
		}
		queries = append(queries, first.named(dnsclient.ReverseName(addr)).preset(dns.TypePTR))
	}
	if len(queries) == 0 {
		queries = []digQuery{first.named(".").preset(dns.TypeNS)}
	}
	return queries, checkQueries(queries)
}

// parseDigArgs reads a server, names, types, classes and options, in any order. What
// comes before the first name is for all, what comes after a name for it.
func parseDigArgs(first *digQuery, args []string) (queries []digQuery, err error) {
	for _, arg := range args {
		at := first
		if len(queries) > 0 {
			at = &queries[len(queries)-1]
		}
		switch {
		case arg == "@":
			return nil, usagef("@ names no server")
		case strings.HasPrefix(arg, "@"):
			at.server = arg[1:]
		case strings.HasPrefix(arg, "+"):
			short := at.opts.short
			if err := at.opts.set(arg[1:]); err != nil {
				return nil, err
			}
			if at.opts.short != short { // which is for all, wherever it stands
				first.setShort(at.opts.short, queries)
			}
		case !at.typed && at.setType(arg), at.setClass(arg):
		default:
			queries = append(queries, first.named(arg))
		}
	}
	return queries, nil
}

// named is the query for a name.
func (q digQuery) named(name string) digQuery {
	q.name = name
	return q
}

// preset is the query for a type, unless another was given.
func (q digQuery) preset(qtype uint16) digQuery {
	if !q.typed {
		q.qtype = qtype
	}
	return q
}

// setShort sets it for all.
func (q *digQuery) setShort(on bool, others []digQuery) {
	q.opts.short = on
	for i := range others {
		others[i].opts.short = on
	}
}

func checkQueries(queries []digQuery) error {
	for _, q := range queries {
		if _, err := dnsclient.CanonicalName(q.name); err != nil {
			return usagef("%q is not a name: labels of 1 to 63 bytes, 255 in all", q.name)
		}
		if q.qtype == dns.TypeAXFR || q.qtype == dns.TypeIXFR {
			return usagef("%s: zone transfers are not supported", dns.TypeToString[q.qtype])
		}
		if q.opts.trace && q.class != dns.ClassINET {
			return usagef("+trace is for class IN")
		}
	}
	return nil
}

// setType takes a type's name, or TYPE and its number (RFC 3597 5), and reports
// whether s is one.
func (q *digQuery) setType(s string) bool {
	t, ok := dns.StringToType[strings.ToUpper(s)]
	if !ok {
		t, ok = numbered("TYPE", s)
	}
	if ok {
		q.qtype, q.typed = t, true
	}
	return ok
}

// setClass is setType for a class.
func (q *digQuery) setClass(s string) bool {
	c, ok := dns.StringToClass[strings.ToUpper(s)]
	if !ok {
		c, ok = numbered("CLASS", s)
	}
	if ok {
		q.class = c
	}
	return ok
}

func numbered(prefix, s string) (uint16, bool) {
	number, ok := strings.CutPrefix(strings.ToUpper(s), prefix)
	n, err := strconv.ParseUint(number, 10, 16)
	return uint16(n), ok && err == nil
}

// question is the query as the client is to ask it.
func (q *digQuery) question() dnsclient.Query {
	o := &q.opts
	return dnsclient.Query{
		Question:  dns.Question{Name: q.name, Qtype: q.qtype, Qclass: q.class},
		Recursion: o.recurse, AuthenticData: o.ad, CheckingDisabled: o.cd, DNSSEC: o.dnssec,
		TCP: o.tcp || q.qtype == dns.TypeANY && !o.udp, KeepTruncated: o.ignore,
		NoEDNS: !o.edns && !o.dnssec, UDPSize: o.bufsize, Timeout: o.wait,
	}
}

// names are what the query's name may be short for, as conf has it, if the user wants that. A name
// with enough dots is short for none, as dig has it.
func (q *digQuery) names(conf dnsclient.ResolvConf) []string {
	o := &q.opts
	if !o.search {
		return []string{q.name}
	}
	if o.domain != "" {
		conf.Search = []string{o.domain}
	}
	if o.ndots >= 0 {
		conf.Ndots = o.ndots
	}
	if o.ndots == 0 {
		conf.Ndots = -1 // the zero value is the default
	}
	conf.NoTLDQuery = false
	names := conf.Names(q.name)
	if dns.Fqdn(q.name) == names[0] {
		names = names[:1]
	}
	return names
}

// digOptions are what options with a plus say.
type digOptions struct {
	trace, tcp, udp, ignore       bool // udp: not TCP was said
	recurse, ad, cd, dnssec, edns bool
	bufsize                       int
	wait                          time.Duration
	tries                         int

	search bool
	domain string // in place of resolv.conf's; "": those
	ndots  int    // the same; negative: those

	short, identify, multiline, noTTL, noClass                         bool
	cmd, comments, question, answer, authority, additional, statistics bool
}

func newDigOptions() digOptions {
	o := digOptions{ndots: -1, recurse: true, ad: true, edns: true, bufsize: dnsclient.DefaultUDPSize, wait: 5 * time.Second, tries: 3}
	o.all(true)
	return o
}

// all sets what is printed.
func (o *digOptions) all(on bool) {
	o.cmd, o.comments, o.question, o.statistics = on, on, on, on
	o.answer, o.authority, o.additional = on, on, on
}
