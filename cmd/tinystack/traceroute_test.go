package main

import (
	"bytes"
	"context"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The way to the web server goes through the lab's routers in order, however it is
// probed, and ends where a router knows no way on or a host takes what is not its own.
func TestTracerouteLab(t *testing.T) {
	t.Parallel()
	const way = `^traceroute to \S+ \(203\.0\.113\.80\), 30 hops max, 60 byte packets
 1  home \(192\.0\.2\.1\)(  1\.\d{3} ms){3}
 2  isp \(198\.51\.100\.1\)(  11\.\d{3} ms){3}
 3  core \(198\.18\.0\.1\)(  31\.\d{3} ms){3}
 4  edge \(198\.18\.0\.6\)(  55\.\d{3} ms){3}
 5  web \(203\.0\.113\.80\)(  55\.\d{3} ms){3}
$`
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"www.google.com":                 {exitOK, way},
		"-I 203.0.113.80":                {exitOK, way},
		"-n -q 1 -f 5 203.0.113.80":      {exitOK, `packets\n 5  203\.0\.113\.80  55\.\d{3} ms\n$`},
		"-q 2 -m 2 203.0.113.80":         {exitFailure, `, 2 hops max.*\n 1  home.*\n 2  isp \(198\.51\.100\.1\)(  \d+\.\d{3} ms){2}\n$`},
		"-f 4 192.88.99.1":               {exitFailure, `packets\n 4  core \(198\.18\.0\.1\)(  31\.\d{3} ms !N){3}\n$`},
		"-I -f 4 192.88.99.1":            {exitFailure, `packets\n 4  core \(198\.18\.0\.1\)(  31\.\d{3} ms !N){3}\n$`},
		"-f 4 -m 6 -w 0.5 203.0.113.90":  {exitFailure, `\n 4  edge.*\n 5  \* \* \*\n 6  \* \* \*\n$`},
		"-I -f 5 -m 5 -q 1 203.0.113.90": {exitFailure, `packets\n 5  \*\n$`},
		"-p 53 -q 1 192.0.2.1":           {exitOK, `\n 1  home \(192\.0\.2\.1\)  1\.\d{3} ms\n$`}, // where somebody answers
		"nothing.google.com":             {exitNoName, "no such host"},
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				code, out := tracerouteLab(t, args)
				if code != want.code || !regexp.MustCompile(want.says).MatchString(out) {
					t.Errorf("code %d, want %d: %s", code, want.code, out)
				}
			})
		})
	}
}

// Who has enough of waiting, for a name or for a hop, gets what there is by then and the code of the interrupt, without
// a word about it. Of ping that is so before it sends anything: then it has statistics.
func TestInterruptedInLab(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line  string
		after time.Duration
		says  string
	}{
		{"traceroute --via lab www.google.com", time.Millisecond, `^$`},
		{"traceroute --via lab -q 1 -f 4 203.0.113.90", time.Second, `packets\n 4  edge.*\n$`},
		{"traceroute --via lab -q 1 -f 4 -I 203.0.113.90", time.Second, `packets\n 4  edge.*\n$`},
		{"ping --via lab www.google.com", time.Millisecond, `^$`},
	} {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(tt.after, cancel)
				var b bytes.Buffer
				code := report(&b, run(ctx, strings.Fields(tt.line), &b, &b))
				if code != exitInterrupted || !regexp.MustCompile(tt.says).MatchString(b.String()) {
					t.Errorf("code %d, want %d: %s", code, exitInterrupted, &b)
				}
			})
		})
	}
}

// The marks are those that traceroute 2.1 of Linux prints for the same ICMP errors, and port
// unreachable is the end, whichever address of the host it comes from.
func TestTracerouteMarks(t *testing.T) {
	t.Parallel()
	from := netip.MustParseAddr("192.0.2.1")
	for i, want := range []string{
		"!N", "!H", "!P", "", "!F-1300", "!S", "!N", "!H", "!N", "!X", "!X", "!N", "!H", "!X", "!V", "!C", "!<16>",
	} {
		a := answer(from, 3, uint8(i), 1300, time.Millisecond)
		if a != (probeAnswer{from, time.Millisecond, i == 3, want}) {
			t.Errorf("code %d: %+v, want %s", i, a, want)
		}
	}
	for _, tt := range []struct {
		typ, code uint8
		mtu       int
		want      string
	}{{3, 4, 0, "!F"}, {3, 255, 0, "!<255>"}, {11, 0, 0, ""}, {11, 1, 0, "!<11-1>"}, {12, 0, 0, "!<12-0>"}} {
		if a := answer(from, tt.typ, tt.code, tt.mtu, 0); a.mark != tt.want || a.arrived {
			t.Errorf("type %d code %d: %+v, want %s", tt.typ, tt.code, a, tt.want)
		}
	}
}

// Flags out of range are refused, by name.
func TestTracerouteUsage(t *testing.T) {
	t.Parallel()
	for args, flag := range map[string]string{
		"-m 0 a":               "--max-hops",
		"-m 256 a":             "--max-hops",
		"-f 0 a":               "--first",
		"-f 4 -m 3 a":          "--first",
		"-q 0 a":               "--queries",
		"-q 11 a":              "--queries",
		"-p 0 a":               "--port",
		"-p 65447 a":           "--port",
		"-w 0 a":               "--wait",
		"-w -1 a":              "--wait",
		"--via host 127.0.0.1": "--via",
		"":                     "one host",
		"a b":                  "one host",
	} {
		if code, out := tracerouteLab(t, args); code != exitUsage || !strings.Contains(out, flag) {
			t.Errorf("%q: code %d: %s", args, code, out)
		}
	}
}

func tracerouteLab(t *testing.T, args string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	line := append([]string{"traceroute", "--via", "lab"}, strings.Fields(args)...)
	code = report(&b, run(t.Context(), line, &b, &b))
	return code, b.String()
}
