// Package ratelimit limits how often something is done, by token buckets of eight
// bytes each.
package ratelimit

import "time"

// Rate is how fast a bucket fills, and how much it holds. The zero value is a bucket
// that is always full.
type Rate struct {
	interval time.Duration // from one token to the next
	burst    time.Duration // that of as many tokens as it holds
}

// PerSecond is a rate of n tokens a second, at least 1, whose bucket holds what comes
// in the time of burst, and no less than least tokens.
func PerSecond(n int, burst time.Duration, least int) Rate {
	interval := time.Second / time.Duration(max(n, 1))
	return Rate{interval, max(burst, time.Duration(least)*interval)}
}

// Bucket is when it will be full, if nothing is taken from it until then: time since
// a moment that its user chooses. The zero value is full.
type Bucket time.Duration

// Empty reports whether there is no token in it.
func (b Bucket) Empty(now time.Duration, r Rate) bool {
	return time.Duration(b)-now > r.burst-r.interval
}

// Take takes a token.
func (b *Bucket) Take(now time.Duration, r Rate) {
	*b = Bucket(max(time.Duration(*b), now) + r.interval)
}
