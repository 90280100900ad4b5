package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// wanPlan is what a wide-area run is to do.
type wanPlan struct {
	paths      []path
	contenders []contender
	rounds     int
	time       time.Duration // of each download, its handshake included
	seed       uint64        // of the first round
	samples    string        // a file for all that was measured, or none
	traces     string        // a directory for traces, or none
	markdown   bool
}

// driveWAN is the driver of a wide-area run.
func driveWAN(ctx context.Context, args []string, out io.Writer) error {
	p, err := parseWANPlan(args)
	if err != nil {
		return err
	}
	if p.traces != "" {
		if err := os.MkdirAll(p.traces, 0o777); err != nil {
			return err
		}
	}
	if err := realTime(wirePriority); err != nil {
		progress("the wire may be late when the machine is busy: %v", err)
	}
	res := newWANResults(p)
	if err := p.run(ctx, res); err != nil {
		return err
	}
	if p.samples != "" {
		if err := res.write(p.samples); err != nil {
			return err
		}
	}
	return res.print(out)
}

// The full plan, and the quick one.
const (
	wanRounds, wanTime           = 3, 10 * time.Second
	wanQuickRounds, wanQuickTime = 1, 4 * time.Second
)

func parseWANPlan(args []string) (p wanPlan, err error) {
	flags := flag.NewFlagSet("bench wan", flag.ContinueOnError)
	quick := flags.Bool("quick", false, fmt.Sprintf("%d round of %v, not %d of %v", wanQuickRounds, wanQuickTime, wanRounds, wanTime))
	flags.IntVar(&p.rounds, "rounds", 0, "`number` of rounds, of which the median is taken; 1 to 100")
	flags.DurationVar(&p.time, "time", 0, "`time` of each download; 500ms to 10m")
	names := flags.String("peers", strings.Join(wanPeerNames(), ","), "the `peers` to measure")
	cc := flags.String("cc", ".", "a `regexp` of the congestion controls: "+strings.Join(algorithms, ", "))
	rows := flags.String("rows", ".", "a `regexp` of the paths: "+strings.Join(pathNames(), ", "))
	flags.Uint64Var(&p.seed, "seed", 1, "`number` that selects which packets are lost or late; it grows by 1 each round")
	flags.BoolVar(&p.markdown, "md", false, "print the tables as Markdown")
	flags.StringVar(&p.traces, "trace", "", "`directory` for traces of what the senders know, every 10 ms, a file a download; gVisor tells nothing")
	flags.StringVar(&p.samples, "json", "", "`file` to write all that was measured to, as JSON")
	if err := flags.Parse(args); err != nil {
		return p, flag.ErrHelp // it has said what is wrong
	}
	rounds, each := wanRounds, wanTime
	if *quick {
		rounds, each = wanQuickRounds, wanQuickTime
	}
	if p.rounds == 0 {
		p.rounds = rounds
	}
	if p.time == 0 {
		p.time = each
	}
	if p.rounds < 1 || p.rounds > 100 || p.time < 500*time.Millisecond || p.time > 10*time.Minute || flags.NArg() > 0 {
		return p, fmt.Errorf("-rounds must be 1 to 100, -time 500ms to 10m, and nothing else is taken")
	}
	return p, p.choose(*names, *cc, *rows)
}

// choose picks the contenders and the paths. An algorithm that the kernel lacks is left
// out.
func (p *wanPlan) choose(names, cc, rows string) error {
	ccRE, err := regexp.Compile(cc)
	if err != nil {
		return fmt.Errorf("-cc: %w", err)
	}
	rowsRE, err := regexp.Compile(rows)
	if err != nil {
		return fmt.Errorf("-rows: %w", err)
	}
	for name := range strings.SplitSeq(names, ",") {
		peer, err := findWANPeer(name)
		if err != nil {
			return err
		}
		p.contenders = append(p.contenders, peer.contenders(ccRE)...)
	}
	for _, one := range paths {
		if rowsRE.MatchString(one.name) {
			p.paths = append(p.paths, one)
		}
	}
	switch {
	case len(p.contenders) == 0:
		return fmt.Errorf("-cc %s leaves nothing to measure on %s", cc, names)
	case len(p.paths) == 0:
		return fmt.Errorf("-rows %s matches no path: there are %s", rows, strings.Join(pathNames(), ", "))
	}
	return nil
}

func (w wanPeer) contenders(cc *regexp.Regexp) (all []contender) {
	for _, a := range w.algorithms {
		if !cc.MatchString(a) {
			continue
		}
		if w.check != nil {
			if err := w.check(a); err != nil {
				progress("%s on %s is left out: %v", a, w.name, err)
				continue
			}
		}
		all = append(all, contender{w, a})
	}
	return all
}

func pathNames() []string {
	var names []string
	for _, p := range paths {
		names = append(names, p.name)
	}
	return names
}

// run measures the contenders in turn, path by path and round by round.
func (p wanPlan) run(ctx context.Context, res *wanResults) error {
	turn := slices.Clone(p.contenders)
	for round := range p.rounds {
		for _, at := range p.paths {
			progress("round %d of %d: %s", round+1, p.rounds, at.name)
			for _, c := range turn {
				d, err := p.download(ctx, c, at, round)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", at.name, c.name(), err)
				}
				res.add(c, at, d)
			}
		}
		turn = slices.Concat(turn[1:], turn[:1]) // another one is the first
	}
	return nil
}

// download measures one, over a network of its own: nothing is left of the one
// before.
func (p wanPlan) download(ctx context.Context, c contender, at path, round int) (d transfer, err error) {
	n, err := newNetwork(c, at, p.seed+uint64(round))
	if err != nil {
		return d, err
	}
	defer n.close()
	args := []string{"serve-wan", c.peer.name, c.algorithm}
	if p.traces != "" {
		args = append(args, p.traceFile(c, at, round))
	}
	proc, err := startServer(ctx, n.server, args...)
	if err != nil {
		return d, err
	}
	defer proc.stop()
	done, err := takeTurn(ctx)
	if err != nil {
		return d, err
	}
	defer done()
	r := running{client: n.client, proc: proc}
	s, err := r.measure(ctx, load{Kind: "down", Conns: 1, Time: p.time})
	if err != nil {
		return d, err
	}
	resent, err := proc.orderNumber("resent")
	return newTransfer(s, resent, n.wire), err
}

func (p wanPlan) traceFile(c contender, at path, round int) string {
	return filepath.Join(p.traces, fmt.Sprintf("%s-%s-%s-%d.tsv", at.name, c.peer.name, c.algorithm, round+1))
}
