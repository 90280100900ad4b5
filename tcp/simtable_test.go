package tcp

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite testdata/goodput.golden")

// simTableTime is how long each run of the table lasts, from the SYN on.
const simTableTime = 10 * time.Second

// simTablePath is a path of the table. Its queue is told in time at its rate; late is how much of 1000
// packets come 3 ms later than they would.
type simTablePath struct {
	mbits, rtt, queue int // Mbit/s, ms, ms
	loss, late        int // per 1000 packets
}

// cheap tells the rows that are few and slow enough for the race detector.
func (p simTablePath) cheap() bool { return p.mbits <= 10 && p.rtt <= 20 && p.queue == 50 }

// simTablePaths are the rows.
func simTablePaths() (paths []simTablePath) {
	for _, mbits := range []int{10, 100} {
		for _, rtt := range []int{20, 100} {
			for _, queue := range []int{10, 50} {
				for _, late := range []int{0, 10} {
					for _, loss := range []int{0, 1, 10} {
						paths = append(paths, simTablePath{mbits, rtt, queue, loss, late})
					}
				}
			}
		}
	}
	return append(
		paths,
		simTablePath{1, 200, 500, 0, 0},
		simTablePath{10, 20, 50, 50, 0},
		simTablePath{10, 20, 50, 300, 0},
		simTablePath{100, 2, 5, 0, 0},
		simTablePath{100, 20, 50, 0, 100},
		simTablePath{500, 40, 50, 0, 0},
		simTablePath{500, 40, 50, 1, 0},
		simTablePath{500, 40, 50, 0, 10},
	)
}

const simTableHead = `# What a flow that always has data makes of a path in ten seconds from its SYN on, by congestion control.
# The simulation is seeded and the same everywhere: a difference is one of the code's. To take it over,
#	go test ./tcp -run TestSimGoodputTable -update
# and look at the diff.
#
# The path: Mbit/s of IP packets; round trip in ms; the queue's limit in ms; packets of 1000 that are lost;
# packets of 1000 that come 3 ms later than those around them.
# Each flow: Mbit/s of data that the application got; data segments sent again, in % of those sent; of which
# nothing was new to the receiver, in % of those sent; time in the queue in ms, in the mean.
`

// The table of what the stack makes of paths is what the file in testdata says. Under the race detector,
// which finds nothing in a run of one goroutine and makes it twenty times slower, only the cheap rows are run.
func TestSimGoodputTable(t *testing.T) {
	t.Parallel()
	const golden = "testdata/goodput.golden"
	got := simTable(t)
	if *update {
		if raceEnabled {
			t.Fatal("-update needs all rows: run it without -race")
		}
		must(t, os.WriteFile(golden, []byte(simTableHead+strings.Join(got, "")), 0o644))
		return
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	rows := make(map[string]string) // by path
	for line := range strings.Lines(strings.TrimPrefix(string(want), simTableHead)) {
		path, _, _ := strings.Cut(line, "|")
		rows[path] = line
	}
	for _, line := range got {
		path, _, _ := strings.Cut(line, "|")
		if rows[path] != line {
			t.Errorf("the row is\n%swhere %s has\n%s(with -update it is written anew)", line, golden, rows[path])
		}
		delete(rows, path)
	}
	if len(rows) > 0 && !raceEnabled {
		t.Errorf("%s has %d rows too many", golden, len(rows))
	}
}

// simTable runs it all, and returns the lines below the head.
func simTable(t *testing.T) (lines []string) {
	algorithms := simAlgorithms
	top, names := strings.Repeat(" ", 30), " Mbit/s  RTT queue  loss  late"
	for _, name := range algorithms {
		top += fmt.Sprintf(" | %-27s", name)
		names += " | Mbit/s resent again  queue"
	}
	lines = append(lines, strings.TrimRight(top, " ")+"\n", names+"\n")
	paths := simTablePaths()
	cells := make([][]string, len(paths))
	t.Run("runs", func(t *testing.T) {
		for i, p := range paths {
			if raceEnabled && !p.cheap() {
				continue
			}
			cells[i] = make([]string, len(algorithms))
			for j, name := range algorithms {
				t.Run(fmt.Sprintf("%+v/%s", p, name), func(t *testing.T) {
					t.Parallel()
					cells[i][j] = p.run(t, name)
				})
			}
		}
	})
	for i, p := range paths {
		if cells[i] != nil {
			row := fmt.Sprintf("%7d %4d %5d %5d %5d", p.mbits, p.rtt, p.queue, p.loss, p.late)
			lines = append(lines, row+" | "+strings.Join(cells[i], " | ")+"\n")
		}
	}
	return lines
}

// run is a flow over the path, and returns its cell.
func (p simTablePath) run(t *testing.T, algorithm string) string {
	s := newLeanSim(t, 1)
	a, b := s.flow(Config{Congestion: algorithm}, p.mbits*mbit, time.Duration(p.rtt)*time.Millisecond/2)
	a.total = 1 << 40
	a.out.line.limit = p.mbits * mbit / 8 * p.queue / 1000
	a.out.loss, a.out.reorder, a.out.late = float64(p.loss)/1000, float64(p.late)/1000, 3*time.Millisecond
	s.runFor(simTableTime)
	return fmt.Sprintf("%6s %6s %5s %6s",
		hundredths(b.got*8*100/mbit/int64(simTableTime/time.Second)),
		hundredths(int64(a.counts.retrans)*10_000/int64(a.out.sentData)),
		hundredths(int64(b.gotAgain)*10_000/int64(a.out.sentData)),
		hundredths(int64(a.out.line.meanWait(s.now, 1, 0)/(10*time.Microsecond))))
}

// hundredths writes a number of them.
func hundredths(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
