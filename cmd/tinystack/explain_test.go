package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// explainCode runs explain, and returns its output and exit code.
func explainCode(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = report(&errs, run(t.Context(), append([]string{"explain"}, args...), &out, &errs))
	return out.String(), errs.String(), code
}

// Exit codes are curl's where it has one, and the program's own for what is wrong in the flags.
func TestExplainExitCodes(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{
		"":                           exitUsage,
		"a b":                        exitUsage,
		"--lose x www.google.com":    exitUsage,
		"--mss 1 www.google.com":     exitUsage,
		"--cc guess www.google.com":  exitUsage,
		"--why -1 www.google.com":    exitUsage,
		"--delay 5 www.google.com":   exitUsage,
		"--none www.google.com":      exitUsage,
		"https://www.google.com/":    exitScheme,
		"http://":                    exitURL,
		"http://nothing.google.com/": exitNoName,
		"http://203.0.113.80:81/":    exitNoConnect,
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			if _, stderr, code := explainCode(t, strings.Fields(args)...); code != want || !strings.HasPrefix(stderr, "tinystack: ") {
				t.Errorf("code %d, want %d: %s", code, want, stderr)
			}
		})
	}
}

// The whole story takes real time, less than the five seconds it may; to a pipe no escapes go.
func TestExplain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "trip.pcapng")
	stdout, stderr, code := explainCode(t, "--again", "--ladder", "--pcap", file, "http://www.google.com/")
	if code != 0 || stderr != "" {
		t.Fatalf("code %d: %s", code, stderr)
	}
	if strings.Contains(stdout, "\x1b") || !strings.Contains(stdout, "304 Not Modified") || !strings.Contains(stdout, "TIME-WAIT   |<") {
		t.Error(stdout)
	}
	if info, err := os.Stat(file); err != nil || info.Size() < 60000 {
		t.Errorf("the capture: %v, %v", info, err)
	}
	if _, _, code := explainCode(t, "--pcap", t.TempDir(), "www.google.com"); code != exitFailure {
		t.Errorf("a capture into a directory: code %d", code)
	}
}
