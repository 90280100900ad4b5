package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// getVias are the networks of get. The host's own is curl's.
var getVias = []string{viaTUN, viaLab}

type getFlags struct {
	net                         netFlags
	via, output, method, format string
	agent                       string
	headers, data               []string
	maxTime, connectTime        float64 // seconds
	remoteName, include, head   bool
	verbose, silent, show       bool
	follow, fail                bool
}

func newGet() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get URL",
		Short: "Fetch a URL from a stack of its own, with curl's flags",
		Long: `Fetch URL from a stack on a TUN device of its own, with curl's flags and exit codes. It reaches the host, and
what is beyond it where the host forwards; names are the host's resolver's to find. With --via lab it fetches from
the lab, the small Internet of tinystack explain, which has http://www.google.com/ and needs no privilege.

What -w takes: %{http_code}, %{time_namelookup}, %{time_connect}, %{time_pretransfer}, %{time_starttransfer},
%{time_total}, %{size_download}, %{speed_download}, %{remote_ip}, %{remote_port}, %{local_ip}, %{local_port},
%{content_type}, %{url_effective}, %{method}, %{num_connects}, %{num_redirects}, %{http_version}, %{exitcode}, \n, \t.

Exit codes: 0 done, 1 a scheme that is not there, 2 wrong usage, 3 a malformed URL, 6 the name could not be resolved,
7 no connection, 18 less came than was announced, 22 with -f a status of 400 or more, 23 the output can't be
written, 28 it took too long, 35 no agreement on TLS, 52 the server said nothing, 55 sending failed, 56 receiving
failed, 60 a certificate that is not to be trusted, 77 a privilege, the device or the subnet is missing, 130
interrupted.`,
		Args: wantArgs(1, "one URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := f.plan(args[0])
			if err != nil {
				return err
			}
			return get(cmd.Context(), p, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.add(cmd)
	return cmd
}

func (f *getFlags) add(cmd *cobra.Command) {
	f.net.add(cmd, "tinyget0", "198.18.3.2/24")
	f.net.addTrace(cmd, "trace")
	flags := cmd.Flags()
	flags.StringVar(&f.via, "via", viaTUN, "fetch from a stack on a TUN device (tun), or in the lab (lab)")
	flags.StringVarP(&f.output, "output", "o", "", "write the body to `file`; - is the standard output")
	flags.BoolVarP(&f.remoteName, "remote-name", "O", false, "write the body to a file of the URL's last name")
	flags.BoolVarP(&f.include, "include", "i", false, "write the response's header, too")
	flags.BoolVarP(&f.head, "head", "I", false, "ask for the header only")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "tell what happens, on standard error")
	flags.BoolVarP(&f.silent, "silent", "s", false, "don't say what went wrong")
	flags.BoolVarP(&f.show, "show-error", "S", false, "say it, even with -s")
	flags.StringVarP(&f.agent, "user-agent", "A", "tinystack", "the `name` to send as User-Agent")
	flags.BoolVarP(&f.follow, "location", "L", false, "go where the server sends on to")
	flags.BoolVarP(&f.fail, "fail", "f", false, "fail, without the body, if the status is 400 or more")
	flags.StringVarP(&f.format, "write-out", "w", "", "print this `format` at the end")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "a `line` of the request's header")
	flags.StringArrayVarP(&f.data, "data", "d", nil, "send this `data` by POST")
	flags.StringVarP(&f.method, "request", "X", "", "the request's `method`")
	flags.Float64VarP(&f.maxTime, "max-time", "m", 0, "`seconds` it may take (0: any)")
	flags.Float64Var(&f.connectTime, "connect-timeout", 0, "`seconds` that connecting may take (0: any)")
}

// getPlan is the flags and the URL, checked.
type getPlan struct {
	getFlags
	url               string
	netConfig         netConfig
	maxTime, connTime time.Duration
}

func (f *getFlags) plan(url string) (p getPlan, err error) {
	p = getPlan{getFlags: *f, url: url, maxTime: seconds(f.maxTime), connTime: seconds(f.connectTime)}
	switch {
	case !slices.Contains(getVias, f.via):
		return p, usagef("--via %q is none of %s", f.via, strings.Join(getVias, ", "))
	case p.maxTime < 0:
		return p, usagef("--max-time %v is out of range: 0 seconds to a day", f.maxTime)
	case p.connTime < 0:
		return p, usagef("--connect-timeout %v is out of range: 0 seconds to a day", f.connectTime)
	case f.output != "" && f.remoteName:
		return p, usagef("--output and --remote-name exclude each other")
	case f.head && len(f.data) > 0:
		return p, usagef("--head and --data exclude each other")
	}
	if !strings.Contains(p.url, "://") {
		p.url = "http://" + p.url
	}
	p.netConfig, err = f.net.config()
	return p, err
}
