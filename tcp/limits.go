package tcp

import "time"

// Limit is what keeps a connection from sending more. The text forms are "idle",
// "app", "rwnd", "cwnd" and "sndbuf".
type Limit uint8

// The limits there are. Time in each but LimitIdle is counted.
const (
	LimitIdle   Limit = iota // nothing is queued or unacknowledged
	LimitApp                 // the application: all is sent, or Nagle's algorithm waits for more
	LimitRwnd                // the peer's receive window
	LimitCwnd                // the congestion window
	LimitSndbuf              // a full send buffer: all of it is sent, and a Write waits for room
)

var limitNames = [...]string{"idle", "app", "rwnd", "cwnd", "sndbuf"}

func (l Limit) String() string {
	if int(l) < len(limitNames) {
		return limitNames[l]
	}
	return "unknown"
}

// MarshalText returns the text form.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText takes a text form; what is none of them becomes LimitIdle.
func (l *Limit) UnmarshalText(b []byte) error {
	*l = LimitIdle
	for i, name := range limitNames {
		if string(b) == name {
			*l = Limit(i)
		}
	}
	return nil
}

// limits is the account of what held the sender back, and how fast its data
// arrived. A connection that has sent no data has none.
type limits struct {
	by    Limit
	since instant                        // it has been by
	total [len(limitNames)]time.Duration // without what runs since then
	rate  float64                        // bytes/s; 0: no sample yet
	start instant                        // of the interval of the next sample
	bytes int                            // that arrived in it
	app   time.Duration                  // total[LimitApp] at its start

	rateApp bool // rate is a lower bound: the application had nothing to send for part of the interval
}

// limit is what keeps the connection from sending more, now that next has sent
// what it could.
func (c *tcb) limit() Limit {
	unsent := c.unsent()
	switch {
	case c.sndBuf.n == 0:
		return LimitIdle
	case c.fl != nil && c.fl.lostBytes > 0 && !c.persisting:
		return LimitCwnd
	case unsent == 0 && c.starved && !c.writable():
		return LimitSndbuf
	case unsent == 0:
		return LimitApp
	case c.cwndFull:
		return LimitCwnd
	case c.sndWnd-c.inFlight() < unsent:
		return LimitRwnd
	}
	return LimitApp // Nagle's algorithm
}

// noteLimit counts the time each limit holds. It is called when all has been
// sent that could be.
func (c *tcb) noteLimit(now instant) {
	by := c.limit()
	l := c.limits
	if l == nil {
		if by == LimitIdle {
			return
		}
		l = new(limits)
		c.limits = l
	}
	if l.by == LimitIdle { // time without data says nothing of the path
		l.begin(now)
	}
	if by == l.by {
		return
	}
	l.total[l.by] += now.sub(l.since)
	l.by, l.since = by, now
}

// begin starts an interval of the rate's next sample.
func (l *limits) begin(now instant) { l.start, l.bytes, l.app = now, 0, l.appTime(now) }

// appTime is the time so far in which the application had nothing to send.
func (l *limits) appTime(now instant) time.Duration {
	if l.by == LimitApp {
		return l.total[LimitApp] + now.sub(l.since)
	}
	return l.total[LimitApp]
}

// noteDelivered takes into account that n bytes more have arrived at the peer.
// A sample of the rate is what arrived in an interval of a round trip or a little
// more; the first may be of a shorter one, in which all arrived that was sent.
// Where the application had nothing to send for more than an eighth of it, the
// sample is a lower bound: it counts if it is higher than the last one, or that
// was such a bound too.
func (c *tcb) noteDelivered(now instant, n int) {
	l := c.limits
	if l == nil || n == 0 {
		return
	}
	l.bytes += n
	interval := now.sub(l.start)
	first := l.rate == 0 && c.fl == nil
	if interval <= 0 || (interval < c.rtt.srtt && !first) {
		return
	}
	rate := float64(l.bytes) / interval.Seconds()
	app := l.appTime(now)-l.app > interval/8
	if !app || rate >= l.rate || l.rateApp {
		l.rate, l.rateApp = rate, app
	}
	l.begin(now)
}

// limitInfo fills in what Info has of this.
func (c *tcb) limitInfo(now instant, info *Info) {
	l := c.limits
	if l == nil {
		return
	}
	total := l.total
	if c.state != Closed {
		total[l.by] += now.sub(l.since)
		info.Limited = l.by
	}
	info.AppLimited = total[LimitApp]
	info.RwndLimited = total[LimitRwnd]
	info.CwndLimited = total[LimitCwnd]
	info.SndbufLimited = total[LimitSndbuf]
	info.BusyTime = info.AppLimited + info.RwndLimited + info.CwndLimited + info.SndbufLimited
	info.DeliveryRate = uint64(l.rate)
	info.RateAppLimited = l.rateApp
}

// pathHolds is the bandwidth-delay product: the bytes that the path takes in the time of its
// shortest round trip, at the rate at which they arrived last; 0 before that is known.
func (c *tcb) pathHolds() int {
	if c.limits == nil {
		return 0
	}
	return int(c.limits.rate * c.rtt.minimum.Seconds())
}
