package tcp

import (
	"math"
	"testing"
)

func TestSeqSub(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s, t Seq
		want int
	}{
		{0, 0, 0},
		{1, 0, 1},
		{0, 1, -1},
		{0, math.MaxUint32, 1},
		{math.MaxUint32, 0, -1},
		{1 << 31, 1, math.MaxInt32},
		{1, 1<<31 + 2, math.MaxInt32},
		{0, 1 << 31, math.MinInt32}, // as far apart as can be: counts as before
	} {
		if got := tt.s.Sub(tt.t); got != tt.want {
			t.Errorf("%d.Sub(%d) is %d, want %d", tt.s, tt.t, got, tt.want)
		}
	}
}

// Positions near the present are the same number however often the sequence
// numbers have wrapped.
func TestPositionsDoNotWrap(t *testing.T) {
	t.Parallel()
	for _, at := range []int64{1, math.MaxUint32 - 5, math.MaxUint32, 1 << 32, 5<<32 + 7} {
		for _, off := range []int64{math.MinInt32, -1, 0, 1, math.MaxInt32} {
			c := tcb{iss: 0xfffffff0, irs: 77, sndUna: at, rcvNxt: at}
			if got := c.sndPos(c.iss + Seq(at+off)); got != at+off {
				t.Errorf("sndPos at %d%+d is %d", at, off, got)
			}
			if got := c.rcvPos(c.irs + Seq(at+off)); got != at+off {
				t.Errorf("rcvPos at %d%+d is %d", at, off, got)
			}
		}
	}
}
