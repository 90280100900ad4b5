package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// plan is what a run is to do.
type plan struct {
	peers      []peer
	timed      []measurement
	idle       int // times the memory of idle connections is measured
	rounds     int
	warm, time time.Duration
	profiles   string // a directory for CPU profiles, or none
	samples    string // a file for all that was measured, or none
	format     func(io.Writer, *results) error
}

// drive is the driver.
func drive(ctx context.Context, args []string, out io.Writer) error {
	p, err := parsePlan(args)
	if err != nil {
		return err
	}
	res := newResults(p)
	if err := p.idles(ctx, res); err != nil {
		return err
	}
	if err := p.run(ctx, res); err != nil {
		return err
	}
	if p.samples != "" {
		if err := res.write(p.samples); err != nil {
			return err
		}
	}
	return p.format(out, res)
}

// The full plan, and the quick one.
const (
	fullRounds, fullTime, fullIdle    = 5, 2 * time.Second, 3
	quickRounds, quickTime, quickIdle = 3, 500 * time.Millisecond, 1

	// A first loss, which some peers answer by waiting for a timer, is to be over before measuring.
	fullWarm, quickWarm = 500 * time.Millisecond, 300 * time.Millisecond
)

func parsePlan(args []string) (plan, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := flags.Bool("quick", false, fmt.Sprintf("%d rounds of %v, not %d of %v", quickRounds, quickTime, fullRounds, fullTime))
	rounds := flags.Int("rounds", 0, "`number` of rounds, of which the median is taken; 1 to 100")
	each := flags.Duration("time", 0, "`time` of each measure; 100ms to 1m")
	names := flags.String("peers", strings.Join(peerNames(peers), ","), "the `peers` to measure: any of "+strings.Join(peerNames(allPeers()), ", "))
	which := flags.String("measures", ".", "a `regexp` of the measures: "+strings.Join(measureNames(), ", "))
	profiles := flags.String("profiles", "", "`directory` for CPU profiles of the servers, one a peer and measure")
	markdown := flags.Bool("md", false, "print the table as Markdown")
	samples := flags.String("json", "", "`file` to write all that was measured to, as JSON")
	if err := flags.Parse(args); err != nil {
		return plan{}, flag.ErrHelp // it has said what is wrong
	}
	p := plan{rounds: fullRounds, warm: fullWarm, time: fullTime, idle: fullIdle, profiles: *profiles}
	if *quick {
		p.rounds, p.warm, p.time, p.idle = quickRounds, quickWarm, quickTime, quickIdle
	}
	if *rounds != 0 {
		p.rounds, p.idle = *rounds, min(*rounds, p.idle)
	}
	if *each != 0 {
		p.time = *each
	}
	if p.rounds < 1 || p.rounds > 100 || p.time < 100*time.Millisecond || p.time > time.Minute || flags.NArg() > 0 {
		return plan{}, fmt.Errorf("-rounds must be 1 to 100, -time 100ms to 1m, and nothing else is taken")
	}
	p.samples, p.format = *samples, writeText
	if *markdown {
		p.format = writeMarkdown
	}
	return p, p.choose(*names, *which)
}

// choose picks the peers and the measures. Without wrk, HTTP is left out.
func (p *plan) choose(names, which string) error {
	for name := range strings.SplitSeq(names, ",") {
		one, err := findPeer(name)
		if err != nil {
			return err
		}
		p.peers = append(p.peers, one)
	}
	re, err := regexp.Compile(which)
	if err != nil {
		return err
	}
	_, noWrk := exec.LookPath("wrk")
	for _, m := range timed {
		switch {
		case !re.MatchString(m.name):
		case noWrk != nil && strings.HasPrefix(m.name, "http"):
			fmt.Fprintf(os.Stderr, "bench: %s is left out: wrk is missing (apt-get install wrk)\n", m.name)
		default:
			p.timed = append(p.timed, m)
		}
	}
	if !re.MatchString("idle") {
		p.idle = 0
	}
	return nil
}

func measureNames() []string {
	var names []string
	for _, m := range timed {
		names = append(names, m.name)
	}
	return append(names, "idle")
}

// run measures the peers in turn, all of them up at once.
func (p plan) run(ctx context.Context, res *results) error {
	var up []*running
	defer func() {
		for _, r := range up {
			r.stop()
		}
	}()
	if len(p.timed) == 0 {
		return nil
	}
	for _, one := range p.peers {
		r, err := start(ctx, one)
		if err != nil {
			return err
		}
		up = append(up, r)
	}
	for round := range p.rounds {
		for _, m := range p.timed {
			progress("round %d of %d: %s", round+1, p.rounds, m.name)
			if err := p.measureAll(ctx, up, m, res); err != nil {
				return err
			}
		}
		up = slices.Concat(up[1:], up[:1]) // another one is the first
	}
	return nil
}

func (p plan) measureAll(ctx context.Context, up []*running, m measurement, res *results) error {
	for _, r := range up {
		found, err := p.profiled(ctx, r, m)
		if err != nil {
			return fmt.Errorf("%s on %s: %w", m.name, r.peer.name, err)
		}
		res.samples.add(r.peer.name, found)
	}
	return nil
}

// profiled runs a measurement, with a profile if one is wanted. Each round's
// takes the place of the one before.
func (p plan) profiled(ctx context.Context, r *running, m measurement) (values, error) {
	if p.profiles == "" {
		return m.run(ctx, r, p)
	}
	file, err := filepath.Abs(filepath.Join(p.profiles, r.peer.name+"-"+m.name+".pprof"))
	if err != nil {
		return nil, err
	}
	if _, err := r.proc.order("profile " + file); err != nil {
		return nil, err
	}
	found, err := m.run(ctx, r, p)
	if err != nil {
		return nil, err
	}
	_, err = r.proc.order("stop")
	return found, err
}

// idles measures idle connections, each time on a peer brought up for it.
func (p plan) idles(ctx context.Context, res *results) error {
	for i := range p.idle {
		for _, one := range p.peers {
			progress("idle connections, %d of %d: %s", i+1, p.idle, one.name)
			r, err := start(ctx, one)
			if err != nil {
				return err
			}
			found, err := idleMeasure(ctx, r)
			r.stop()
			if err != nil {
				return fmt.Errorf("idle connections on %s: %w", one.name, err)
			}
			res.samples.add(one.name, found)
		}
	}
	return nil
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
