package main

import (
	"bytes"
	"strings"
	"testing"
)

// In the lab anybody may ping; routers tell of packets whose TTL ends there.
func TestPingLab(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"-c 2 -i 0.05 www.google.com": {exitOK, "2 packets transmitted, 2 received, 0% packet loss"},
		"-c 1 -t 2 203.0.113.80":      {exitNoReply, "From 198.51.100.1 icmp_seq=1 Time to live exceeded"},
		"-c 1 nothing.google.com":     {exitPingError, "no such host"},
		"-c 1 --via host 127.0.0.1":   {exitUsage, "--via"},
	} {
		var out bytes.Buffer
		line := append([]string{"ping", "--via", "lab"}, strings.Fields(args)...)
		if code := report(&out, run(t.Context(), line, &out, &out)); code != want.code || !strings.Contains(out.String(), want.says) {
			t.Errorf("%s: code %d, want %d: %s", args, code, want.code, out.String())
		}
	}
}
