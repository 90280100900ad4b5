package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/ipv4"
)

// echoFunc is an echoer that answers the n-th request, counted from 1.
type echoFunc func(ctx context.Context, n int) (ipv4.EchoReply, error)

// echoCounter counts its requests.
type echoCounter struct {
	n    chan int
	echo echoFunc
}

func newEcho(echo echoFunc) *echoCounter {
	c := &echoCounter{n: make(chan int, 1), echo: echo}
	c.n <- 0
	return c
}

func (c *echoCounter) Ping(ctx context.Context, r ipv4.EchoRequest) (ipv4.EchoReply, error) {
	n := <-c.n + 1
	c.n <- n
	reply, err := c.echo(ctx, n)
	reply.From, reply.Seq = r.Remote, uint16(n)
	return reply, err
}

var pingTarget = netip.MustParseAddr("198.18.1.1")

// Requests go out at the interval, whether or not replies come, and the last has
// its time to be answered.
func TestPingRun(t *testing.T) { synctest.Test(t, testPingRun) }

func testPingRun(t *testing.T) {
	var b bytes.Buffer
	s := &pingStats{w: &b}
	echo := newEcho(func(ctx context.Context, n int) (ipv4.EchoReply, error) {
		switch n {
		case 1:
			time.Sleep(1500 * time.Millisecond) // after the second was sent
			return ipv4.EchoReply{Size: 64, RTT: 1500 * time.Millisecond}, nil
		case 2:
			return ipv4.EchoReply{Type: 3, Code: 1, Err: errors.New("unreachable")}, nil
		case 3:
			return ipv4.EchoReply{}, fmt.Errorf("ipv4: ping h: %w", syscall.ENETUNREACH)
		}
		<-ctx.Done()
		return ipv4.EchoReply{}, ctx.Err()
	})
	began := time.Now()
	pingPlan{count: 4, interval: time.Second, wait: 2 * time.Second}.run(t.Context(), echo, pingTarget, s)
	if got, want := time.Since(began), 5*time.Second; got != want {
		t.Errorf("it took %v, want %v: three intervals and the wait for the last", got, want)
	}
	s.finish("h")
	want := `From 198.18.1.1 icmp_seq=2 Destination Host Unreachable
64 bytes from 198.18.1.1: icmp_seq=1 ttl=0 time=1500 ms
not sent: network is unreachable

--- h ping statistics ---
4 packets transmitted, 1 received, +2 errors, 75% packet loss, time 3000ms
rtt min/avg/max/mdev = 1500.000/1500.000/1500.000/0.000 ms
`
	if got := b.String(); got != want {
		t.Errorf("output:\n%s\nwant:\n%s", got, want)
	}
}

// Interrupted, it ends at once, and what was on its way is no error.
func TestPingRunInterrupted(t *testing.T) { synctest.Test(t, testPingRunInterrupted) }

func testPingRunInterrupted(t *testing.T) {
	var b bytes.Buffer
	s := &pingStats{w: &b}
	echo := newEcho(func(ctx context.Context, _ int) (ipv4.EchoReply, error) {
		<-ctx.Done()
		return ipv4.EchoReply{}, ctx.Err()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	began := time.Now()
	pingPlan{interval: time.Second, wait: time.Hour}.run(ctx, echo, pingTarget, s)
	if got, want := time.Since(began), 2500*time.Millisecond; got != want {
		t.Errorf("it took %v, want %v", got, want)
	}
	s.finish("h")
	if got := b.String(); !strings.Contains(got, "3 packets transmitted, 0 received, 100% packet loss") {
		t.Errorf("output:\n%s", got)
	}
}

func TestICMPErrorText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		r    ipv4.EchoReply
		want string
	}{
		{ipv4.EchoReply{Type: 3, Code: 0}, "Destination Net Unreachable"},
		{ipv4.EchoReply{Type: 3, Code: 2}, "Destination Protocol Unreachable"},
		{ipv4.EchoReply{Type: 3, Code: 3}, "Destination Port Unreachable"},
		{ipv4.EchoReply{Type: 3, Code: 4, MTU: 1400}, "Frag needed and DF set (mtu = 1400)"},
		{ipv4.EchoReply{Type: 3, Code: 13}, "Packet filtered"},
		{ipv4.EchoReply{Type: 11, Code: 0}, "Time to live exceeded"},
		{ipv4.EchoReply{Type: 11, Code: 1}, "Frag reassembly time exceeded"},
		{ipv4.EchoReply{Type: 12, Code: 0}, "ICMP error type 12 code 0"},
	} {
		if got := icmpError(tt.r); got != tt.want {
			t.Errorf("type %d code %d is %q, want %q", tt.r.Type, tt.r.Code, got, tt.want)
		}
	}
}
