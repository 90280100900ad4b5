package main

import (
	"bytes"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/ipv4"
)

// The output is that of iputils' ping, which scripts read.
func TestPingStats(t *testing.T) { synctest.Test(t, testPingStats) }

func testPingStats(t *testing.T) {
	var b bytes.Buffer
	s := &pingStats{w: &b}
	to := netip.MustParseAddr("198.18.1.1")
	s.start("host.example", to, 56)
	for seq, rtt := range []time.Duration{45 * time.Microsecond, 12340 * time.Microsecond} {
		s.request()
		time.Sleep(rtt)
		s.reply(ipv4.EchoReply{From: to, Size: 64, Seq: uint16(seq + 1), TTL: 64, RTT: rtt})
		time.Sleep(time.Second - rtt)
	}
	s.request()
	s.failure("From 198.18.1.1 icmp_seq=3 Destination Host Unreachable")
	s.request()
	if !s.finish("host.example") {
		t.Error("no reply, want two")
	}
	const want = `PING host.example (198.18.1.1) 56(84) bytes of data.
64 bytes from 198.18.1.1: icmp_seq=1 ttl=64 time=0.045 ms
64 bytes from 198.18.1.1: icmp_seq=2 ttl=64 time=12.3 ms
From 198.18.1.1 icmp_seq=3 Destination Host Unreachable

--- host.example ping statistics ---
4 packets transmitted, 2 received, +1 errors, 50% packet loss, time 2000ms
rtt min/avg/max/mdev = 0.045/6.192/12.340/6.147 ms
`
	if got := b.String(); got != want {
		t.Errorf("output:\n%s\nwant:\n%s", got, want)
	}
}

func TestPingStatsWithoutReply(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := &pingStats{w: &b, quiet: true}
	if s.finish("h") {
		t.Error("a reply, want none")
	}
	const want = "\n--- h ping statistics ---\n0 packets transmitted, 0 received, 0% packet loss, time 0ms\n"
	if got := b.String(); got != want {
		t.Errorf("output %q, want %q", got, want)
	}
}

func TestMilliseconds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0.000"},
		{999499 * time.Nanosecond, "0.999"},
		{999500 * time.Nanosecond, "1.00"},
		{9994 * time.Microsecond, "9.99"},
		{9996 * time.Microsecond, "10.0"},
		{99949 * time.Microsecond, "99.9"},
		{99950 * time.Microsecond, "100"},
		{1234567 * time.Microsecond, "1235"},
	} {
		if got := milliseconds(tt.d); got != tt.want {
			t.Errorf("milliseconds(%v) = %s, want %s", tt.d, got, tt.want)
		}
	}
}
