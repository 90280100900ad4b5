package ratelimit

import (
	"testing"
	"time"
)

// A full bucket gives its burst at once, then one token in each interval.
func TestBucket(t *testing.T) {
	t.Parallel()
	r := PerSecond(100, 50*time.Millisecond, 3) // one in 10 ms, 5 at once
	var b Bucket
	taken := func(now time.Duration) (n int) {
		for !b.Empty(now, r) {
			b.Take(now, r)
			n++
		}
		return n
	}
	for _, tt := range []struct {
		now  time.Duration
		want int
	}{{0, 5}, {9 * time.Millisecond, 0}, {10 * time.Millisecond, 1}, {30 * time.Millisecond, 2}, {time.Hour, 5}} {
		if got := taken(tt.now); got != tt.want {
			t.Errorf("at %v %d tokens, want %d", tt.now, got, tt.want)
		}
	}
}

// However slow the rate, there is the least burst.
func TestLeastBurst(t *testing.T) {
	t.Parallel()
	r := PerSecond(1, time.Millisecond, 3)
	var b Bucket
	for i := range 3 {
		if b.Empty(0, r) {
			t.Fatalf("empty after %d, want 3", i)
		}
		b.Take(0, r)
	}
	if !b.Empty(0, r) {
		t.Error("not empty after 3")
	}
}

func TestZeroRateIsNoLimit(t *testing.T) {
	t.Parallel()
	var b Bucket
	for range 1000 {
		if b.Empty(0, Rate{}) {
			t.Fatal("empty")
		}
		b.Take(0, Rate{})
	}
}
