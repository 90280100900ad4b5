package tcp

import (
	"math"
	"time"
)

// reordering is what is known of a path that does not keep packets in order (RFC 8985 6.2
// step 4): how long to wait for one that was overtaken.
type reordering struct {
	seen    bool  // RACK.reordering_seen
	wide    uint8 // RACK.reo_wnd_mult, less one
	persist uint8 // recoveries until the window is narrow again
	round   int64 // RACK.dsack_round: DSACKs before this is acknowledged are of one round; 0: none
}

// widePersist is how many recoveries without a DSACK a widened window outlives.
const widePersist = 16

// reorderShare: the window grows by a quarter of the least round-trip time.
const reorderShare = 4

// widen follows a DSACK, at most once in a round trip: what was sent again had arrived.
func (r *reordering) widen(una, nxt int64) {
	if r.round != 0 && una < r.round {
		return
	}
	r.round = nxt
	r.wide = min(r.wide, math.MaxUint8-1) + 1
	r.persist = widePersist
}

// recovered is told of the end of a recovery.
func (r *reordering) recovered() {
	if r.persist > 0 {
		r.persist--
	}
	if r.persist == 0 {
		r.wide = 0
	}
}

// reorderWindow is RACK.reo_wnd. While nothing was seen to come out of order, three segments
// that arrived are reason enough not to wait, as ever (RFC 5681 3.2).
func (c *tcb) reorderWindow() time.Duration {
	var r reordering
	dupAcks := int32(0)
	if c.rep != nil {
		r, dupAcks = c.rep.reorder, c.rep.dupAcks
	}
	if !r.seen {
		enough := dupAcks >= dupThresh || c.fl.sackedBytes > (dupThresh-1)*c.mss(c.tsLen())
		if enough || c.phase > cwr {
			return 0
		}
	}
	return min((time.Duration(r.wide)+1)*c.rtt.minimum/reorderShare, c.rtt.srtt)
}
