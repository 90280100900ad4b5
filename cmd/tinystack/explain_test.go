package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tinystack/tinystack/internal/explain"
	"github.com/tinystack/tinystack/internal/netcfg"
)

// explainCode runs explain, and returns its output and exit code.
func explainCode(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return ran(t, append([]string{"explain"}, args...)...)
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
		"-m 0.03 www.google.com":     exitTimeout,
		"-m 0 www.google.com":        exitUsage,
		"--via host www.google.com":  exitUsage,
		"--iterative www.google.com": exitUsage,
		// What is wrong is said before the device is opened.
		"--via tun --lose 7 www.google.com":                    exitUsage,
		"--via tun --seed 1 www.google.com":                    exitUsage,
		"--via tun --mtu 1400 --mss 1000 www.google.com":       exitUsage,
		"--via tun --addr x www.google.com":                    exitUsage,
		"--via tun --dns-upstream x www.google.com":            exitUsage,
		"--via tun --dns-upstream 127.0.0.53 www.google.com":   exitUsage,
		"--via tun --dns-upstream 198.18.5.2 www.google.com":   exitUsage,
		"--via tun --dns-upstream 192.0.2.1:0 www.google.com":  exitUsage,
		"--via tun --root-hints x www.google.com":              exitUsage,
		"--via tun --iterative --root-hints x www.google.com":  exitUsage,
		"--via tun --iterative --dns-upstream 192.0.2.1 a.com": exitUsage,
		"--via tun --cc guess www.google.com":                  exitUsage,
		"--via tun https://www.google.com/":                    exitScheme,
		"--via tun http://":                                    exitURL,
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			if _, stderr, code := explainCode(t, strings.Fields(args)...); code != want || !strings.HasPrefix(stderr, "tinystack: ") {
				t.Errorf("code %d, want %d: %s", code, want, stderr)
			}
		})
	}
}

// What goes wrong with the network has the exit code that curl would end with.
func TestExplainExit(t *testing.T) {
	t.Parallel()
	for want, err := range map[int]error{
		exitOK:         nil,
		exitNoName:     &net.DNSError{Err: "no such host", IsNotFound: true},
		exitNoConnect:  &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		exitPartial:    io.ErrUnexpectedEOF,
		exitTimeout:    &net.OpError{Op: "dial", Err: context.DeadlineExceeded},
		exitEmptyReply: fmt.Errorf("http: %w", io.EOF),
		exitReceive:    &net.OpError{Op: "read", Err: syscall.ECONNRESET},
		exitUsage:      &explain.ConfigError{},
		exitFailure:    errors.New("any other"),
		exitMissing:    &netcfg.MissingError{},
	} {
		if got := exitCode(explainError(err)); err != nil && got != want {
			t.Errorf("%v: exit code %d, want %d", err, got, want)
		}
	}
}

// A stack of its own can't reach the host's name server on loopback, but whom that asks.
func TestReachableServers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []string
	for name, text := range map[string]string{
		"a": "nameserver 127.0.0.53\nnameserver 2001:db8::1\n",
		"b": "nameserver ::1\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n",
	} {
		files = append(files, filepath.Join(dir, name))
		if err := os.WriteFile(files[len(files)-1], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(reachableServers(files...)); got != "[192.0.2.1:53 192.0.2.2:53]" {
		t.Error(got)
	}
	if got := reachableServers(filepath.Join(dir, "none")); got != nil {
		t.Error(got)
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
