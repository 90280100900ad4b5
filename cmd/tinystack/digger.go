package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// digger asks and prints.
type digger struct {
	plan       *digPlan
	net        digNetwork
	client     *dnsclient.Client
	w          io.Writer
	unanswered bool // a query had no answer
	greeted    bool // the first lines were printed
}

// run asks one query. That there is no answer is no error, but noted.
func (d *digger) run(ctx context.Context, q *digQuery) error {
	if q.opts.trace {
		return d.traceDown(ctx, q)
	}
	servers, err := d.servers(ctx, q.server)
	if err != nil {
		return err
	}
	names := q.names(d.net.conf)
	for i, name := range names {
		q := *q
		q.name = name
		reply, from := d.ask(d.watched(ctx, &q), &q, servers)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case reply == nil:
			d.unanswered = true
			return d.silence(&q, servers)
		case reply.Msg.Rcode == dns.RcodeSuccess, i == len(names)-1: // else it may be short for the next one
			return d.print(&q, reply, from, servers)
		}
	}
	return nil
}

// digServer is a server, as the user named it.
type digServer struct {
	name string
	at   netip.AddrPort
}

// servers finds whom to ask: the addresses of the server that was named, or those
// that the network has.
func (d *digger) servers(ctx context.Context, name string) (list []digServer, err error) {
	addrs := d.net.servers
	if name != "" {
		if addrs, err = d.addresses(ctx, name); err != nil {
			return nil, fmt.Errorf("the server's address is not known: %w", err)
		}
	}
	for _, a := range addrs {
		if !d.plan.family(a) {
			continue
		}
		s := digServer{name, netip.AddrPortFrom(a.Unmap(), d.plan.port)}
		if name == "" {
			s.name = a.String()
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, errors.New("no server has an address of that family")
	}
	return list, nil
}

func (d *digger) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a}, nil
	}
	return d.net.names.LookupNetIP(ctx, "ip", name)
}

// ask asks the servers in turn, as often as the query wants, until one answers.
func (d *digger) ask(ctx context.Context, q *digQuery, servers []digServer) (*dnsclient.Reply, digServer) {
	for range q.opts.tries {
		for _, s := range servers {
			reply, err := d.client.Exchange(ctx, s.at, q.question())
			if err == nil {
				return reply, s
			}
			if ctx.Err() != nil {
				return nil, s
			}
			d.comment("communications error to %s: %s", hashed(s.at), silenceReason(err))
		}
	}
	return nil, digServer{}
}

// watched returns a context that has what goes on besides answers printed.
func (d *digger) watched(ctx context.Context, q *digQuery) context.Context {
	return dnsclient.WithTrace(ctx, &dnsclient.Trace{
		Dropped: func(e dnsclient.DropEvent) {
			d.comment("Warning: a message from %s was dropped: %s", hashed(e.Server), e.Reason)
		},
		Retry: func(e dnsclient.RetryEvent) {
			switch {
			case !q.opts.comments || q.opts.short:
			case e.How == dnsclient.RetryOverTCP:
				d.comment("Truncated, retrying in TCP mode.")
			default:
				d.comment("Asking again %s.", e.How)
			}
		},
	})
}

// comment prints a line about what goes on; in JSON there is no place for it.
func (d *digger) comment(format string, args ...any) {
	if !d.plan.json {
		fmt.Fprintf(d.w, ";; "+format+"\n", args...)
	}
}

// silence says that nobody answered.
func (d *digger) silence(q *digQuery, servers []digServer) error {
	if d.plan.json {
		return writeJSON(d.w, digFailure{Schema: digSchema, Question: jsonQuestion(q.question().Question), Error: "no servers could be reached"})
	}
	_, err := fmt.Fprintf(d.w, "%s;; no servers could be reached\n", d.greeting(q, len(servers)))
	return err
}

func (d *digger) print(q *digQuery, r *dnsclient.Reply, from digServer, servers []digServer) (err error) {
	switch {
	case d.plan.json:
		return writeJSON(d.w, jsonReply(r, from.name))
	case q.opts.short:
		_, err = io.WriteString(d.w, shortAnswer(&q.opts, r))
	default:
		s := d.greeting(q, len(servers)) + digText(&q.opts, r) + digStats(&q.opts, r, from, time.Now())
		_, err = io.WriteString(d.w, s)
	}
	return err
}

// greeting is the lines before the first answer, with the number of addresses that
// a server has which the user named.
func (d *digger) greeting(q *digQuery, servers int) string {
	if !q.opts.cmd || q.opts.short || d.greeted {
		return ""
	}
	d.greeted = true
	s := fmt.Sprintf("\n; <<>> tinystack dig <<>> %s\n", d.plan.line)
	switch {
	case q.server == "":
	case servers == 1:
		s += "; (1 server found)\n"
	default:
		s += fmt.Sprintf("; (%d servers found)\n", servers)
	}
	return s + ";; global options: +cmd\n"
}

// hashed is an address and port as dig writes them.
func hashed(at netip.AddrPort) string { return fmt.Sprintf("%s#%d", at.Addr(), at.Port()) }

// silenceReason is why a server gave no answer, in dig's words where it has some.
func silenceReason(err error) string {
	var e *net.DNSError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timed out"
	case errors.As(err, &e) && e.Unwrap() != nil && reason(e.Unwrap()) != e.Unwrap().Error():
		return reason(e.Unwrap())
	case e != nil:
		return e.Err
	}
	return err.Error()
}

// readRootHints reads the root servers' names and addresses from a zone file.
func readRootHints(path string) ([]dnsclient.RootServer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var roots []dnsclient.RootServer
	zone := dns.NewZoneParser(file, ".", path)
	zone.SetDefaultTTL(0) // which nobody reads
	for rr, ok := zone.Next(); ok; rr, ok = zone.Next() {
		switch rr := rr.(type) {
		case *dns.A:
			a, _ := netip.AddrFromSlice(rr.A.To4())
			roots = append(roots, dnsclient.RootServer{Name: rr.Hdr.Name, Addr: a})
		case *dns.AAAA:
			a, _ := netip.AddrFromSlice(rr.AAAA.To16())
			roots = append(roots, dnsclient.RootServer{Name: rr.Hdr.Name, Addr: a})
		}
	}
	if err := zone.Err(); err != nil {
		return nil, err
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("%s has no addresses of root servers", path)
	}
	return roots, nil
}
