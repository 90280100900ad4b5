package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// full is a writer that has no room.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// What can't be written is an error, not a success without words.
func TestOutputFails(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"ping --via lab -c1 192.0.2.1":          exitPingError,
		"traceroute --via lab 192.0.2.1":        exitFailure,
		"dig --via lab www.google.com":          exitDigError,
		"get --via lab http://www.google.com/":  exitWrite,
		"explain www.google.com":                exitFailure,
		"version":                               exitFailure,
		"completion bash":                       exitFailure,
		"":                                      exitFailure,
		"--help":                                exitFailure,
		"help up":                               exitFailure,
		"ping --help":                           exitFailure,
		"completion":                            exitFailure,
		"completion zsh --help":                 exitFailure,
		"explain --json http://www.google.com/": exitFailure,
	} {
		err := run(t.Context(), strings.Fields(line), full{}, io.Discard)
		if code := report(io.Discard, err); !errors.Is(err, errFull) || code != want {
			t.Errorf("%s: %v, code %d, want %d", line, err, code, want)
		}
	}
}

// A zero byte early is no text's; one later may pass, and what was text has passed.
func TestTextOnly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		body, want string
		err        error
	}{
		{"text", "text", nil},
		{"", "", nil},
		{"\x89PNG\x00", "", errBinary},
		{strings.Repeat("x", 1999) + "\x00", "", errBinary},
		{strings.Repeat("x", 2000) + "\x00", strings.Repeat("x", 2000) + "\x00", nil},
	} {
		var b bytes.Buffer
		_, err := (&textOnly{w: &b}).Write([]byte(test.body))
		if b.String() != test.want || !errors.Is(err, test.err) {
			t.Errorf("%.9q, %d bytes: wrote %d, %v", test.body, len(test.body), b.Len(), err)
		}
	}
	var b bytes.Buffer
	_, err := io.Copy(&textOnly{w: &b}, iotest.OneByteReader(strings.NewReader("ab\x00c")))
	if b.String() != "ab" || !errors.Is(err, errBinary) {
		t.Errorf("byte by byte: %q, %v", b.String(), err)
	}
}
