package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinystack/tinystack/trace"
)

// traceFlags are the commands with a stack of their own, and the flag for its trace.
var traceFlags = map[string]string{"up": "--trace", "ping": "--trace", "traceroute": "--trace", "get": "--trace", "explain": "--trace", "dig": "--events"}

// traced has a command of ours, if it is one with a stack of its own, write its trace, which is
// checked at the test's end. What is started first is checked last.
func traced(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if cmd.Path != os.Getenv(programVar) || len(cmd.Args) < 2 {
		return
	}
	flag := traceFlags[cmd.Args[1]]
	optional := cmd.Args[1] == "dig" || cmd.Args[1] == "explain" // which do without a stack on a device, unless told
	if flag == "" || optional && !slices.Contains(cmd.Args, "tun") {
		return
	}
	at := slices.Index(cmd.Args, flag)
	if at < 0 {
		at = len(cmd.Args)
		cmd.Args = append(cmd.Args, flag, filepath.Join(t.TempDir(), "trace.json"))
	}
	file := cmd.Args[at+1]
	t.Cleanup(func() { wantCauses(t, file, cmd.ProcessState) })
}

// bulk is how many events are more than a machine with other work to do must have written in time: of
// a trace as long as that some may be lost.
const bulk = 100_000

// wantCauses checks the trace of a process that ended so: every packet sent and every drop has
// a cause, which was told before, and a rule; no cause is one that was not told; and none
// of it was lost.
func wantCauses(t *testing.T, file string, ended *os.ProcessState) {
	t.Helper()
	events, lost, err := readTrace(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && ended.ExitCode() > 0: // it did not come up
		return
	case err != nil && ended.Exited(): // else the last line may be a part of one
		t.Errorf("the trace: %v", err)
	case lost > 0 && len(events) < bulk:
		t.Errorf("%d events of the trace are lost, beside %d that are not", lost, len(events))
	}
	known := make(map[trace.ID]bool, len(events))
	for _, e := range events {
		if known[e.ID] {
			t.Errorf("two events are number %d", e.ID)
		}
		known[e.ID] = true
		wanting := e.Kind == trace.Sent || e.Kind == trace.Dropped
		switch {
		case wanting && e.Rule == "":
			t.Errorf("event %d, %v %s %+v, has no rule", e.ID, e.Kind, e.Name, e.Packet)
		case wanting && e.Cause == 0:
			t.Errorf("event %d, %v %s %+v, has no cause", e.ID, e.Kind, e.Name, e.Packet)
		case e.Cause >= e.ID, e.Cause != 0 && !known[e.Cause] && lost == 0:
			t.Errorf("event %d, %v %s, by the rule %q, is because of event %d, which was not before", e.ID, e.Kind, e.Name, e.Rule, e.Cause)
		}
	}
}

// readTrace returns the events of a trace, and how many it lost; with an error those before it.
func readTrace(name string) (events []*trace.Event, lost uint64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Schema int
			Lost   uint64
			trace.Event
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return events, lost, err
		}
		if line.Schema != trace.Schema {
			return events, lost, errors.New("another schema: " + strings.TrimSpace(lines.Text()))
		}
		if lost += line.Lost; line.Lost == 0 {
			events = append(events, &line.Event)
		}
	}
	return events, lost, lines.Err()
}
