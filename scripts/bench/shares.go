package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// shares are the CPU time of a profiled server by what it was spent on.
type shares struct {
	peer, measure string
	length        time.Duration // of the profile
	spent         [numKinds]time.Duration
}

// showShares prints where the time went in the profiles of a directory, which a run with
// -profiles has left there.
func showShares(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench shares", flag.ContinueOnError)
	markdown := flags.Bool("md", false, "print the table as Markdown")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "Usage of bench shares: [-md] directory of profiles")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // it has said what is wrong
	}
	if flags.NArg() != 1 {
		return errors.New("shares takes one directory, that of a run's -profiles")
	}
	found, err := readShares(flags.Arg(0))
	if err != nil {
		return err
	}
	format := textTable
	if *markdown {
		format = markdownTable
	}
	_, err = io.WriteString(out, format(sharesTable(found), 2))
	return err
}

// readShares reads the profiles of a directory, measure by measure and peer by peer.
func readShares(dir string) ([]shares, error) {
	var all []shares
	for _, m := range timed {
		for _, p := range allPeers() {
			s, err := readProfile(filepath.Join(dir, p.name+"-"+m.name+".pprof"))
			switch {
			case errors.Is(err, os.ErrNotExist):
				continue
			case err != nil:
				return nil, err
			}
			s.peer, s.measure = p.name, m.name
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no profile of a measure", dir)
	}
	return all, nil
}

func readProfile(name string) (shares, error) {
	f, err := os.Open(name)
	if err != nil {
		return shares{}, err
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		return shares{}, fmt.Errorf("%s: %w", name, err)
	}
	s := shares{length: time.Duration(p.DurationNanos)}
	for _, sample := range p.Sample {
		spent := sample.Value[len(sample.Value)-1] // the first is a count
		s.spent[kindOf(frames(sample))] += time.Duration(spent)
	}
	return s, nil
}

// frames returns the names of a sample's functions, the innermost first.
func frames(s *profile.Sample) []string {
	var names []string
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil {
				names = append(names, line.Function.Name)
			}
		}
	}
	return names
}

// sharesTable has a line for each profile: how many CPUs the server kept busy, and the percentages of
// that time.
func sharesTable(all []shares) [][]string {
	header := []string{"measure", "server", "CPUs"}
	for k := range numKinds {
		header = append(header, k.String())
	}
	lines := [][]string{header}
	for _, s := range all {
		var total time.Duration
		for _, d := range s.spent {
			total += d
		}
		line := []string{titleOf(s.measure), s.peer, fmt.Sprintf("%.2f", total.Seconds()/s.length.Seconds())}
		for _, d := range s.spent {
			line = append(line, fmt.Sprintf("%.0f %%", 100*d.Seconds()/max(total.Seconds(), 1e-9)))
		}
		lines = append(lines, line)
	}
	return lines
}

// titleOf is the title of a measure's row.
func titleOf(measure string) string {
	for _, r := range rows {
		if r.key == measure {
			return strings.TrimSpace(r.title)
		}
	}
	return measure
}
