package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// about are the lines that say what the table shows.
func (r *results) about() []string {
	p := r.plan
	lines := []string{
		r.date.UTC().Format(time.DateOnly) + ", " + r.machine + ".",
		fmt.Sprintf("Rounds: %d, %v a measure, of which the median is shown; MTU %d.", p.rounds, p.time, mtu),
		fmt.Sprintf("x: how many times as good %s is; for times and memory, how many times less it takes.", p.peers[0].name),
		"CPU: user and system time with 1 connection, of the server's process; of both ends, with the client's and ksoftirqd's.",
		"Memory: resident, of the server's process; the kernel's own, which its sockets take, is not in it.",
	}
	for _, one := range p.peers {
		lines = append(lines, one.name+": "+one.about+".")
	}
	return lines
}

// table returns the header and the lines that have a value.
func (r *results) table() [][]string {
	header := []string{"measure", "unit"}
	for _, p := range r.plan.peers {
		header = append(header, p.name)
	}
	for _, p := range r.plan.peers[1:] {
		header = append(header, "x "+p.name)
	}
	lines := [][]string{header}
	for _, row := range rows {
		if line, any := r.line(row); any {
			lines = append(lines, line)
		}
	}
	return lines
}

func (r *results) line(row row) (line []string, any bool) {
	line = []string{row.title, row.unit}
	for _, p := range r.plan.peers {
		v, ok := r.samples.median(p.name, row.key)
		any = any || ok
		line = append(line, format(v, ok))
	}
	for _, p := range r.plan.peers[1:] {
		v, ok := r.times(row, r.plan.peers[0], p)
		line = append(line, format(v, ok))
	}
	return line, any
}

// format prints three digits, or all there are before the point.
func format(v float64, ok bool) string {
	switch {
	case !ok:
		return "-"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func writeText(w io.Writer, r *results) error {
	_, err := fmt.Fprintf(w, "%s\n%s\n", textTable(r.table(), 2), strings.Join(r.about(), "\n"))
	return err
}

func writeMarkdown(w io.Writer, r *results) error {
	_, err := fmt.Fprintf(w, "%s\n- %s\n", markdownTable(r.table(), 2), strings.Join(r.about(), "\n- "))
	return err
}

// textTable aligns the first columns, so many of them, to the left, the others to
// the right.
func textTable(lines [][]string, left int) string {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i := range left {
		widths[i] = -widths[i]
	}
	var b strings.Builder
	for _, line := range lines {
		for i, cell := range line {
			gap := "  "
			if i == 0 {
				gap = ""
			}
			fmt.Fprintf(&b, "%s%*s", gap, widths[i], cell)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// markdownTable does so in Markdown.
func markdownTable(lines [][]string, left int) string {
	var b strings.Builder
	for i, line := range lines {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s%s\n", strings.Repeat("---|", left), strings.Repeat("--:|", len(line)-left))
		}
	}
	return b.String()
}

// write writes a file with all samples: a schema number, then the same as the
// text has, in the units of [rows].
func (r *results) write(name string) error {
	return writeSamples(name, sampleFile{
		Date: r.date, Machine: r.machine, Rounds: r.plan.rounds, Seconds: r.plan.time.Seconds(), Samples: r.samples,
	})
}

// sampleFile is what a file of samples has.
type sampleFile struct {
	Schema  int       `json:"schema"`
	Date    time.Time `json:"date"`
	Machine string    `json:"machine"`
	Rounds  int       `json:"rounds"`
	Seconds float64   `json:"seconds"`
	Seed    uint64    `json:"seed,omitempty"`
	Samples samples   `json:"samples"`
}

func writeSamples(name string, f sampleFile) error {
	f.Schema = 1
	b, err := json.MarshalIndent(f, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o666)
}
