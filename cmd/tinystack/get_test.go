package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// labGet runs get in the lab, and returns its output and exit code.
func labGet(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return ran(t, append([]string{"get", "--via", "lab"}, args...)...)
}

// Exit codes are curl's, and the program's own for flags.
func TestGetExitCodes(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{
		"":                                           exitUsage,
		"--via host www.google.com":                  exitUsage,
		"-m -1 www.google.com":                       exitUsage,
		"--connect-timeout x www.google.com":         exitUsage,
		"-H none www.google.com":                     exitUsage,
		"-o x -O www.google.com":                     exitUsage,
		"-I -d x www.google.com":                     exitUsage,
		"gopher://www.google.com":                    exitScheme,
		"http://":                                    exitURL,
		"http://www.google.com:x/":                   exitURL,
		"nothing.google.com":                         exitNoName,
		"www.google.com:81":                          exitNoConnect,
		"https://www.google.com":                     exitNoConnect,
		"-f www.google.com/none":                     exitHTTP,
		"www.google.com/none":                        exitOK,
		"-m 0.03 www.google.com":                     exitTimeout,
		"--connect-timeout 0.03 http://203.0.113.80": exitTimeout,
		"-O www.google.com":                          exitWrite,
		"-o /nowhere/file www.google.com":            exitWrite,
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			if _, stderr, code := labGet(t, strings.Fields(args)...); code != want || (code != 0) != strings.HasPrefix(stderr, "tinystack: ") {
				t.Errorf("code %d, want %d: %s", code, want, stderr)
			}
		})
	}
	if _, stderr, code := labGet(t, "-s", "nothing.google.com"); code != exitNoName || stderr != "" {
		t.Errorf("-s: code %d, says %q", code, stderr)
	}
}

// What is written, and where, is as with curl.
func TestGet(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "doodle.png")
	for _, test := range []struct {
		name, stdout, stderr string // patterns
		args                 []string
	}{
		{"body", `(?s)^<!doctype html>.*</html>\n$`, `^$`, []string{"www.google.com"}},
		{"verbose", `^<!doctype`, `(?s)^\*   Trying 203.0.113.80:80...\n\* Connected to www.google.com \(203.0.113.80\) port 80\n` +
			`> GET / HTTP/1.1\n> Host: www.google.com\n.*> Accept: \*/\*\n>\n< HTTP/1.1 200 OK\n.*<\n$`, []string{"-v", "www.google.com"}},
		{"write-out", "^200 1 543 203.0.113.80:80 text/html; charset=utf-8 GET 0.[0-9]{6}\n$", `^$`, []string{
			"-o", os.DevNull, "www.google.com", "-w",
			`%{http_code} %{num_connects} %{size_download} %{remote_ip}:%{remote_port} %{content_type} %{method} %{time_total}\n`,
		}},
		{"head, followed", `(?s)^HTTP/1.1 301 .*\r\n\r\nHTTP/1.1 200 OK\r\n.*Etag: .*\r\n\r\n$`, `^$`, []string{"-IL", "google.com"}},
		{"not followed", `^301 0$`, `^$`, []string{"-o", os.DevNull, "-w", "%{http_code} %{num_redirects}", "google.com"}},
		{"include", `(?s)^HTTP/1.1 206 .*\r\n\r\n<!do$`, `^$`, []string{"-i", "-H", "Range: bytes=0-3", "www.google.com"}},
		{"post", `GET or HEAD`, `> POST / HTTP/1.1\n(> .*\n)*> Content-Length: 7\n`, []string{"-v", "-d", "a=b", "-d", "c=d", "www.google.com"}},
		{"host", `^$`, `Location: http://www.google.com/\n`, []string{"-v", "-H", "Host: google.com", "http://203.0.113.80/"}},
		{"file", `^$`, `^$`, []string{"-o", file, "www.google.com/doodle.png"}},
		{"error", `^000 6$`, `no such host`, []string{"-w", "%{http_code} %{exitcode}", "nothing.google.com"}},
	} {
		stdout, stderr, _ := labGet(t, test.args...)
		if !regexp.MustCompile(test.stdout).MatchString(stdout) || !regexp.MustCompile(test.stderr).MatchString(stderr) {
			t.Errorf("%s:\n%s\n%s", test.name, stdout, stderr)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Size() != 57805 {
		t.Errorf("the file: %v, %v", info, err)
	}
}
