package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinystack/tinystack/trace"
)

// What happens in the lab goes to the file, from the command's first packet to its last.
func TestTraceOfLab(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]trace.Kind{
		"get --trace FILE --via lab -o /dev/null www.google.com": {trace.Question, trace.Sent, trace.Request, trace.Response},
		"ping --trace FILE --via lab -c1 www.google.com":         {trace.Question, trace.Sent, trace.Received},
		"traceroute --trace FILE --via lab -m2 192.0.2.1":        {trace.Sent, trace.Received},
		"dig --events FILE --via lab www.google.com":             {trace.Sent, trace.CacheMiss},
	} {
		file := filepath.Join(t.TempDir(), "trace.json")
		var out bytes.Buffer
		if err := run(t.Context(), strings.Fields(strings.Replace(line, "FILE", file, 1)), &out, &out); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[trace.Kind]bool{}
		for text := range strings.Lines(string(b)) {
			var e trace.Event
			if err := json.Unmarshal([]byte(text), &e); err != nil {
				t.Fatalf("%s: %v in %s", line, err, text)
			}
			seen[e.Kind] = true
		}
		for _, kind := range want {
			if !seen[kind] {
				t.Errorf("%s: nothing is told of kind %v", line, kind)
			}
		}
	}
}

// A trace that can't be written is an error.
func TestTraceThatCannotBe(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"ping --via lab --trace /nonexistent/x -c1 192.0.2.1": "no such file",
		"ping --via lab --trace /dev/full -c1 192.0.2.1":      "no space left",
		"get --via lab --trace= 192.0.2.1":                    "--trace is empty",
		"get --via lab --trace - 192.0.2.1":                   "--trace writes to a file",
		"dig --via lab --events= www.google.com":              "--events is empty",
		"dig --events x www.google.com":                       "--events are those of a stack of tinystack",
	} {
		var out bytes.Buffer
		if code := report(&out, run(t.Context(), strings.Fields(line), &out, &out)); code == 0 || !strings.Contains(out.String(), want) {
			t.Errorf("%s: code %d, %s", line, code, &out)
		}
	}
}
