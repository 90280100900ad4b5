package tcp

import "time"

// Limit is what keeps a connection from sending more. The text forms are "idle",
// "app", "rwnd", "cwnd", "pacing", "sndbuf" and "memory".
type Limit uint8

// The limits there are. Time in each but LimitIdle is counted.
const (
	LimitIdle   Limit = iota // nothing is queued or unacknowledged
	LimitApp                 // the application: all is sent, or Nagle's algorithm waits for more
	LimitRwnd                // the peer's receive window
	LimitCwnd                // the congestion window
	LimitPacing              // the pace that the congestion control sets
	LimitSndbuf              // a full send buffer: all of it is sent, and a Write waits for room
	LimitMemory              // likewise, and the buffer is small for want of memory (Config.Memory)
)

var limitNames = [...]string{"idle", "app", "rwnd", "cwnd", "pacing", "sndbuf", "memory"}

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

// limits is the account of what holds the sender back, and how fast its data
// arrives. A connection that has sent no data has none.
type limits struct {
	by       Limit
	since    instant                        // it has been by
	total    [len(limitNames)]time.Duration // without what runs since then
	cwndFull int64                          // what had been sent when cwnd was full last
	deliveryState
	pacer
}

// account returns the limits, which begin here. Before the first data the application had none.
func (c *tcb) account() *limits {
	if c.limits == nil {
		c.limits = &limits{deliveryState: deliveryState{appLimited: 1}}
	}
	return c.limits
}

// limit is what keeps the connection from sending more, now that next has sent
// what it could.
func (c *tcb) limit() Limit {
	unsent := c.unsent()
	switch {
	case c.sndBuf.n == 0:
		return LimitIdle
	case c.pacedUntil() != 0:
		return LimitPacing
	case c.fl != nil && c.fl.lostBytes > 0 && !c.persisting:
		return LimitCwnd
	case unsent == 0 && c.starved && !c.writable():
		if c.pressure != memoryPlenty {
			return LimitMemory
		}
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
	if c.limits == nil && by == LimitIdle {
		return
	}
	l := c.account()
	if c.cwndFull {
		l.cwndFull = c.sndNxt
	}
	l.late = by == LimitPacing
	if by == l.by {
		return
	}
	l.total[l.by] += now.sub(l.since)
	l.by, l.since = by, now
}

// cwndLimited reports whether cwnd was full at some time in the last round trip.
func (c *tcb) cwndLimited() bool { return c.limits != nil && c.sndUna < c.limits.cwndFull }

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
	info.PacingLimited = total[LimitPacing]
	info.SndbufLimited = total[LimitSndbuf]
	info.MemoryLimited = total[LimitMemory]
	info.BusyTime = info.AppLimited + info.RwndLimited + info.CwndLimited + info.PacingLimited +
		info.SndbufLimited + info.MemoryLimited
	info.DeliveryRate = uint64(l.rate)
	info.RateAppLimited = l.rateApp
}
