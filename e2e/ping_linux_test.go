package e2e

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// hostPing runs the host's ping, which must lose nothing.
func hostPing(t *testing.T, args ...string) string {
	t.Helper()
	p := start(t, exec.Command("ping", append(args, stackIP)...))
	p.wantExit(0)
	if out := p.stdout.String(); !strings.Contains(out, " 0% packet loss") {
		t.Errorf("ping lost packets:\n%s", out)
	}
	return p.stdout.String()
}

func TestHostPing(t *testing.T) {
	t.Parallel()
	if !isolated(t, "ping") {
		return
	}
	up(t)
	for _, args := range []string{
		"-c3 -i0.01",
		"-c3 -i0.01 -s1472 -Mdo", // just the MTU
		"-c3 -i0.01 -s4000",      // in fragments, both ways
		"-c3 -i0.01 -s65000",
		"-c3 -i0.01 -s0",
	} {
		t.Run(args, func(t *testing.T) {
			hostPing(t, strings.Fields(args)...)
		})
	}
}

func TestOwnPing(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	t.Run("the host answers", func(t *testing.T) {
		p := start(t, tinystack("ping", "-c3", "-i0.01", "198.18.1.1"))
		p.wantExit(0)
		for _, want := range []string{
			"PING 198.18.1.1 (198.18.1.1) 56(84) bytes of data.\n",
			"64 bytes from 198.18.1.1: icmp_seq=3 ttl=64 time=",
			"3 packets transmitted, 3 received, 0% packet loss",
			"rtt min/avg/max/mdev = ",
		} {
			if !strings.Contains(p.stdout.String(), want) {
				t.Errorf("output lacks %q:\n%s", want, &p.stdout)
			}
		}
	})
	t.Run("in fragments", func(t *testing.T) {
		p := start(t, tinystack("ping", "-q", "-c2", "-i0.01", "-s", "20000", "198.18.1.1"))
		p.wantExit(0)
	})
	t.Run("nobody answers", func(t *testing.T) {
		p := start(t, tinystack("ping", "-c2", "-i0.01", "-W0.1", "198.18.1.77"))
		p.wantExit(1)
		if want := "2 packets transmitted, 0 received, 100% packet loss"; !strings.Contains(p.stdout.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, &p.stdout)
		}
	})
	t.Run("no such name", func(t *testing.T) {
		start(t, tinystack("ping", "-c1", "nowhere.invalid")).wantExit(2)
	})
	t.Run("interrupted", func(t *testing.T) {
		p := start(t, tinystack("ping", "-i0.01", "198.18.1.1"))
		p.until("a reply", func() bool { return strings.Contains(p.stdout.String(), "icmp_seq=2 ") })
		p.signal(syscall.SIGINT)
		p.wantExit(0)
		if !strings.Contains(p.stdout.String(), " 0% packet loss") {
			t.Errorf("no statistics, or a loss:\n%s", &p.stdout)
		}
	})
}

// forward says whether the host is to forward.
func forward(t *testing.T, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte(value), 0); err != nil {
		t.Skipf("needs to say whether the host forwards: %v", err)
	}
}

// Who reaches out beyond a host that does not forward is told, in place of wondering at the silence.
func TestHostDoesNotForward(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	forward(t, "0")
	up(t)
	const hint = "tinystack: 198.18.0.2 is beyond this machine, which does not forward packets"
	for _, test := range []struct {
		line string
		code int
		says string
	}{
		{"ping -c1 -W0.1 198.18.0.2", 1, hint},
		{"traceroute -m1 -q1 -w0.1 198.18.0.2", 1, hint},
		{"get -m0.1 http://198.18.0.2/", 28, hint},
		{"get -s -m0.1 http://198.18.0.2/", 28, ""},
		{"ping -c1 198.18.0.1", 0, ""}, // the host's own, whatever the device
		{"ping -c1 -W0.1 198.18.1.77", 1, ""},
	} {
		_, stderr := start(t, tinystack(strings.Fields(test.line)...)).output(test.code)
		if !strings.HasPrefix(stderr, test.says) || test.says == "" && stderr != "" {
			t.Errorf("%s: says %q, want %q", test.line, stderr, test.says)
		}
	}
	wantAll(t, "the story", flat(explainTUN(t, 7, "http://198.18.5.1:81/")), "does not forward packets now", "connection refused")
}

// One stack pings another, by way of the host, which forwards.
func TestOwnPingReachesUp(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	forward(t, "1")
	up(t)
	p := start(t, tinystack("ping", "-c2", "-i0.01", stackIP))
	p.wantExit(0)
	if !strings.Contains(p.stdout.String(), " ttl=63 ") {
		t.Errorf("no reply that was forwarded once:\n%s", &p.stdout)
	}
	// The host, a router, says when the time to live is over.
	p = start(t, tinystack("ping", "-c1", "-W1", "-t1", stackIP))
	p.wantExit(1)
	if !strings.Contains(p.stdout.String(), "exceeded") {
		t.Errorf("no word of the time to live being exceeded:\n%s", &p.stdout)
	}
}
