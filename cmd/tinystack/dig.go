package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/tinystack/tinystack/dnsclient"
	"github.com/tinystack/tinystack/internal/netcfg"
)

// What dig ends with, besides 0: an answer came, whatever it says.
const (
	exitDigUsage   = 1
	exitDigBatch   = 8
	exitDigNoReply = 9
	exitDigError   = 10
)

type digFlags struct {
	net              netFlags
	via, file, hints string
	qtype, class     string
	port             int
	names, reverse   []string
	bind             string
	trace, tcp       bool
	short, json      bool
	v4, v6           bool
}

func newDig() *cobra.Command {
	var f digFlags
	cmd := &cobra.Command{
		Use:   "dig [@SERVER] [NAME] [TYPE] [CLASS] [+OPTION...]",
		Short: "Ask a name server, and print what it answers as dig does",
		Long: `Ask a name server for the records of a TYPE (A) that a NAME has, and print what it answers as dig does.
Without a SERVER it asks those of resolv.conf, in order. There may be several names; options and a server
that come after one are for it alone.

Options, each with "no" before it for the contrary, and as short as is clear: +trace goes from the root servers
down, and shows what each says; +tcp, +ignore (a truncated answer is good enough), +recurse, +edns,
+bufsize=BYTES, +dnssec, +adflag, +cdflag say how to ask; +time=SECONDS (5) how long to wait, and +tries=N (3)
how often; +search, +domain=DOMAIN, +ndots=N to complete names as resolv.conf says; +short, +identify, +all, +cmd,
+comments, +question, +answer, +authority, +additional, +stats, +ttlid, +class what to print, and +multiline to
print SOA records over several lines. Signatures that +dnssec brings are printed, not checked.

It asks on the host's own network. With --via tun it asks from a stack on a TUN device of its own, which
reaches the host, and what is beyond it where the host forwards; with --via lab in the lab, the small Internet
of tinystack explain, which has www.google.com.

Exit codes: 0 an answer came, be it an error, 1 wrong usage, 8 the file of -f can't be read, 9 no answer came,
10 another error, 77 a privilege, the device or the subnet is missing, 130 interrupted.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := f.plan(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			return dig(cmd.Context(), p, cmd.OutOrStdout())
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return digUsage(flagError(cmd, err)) })
	f.net.add(cmd, "tinydig0", "198.18.2.2/24")
	f.net.addTrace(cmd, "events")
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.names, "query", "q", nil, "ask for this `name`, even if it looks like a type")
	flags.StringArrayVarP(&f.reverse, "reverse", "x", nil, "ask for the names of this `address`")
	flags.StringVarP(&f.qtype, "type", "t", "", "the `type` of records")
	flags.StringVarP(&f.class, "class", "c", "", "the `class` of records: IN, CH or HS")
	flags.IntVarP(&f.port, "port", "p", dnsPort, "the server's `port`, 1 to 65535")
	flags.StringVarP(&f.bind, "bind", "b", "", "ask from this `address` of the host's, which # and a port may follow")
	flags.BoolVarP(&f.v4, "ipv4", "4", false, "ask servers over IPv4 only")
	flags.BoolVarP(&f.v6, "ipv6", "6", false, "ask servers over IPv6 only")
	flags.StringVarP(&f.file, "file", "f", "", "read queries from this `file`, one a line; - is the standard input")
	flags.BoolVar(&f.trace, "trace", false, "as +trace")
	flags.BoolVar(&f.tcp, "tcp", false, "as +tcp")
	flags.BoolVar(&f.short, "short", false, "as +short")
	flags.BoolVar(&f.json, "json", false, "print a line of JSON for each answer")
	flags.StringVar(&f.via, "via", viaHost, "ask on the host's network (host), from a stack on a TUN device (tun), or in the lab (lab)")
	flags.StringVar(&f.hints, "root-hints", "", "begin +trace at the root servers in this zone `file`")
	_ = cmd.MarkFlagFilename("file")
	_ = cmd.MarkFlagFilename("root-hints")
	_ = cmd.RegisterFlagCompletionFunc("via", cobra.FixedCompletions(vias, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// dig asks all queries over the network that the plan has.
func dig(ctx context.Context, p digPlan, stdout io.Writer) error {
	switch p.via {
	case viaLab:
		l, err := openLab(p.net)
		if err != nil {
			return digError(err)
		}
		return errors.Join(p.ask(ctx, labNetwork(l.Lab), stdout), l.Close())
	case viaTUN:
		n, err := openNetwork(p.net, nil, nil)
		if err != nil {
			return digError(err)
		}
		var answered error
		err = n.untilFailed(ctx, func(ctx context.Context) { answered = p.ask(ctx, hostNetwork(n.stack), stdout) })
		if err := errors.Join(err, n.Close()); err != nil {
			return digError(err)
		}
		return answered
	}
	if p.bind.IsValid() {
		return p.ask(ctx, hostNetwork(boundDialer{p.bind}), stdout)
	}
	return p.ask(ctx, hostNetwork(nil), stdout)
}

// ask asks all queries, one after another.
func (p *digPlan) ask(ctx context.Context, n digNetwork, stdout io.Writer) error {
	if p.roots != nil {
		n.roots = p.roots
	}
	client, err := dnsclient.NewClient(dnsclient.ClientConfig{Dialer: n.dialer})
	if err != nil {
		return digError(err)
	}
	d := &digger{plan: p, net: n, client: client, w: stdout}
	for i := range p.queries {
		if err := d.run(ctx, &p.queries[i]); err != nil {
			return digError(err)
		}
	}
	if d.unanswered {
		return codeError{code: exitDigNoReply}
	}
	return nil
}

// digError gives err dig's exit code, unless the machine lacks something or the user has enough.
func digError(err error) error {
	var missing *netcfg.MissingError
	switch {
	case errors.As(err, &missing):
		return err
	case errors.Is(err, context.Canceled):
		return codeError{code: exitInterrupted}
	}
	return codeError{exitDigError, err}
}
