package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinystack/tinystack/internal/control"
)

// Limits of --watch.
const (
	minWatch = 100 * time.Millisecond
	maxWatch = 24 * time.Hour
)

type statsFlags struct {
	dev              string
	all, json, watch bool
}

func newStats() *cobra.Command {
	var f statsFlags
	cmd := &cobra.Command{
		Use:   "stats [INTERVAL]",
		Short: "Print the counters of a running instance",
		Long: `Print the counters of a running instance that are not zero. Their names are those of nstat and
/proc/net/snmp where these have them; "If" counters are of one of the stack's interfaces, after whose
name is the number of a queue where they are of one of several.

With --watch it prints, every INTERVAL seconds (1 if not given), what has changed: by how much, and how
much that is in a second. With --json it prints one line, or one in each interval.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			interval, err := f.interval(args)
			if err != nil {
				return err
			}
			c, err := dialInstance(f.dev)
			if err != nil {
				return err
			}
			defer c.Close()
			return stats(cmd.Context(), c, f, interval, cmd.OutOrStdout())
		},
	}
	addInstanceFlag(cmd, &f.dev)
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "print the counters that are zero, too")
	flags.BoolVar(&f.watch, "watch", false, "print what changes, every INTERVAL, until interrupted")
	flags.BoolVar(&f.json, "json", false, fmt.Sprintf("print JSON, of schema %d", control.Schema))
	return cmd
}

// interval is how often to print; 0: once. Its errors are usage errors.
func (f *statsFlags) interval(args []string) (time.Duration, error) {
	switch {
	case len(args) > 1:
		return 0, usagef("tinystack stats takes one interval at most; see tinystack stats --help")
	case len(args) == 1 && !f.watch:
		return 0, usagef("an interval is for --watch; see tinystack stats --help")
	case len(args) == 1:
		return parseWatch(args[0])
	case f.watch:
		return time.Second, nil
	}
	return 0, nil
}

// parseWatch takes seconds, or a duration as Go writes it.
func parseWatch(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if v, ferr := strconv.ParseFloat(s, 64); ferr == nil {
		d, err = seconds(v), nil
	}
	if err != nil || d < minWatch || d > maxWatch {
		return 0, usagef("interval %q is out of range: 0.1 seconds to a day", s)
	}
	return d, nil
}

// stats prints the counters once, or what changes of them until ctx is done.
func stats(ctx context.Context, c *control.Client, f statsFlags, interval time.Duration, stdout io.Writer) error {
	for last := (*statsAnswer)(nil); ; {
		var now statsAnswer
		err := c.JSON(ctx, statsPath, &now)
		switch {
		case err != nil && interval > 0 && ctx.Err() != nil:
			return nil // interrupted
		case err != nil:
			return err
		}
		if err := f.print(stdout, &now, last, interval > 0); err != nil || interval == 0 {
			return err
		}
		last = &now
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval):
		}
	}
}

// print prints an answer, or what has changed since the last one.
func (f *statsFlags) print(w io.Writer, now, last *statsAnswer, watch bool) (err error) {
	switch {
	case f.json:
		err = json.NewEncoder(w).Encode(now)
	case watch && last != nil:
		_, err = io.WriteString(w, changes(now, last, f.all))
	case watch:
		_, err = fmt.Fprintf(w, "watching %s\n", now.Device)
	default:
		_, err = io.WriteString(w, counterLines(now, f.all))
	}
	return err
}

// each calls f for the counters in order, with the interface's name where they are of one, and
// the queue's number after it where they are of one of several queues.
func (a *statsAnswer) each(f func(key, device string, value uint64)) {
	all := func(device string, counters map[string]uint64) {
		for _, key := range inOrder(counters) {
			f(key, device, counters[key])
		}
	}
	all("", a.Counters)
	for _, i := range a.Interfaces {
		all(i.Name, i.Counters)
		for n, q := range i.Queues {
			all(i.queueName(n), q)
		}
	}
}

// queueName is how one of an interface's queues is called where there are several.
func (i *interfaceAnswer) queueName(n int) string { return fmt.Sprintf("%s/%d", i.Name, n) }

// value is one counter's; 0 where there is none.
func (a *statsAnswer) value(key, device string) uint64 {
	if device == "" {
		return a.Counters[key]
	}
	for _, i := range a.Interfaces {
		if i.Name == device {
			return i.Counters[key]
		}
		for n, q := range i.Queues {
			if i.queueName(n) == device {
				return q[key]
			}
		}
	}
	return 0
}

// counterLines lists the counters that are not zero, or all.
func counterLines(a *statsAnswer, all bool) (s string) {
	a.each(func(key, device string, value uint64) {
		if all || value != 0 {
			s += fmt.Sprintf("%-32s %15d\n", labelled(key, device), value)
		}
	})
	return s
}

// changes lists the counters that changed, or all, under a line with the time.
func changes(now, last *statsAnswer, all bool) string {
	span := now.Time.Sub(last.Time)
	s := fmt.Sprintf("\n%-32s %15s %15s\n", now.Time.Local().Format("15:04:05.0"), "change", "per second")
	now.each(func(key, device string, value uint64) {
		delta := int64(value - last.value(key, device)) // a gauge may go down
		if all || delta != 0 {
			s += fmt.Sprintf("%-32s %+15d %15.1f\n", labelled(key, device), delta, float64(delta)/span.Seconds())
		}
	})
	return s
}

// labelled is a counter's name, with its interface where it is of one.
func labelled(key, device string) string {
	if device == "" {
		return key
	}
	return key + " " + device
}
