package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a pseudo-terminal.
func openTerminal(t *testing.T) (us, it *os.File) {
	t.Helper()
	us, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals: ", err)
	}
	t.Cleanup(func() { us.Close() })
	n, err := unix.IoctlGetInt(int(us.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(us.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		it, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skip("there are no pseudo-terminals: ", err)
	}
	t.Cleanup(func() { it.Close() })
	return us, it
}

// A terminal is spared an image, unless the user says -o -; a file that drops all is not.
func TestGetToTerminal(t *testing.T) {
	t.Parallel()
	us, it := openTerminal(t)
	go func() { _, _ = io.Copy(io.Discard, us) }() // ends with the terminal
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if !terminal(it) || terminal(null) {
		t.Errorf("the terminal is one: %t, the null device: %t", terminal(it), terminal(null))
	}
	for _, test := range []struct {
		args string
		to   *os.File
		code int
	}{
		{"http://www.google.com/doodle.png", it, exitWrite},
		{"-o - http://www.google.com/doodle.png", it, exitOK},
		{"http://www.google.com/", it, exitOK},
		{"http://www.google.com/doodle.png", null, exitOK},
	} {
		var said strings.Builder
		line := append([]string{"get", "--via", "lab"}, strings.Fields(test.args)...)
		code := report(&said, run(t.Context(), line, test.to, &said))
		if code != test.code || (code == exitOK) != (said.String() == "") {
			t.Errorf("%s to %s: code %d, want %d: %s", test.args, test.to.Name(), code, test.code, said.String())
		}
	}
}
