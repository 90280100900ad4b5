package main

import (
	"fmt"
	"io"
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/tinystack/tinystack/ipv4"
)

// pingStats counts and prints a run of echo requests, as iputils' ping does.
type pingStats struct {
	w     io.Writer
	quiet bool

	mu                           sync.Mutex
	sent, received, errors       int
	min, max, sum, sumSquares, n float64 // milliseconds, and how many
	first, last                  time.Time
}

func (s *pingStats) start(host string, addr netip.Addr, size int) {
	fmt.Fprintf(s.w, "PING %s (%s) %d(%d) bytes of data.\n", host, addr, size, size+28)
}

// request counts a request sent.
func (s *pingStats) request() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
	if s.sent == 0 {
		s.first = s.last
	}
	s.sent++
}

func (s *pingStats) reply(r ipv4.EchoReply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
	s.received++
	ms := float64(r.RTT) / float64(time.Millisecond)
	if s.n == 0 || ms < s.min {
		s.min = ms
	}
	s.max, s.sum, s.sumSquares, s.n = max(s.max, ms), s.sum+ms, s.sumSquares+ms*ms, s.n+1
	if !s.quiet {
		fmt.Fprintf(s.w, "%d bytes from %s: icmp_seq=%d ttl=%d time=%s ms\n", r.Size, r.From, r.Seq, r.TTL, milliseconds(r.RTT))
	}
}

// failure counts a request that an ICMP error answered, or that was not sent.
func (s *pingStats) failure(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors++
	if !s.quiet {
		fmt.Fprintln(s.w, line)
	}
}

// finish prints the statistics and reports whether any reply came.
func (s *pingStats) finish(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, "\n--- %s ping statistics ---\n%d packets transmitted, %d received, ", host, s.sent, s.received)
	if s.errors > 0 {
		fmt.Fprintf(s.w, "+%d errors, ", s.errors)
	}
	fmt.Fprintf(s.w, "%.6g%% packet loss, time %dms\n", s.loss(), s.last.Sub(s.first).Milliseconds())
	if s.n > 0 {
		mean := s.sum / s.n
		mdev := math.Sqrt(max(0, s.sumSquares/s.n-mean*mean))
		fmt.Fprintf(s.w, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", s.min, mean, s.max, mdev)
	}
	return s.received > 0
}

func (s *pingStats) loss() float64 {
	if s.sent == 0 {
		return 0
	}
	return 100 * float64(s.sent-s.received) / float64(s.sent)
}

// milliseconds has three significant digits, as a round-trip time is worth.
func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms >= 99.95:
		return fmt.Sprintf("%.0f", ms)
	case ms >= 9.995:
		return fmt.Sprintf("%.1f", ms)
	case ms >= 0.9995:
		return fmt.Sprintf("%.2f", ms)
	}
	return fmt.Sprintf("%.3f", ms)
}
