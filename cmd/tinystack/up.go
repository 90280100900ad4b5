package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tinystack/tinystack/httpd"
	"github.com/tinystack/tinystack/internal/tracehttp"
	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
	"github.com/tinystack/tinystack/tcp"
)

type upFlags struct {
	net      netFlags
	names    nameServerFlags
	www      string
	services bool
	cc       string
	queues   int
	queued   func() bool // --queues is there
	impair   string
	pcap     string
	metrics  bool
	jsonLog  bool
}

// upPlan is the flags, checked.
type upPlan struct {
	net      netConfig
	names    nameServerPlan
	www      string
	services bool
	impair   *link.ImpairConfig
	pcap     string
	metrics  bool
}

func newUp() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring a TUN device up with the stack and its servers behind it",
		Long: `Bring a TUN device up with the stack behind it, and on the stack a web server at port 80 and a name
server at port 53. The host's curl, ping, dig and browser reach it. It needs the right to make the device,
and takes all down when it is interrupted: requests under way have 5 seconds, unless it is interrupted again.

The name server asks the host's, on the host's own network, and remembers what they answer. It knows the
names tinystack.test, which is the stack, and host.tinystack.test. It answers its own subnet alone, unless
--allow has others, with --allow 0.0.0.0/0 everybody.

What --impair may have, for packets each way: loss, dup (arrives twice), corrupt, reorder and late, which
are probabilities of 0% to 100%; delay and jitter, at most the delay, up to 1m; rate, 1kbit to 1tbit a
second, and queue, how long a packet may wait for it (50ms); gap, how many packets overtake one that is
reordered (3); lateby, how much longer one that is late travels (3ms); and seed: with the same, the same
packets meet the same fate. in.loss=1% is for what the stack receives alone, out.loss=1% for what it sends.`,
		Args: wantArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := f.plan()
			if err != nil {
				return err
			}
			if err := notEmpty(cmd, "www", "pcap", "dns-upstream", "allow"); err != nil {
				return err
			}
			return up(cmd.Context(), p, cmd.OutOrStdout(), f.logger(cmd.ErrOrStderr()))
		},
	}
	f.net.add(cmd, "tiny0", "198.18.0.2/24")
	f.net.addTrace(cmd, "trace")
	f.names.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.www, "www", "", "serve the files in this `directory`")
	flags.BoolVar(&f.services, "services", false, "add echo (7), discard (9) and chargen (19), on TCP and UDP")
	flags.StringVar(&f.cc, "cc", tcp.CUBIC, "congestion control of TCP: "+strings.Join(congestionControls, ", "))
	flags.IntVar(&f.queues, "queues", 0, fmt.Sprintf("`number` of the device's queues, 1 to %d (default one for each CPU, at most 4)", link.MaxQueues))
	f.queued = func() bool { return flags.Changed("queues") }
	flags.StringVar(&f.impair, "impair", "", "make the wire bad: `spec` is like loss=1%,delay=10ms,rate=100mbit,reorder=1%,seed=7")
	flags.StringVar(&f.pcap, "pcap", "", "record all packets in this `file`, which Wireshark reads")
	flags.BoolVar(&f.metrics, "metrics", false, "serve the counters at /metrics, in Prometheus' text format")
	flags.BoolVar(&f.jsonLog, "json-log", false, "write the log on standard error as JSON")
	_ = cmd.RegisterFlagCompletionFunc("cc", cobra.FixedCompletions(congestionControls, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagDirname("www")
	_ = cmd.MarkFlagFilename("pcap", "pcapng")
	return cmd
}

// congestionControls are what --cc may have.
var congestionControls = []string{tcp.Reno, tcp.CUBIC, tcp.BBR}

// notEmpty refuses a flag that is there and has no value, as in --www "$DIR" where
// DIR is not set.
func notEmpty(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f.Changed && (f.Value.String() == "" || f.Value.String() == "[]") {
			return usagef("--%s is empty", name)
		}
	}
	return nil
}

// logger writes to w in the format that the flags want.
func (f *upFlags) logger(w io.Writer) *slog.Logger {
	if f.jsonLog {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// plan checks the flags; its errors are usage errors.
func (f *upFlags) plan() (p upPlan, err error) {
	p.www, p.services, p.pcap, p.metrics = f.www, f.services, f.pcap, f.metrics
	if p.net, err = f.net.config(); err != nil {
		return p, err
	}
	if p.names, err = f.names.plan(p.net); err != nil {
		return p, err
	}
	if !slices.Contains(congestionControls, f.cc) {
		return p, usagef("--cc %q is none of %s", f.cc, strings.Join(congestionControls, ", "))
	}
	p.net.tcp.Congestion = f.cc
	if p.net.queues, err = f.deviceQueues(); err != nil {
		return p, err
	}
	if f.www != "" {
		if info, err := os.Stat(f.www); err != nil || !info.IsDir() {
			return p, usagef("--www %q is not a directory", f.www)
		}
	}
	if f.pcap == "-" {
		return p, usagef("--pcap writes to a file: the standard output has the access log; see tinystack capture --help")
	}
	if f.impair != "" {
		c, err := link.ParseImpair(f.impair)
		if err != nil {
			return p, usagef("--impair: %w", err)
		}
		p.impair = &c
	}
	return p, nil
}

// deviceQueues checks --queues.
func (f *upFlags) deviceQueues() (int, error) {
	switch {
	case !f.queued():
		return autoQueues, nil
	case f.queues < 1 || f.queues > link.MaxQueues:
		return 0, usagef("--queues %d is out of range: 1 to %d", f.queues, link.MaxQueues)
	case f.queues > 1 && f.net.driver != driverTUN:
		return 0, usagef("--queues %d: the driver %s has one queue", f.queues, f.net.driver)
	}
	return f.queues, nil
}

// up runs the stack with its servers until ctx is done or something fails.
func up(ctx context.Context, p upPlan, stdout io.Writer, log *slog.Logger) (err error) {
	signal.Ignore(syscall.SIGPIPE) // who reads the access log may go; the network stays
	file := &pcapFile{name: p.pcap, log: log}
	defer func() { err = errors.Join(err, file.Close()) }()
	p.net.log = log
	n, err := openNetwork(p.net, p.impair, func(n *network) error { return file.record(n.dev) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	failed := make(chan error, 1)
	if err := n.startNameServer(p.names, failed); err != nil {
		return err
	}
	if window := n.openWindow(log); window != nil {
		defer func() { err = errors.Join(err, window.Close()) }()
	}
	web, err := httpd.New(n.webConfig(p, stdout, log))
	if err != nil {
		return err
	}
	if err := n.serve(web, p.services, failed); err != nil {
		return errors.Join(err, web.Close())
	}
	fmt.Fprint(stdout, banner(p, n))
	select {
	case <-ctx.Done():
		return n.drain(web, log)
	case err = <-failed:
	case <-n.failed():
		err = n.failure()
	}
	return errors.Join(err, web.Close())
}

func (n *network) webConfig(p upPlan, accessLog io.Writer, log *slog.Logger) httpd.Config {
	c := httpd.Config{
		WWW: p.www, AccessLog: accessLog, Logger: log, ConnInfo: connInfo,
		Around:      func(h http.Handler) http.Handler { return tracehttp.Handler(n.node, h) },
		ConnContext: tracehttp.ConnContext,
	}
	if p.metrics {
		c.Metrics = metricsHandler(n.stats)
	}
	return c
}

// serve starts the servers; failed gets the error of one that ends by itself.
func (n *network) serve(web *httpd.Server, withServices bool, failed chan<- error) error {
	ln, err := n.stack.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	go func() {
		if err := web.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			tell(failed, fmt.Errorf("web server: %w", err))
		}
	}()
	if !withServices {
		return nil
	}
	return startServices(n.stack, failed)
}

// banner says what is up and what to try.
func banner(p upPlan, n *network) string {
	c, at := p.net, p.net.stack.Addr()
	s := fmt.Sprintf("tinystack is up at %s on %s (%s, MTU %d, %s%s); the host is %s\n",
		at, n.dev.Name(), c.driver, c.mtu, offloads(n.dev.Features()), queues(n.dev), c.host)
	if p.impair != nil {
		s += fmt.Sprintf("  the wire is bad: %s\n", p.impair)
	}
	if p.services {
		s += "  echo 7, discard 9, chargen 19, on TCP and UDP\n"
	}
	if p.metrics {
		s += fmt.Sprintf("  counters at http://%s/metrics\n", at)
	}
	if n.host.Todo != "" {
		s += fmt.Sprintf("  first:  %s\n", n.host.Todo)
	}
	s += fmt.Sprintf("  try:    curl -v http://%s/\n          ping -c3 %s\n", at, at)
	if !p.names.off {
		s += fmt.Sprintf("          dig @%s %s\n", at, stackName)
	}
	return s + "Ctrl-C takes it down.\n"
}

// queues tells how many queues the device has, if it has several.
func queues(dev link.Device) string {
	if n := len(link.QueuesOf(dev)); n > 1 {
		return fmt.Sprintf(", %d queues", n)
	}
	return ""
}

// offloads names what the device does for us.
func offloads(f packet.Features) string {
	s := ""
	for _, o := range []struct {
		f    packet.Features
		name string
	}{{packet.TxChecksum, "checksum"}, {packet.TSO, "TSO"}, {packet.USO, "USO"}} {
		if f.Has(o.f) {
			s += " " + o.name
		}
	}
	if s == "" {
		return "no offloads"
	}
	return "offloads" + s
}
