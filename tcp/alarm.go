package tcp

import (
	"sync"
	"sync/atomic"
	"time"
)

// alarms are what a layer's connections wait for their deadlines with: far ones on wheels, near ones each with
// an alarm, which knows the moment exactly.
type alarms struct {
	wheels [wheelCount]wheel
	idle   sync.Pool // of *alarm
}

// alarm is the timer of a connection whose next deadline is near. It may go off early, or for a connection that has
// it no more, or for the next to have it: who has nothing due does nothing. So it is never stopped, and not set again
// while it goes off early enough: a connection that lives shorter than its deadlines are away sets none.
type alarm struct {
	timer *time.Timer
	conn  atomic.Pointer[Conn]
	rings atomic.Int64 // the instant when it goes off; 0: it has
}

func (a *alarms) init(c clock) {
	for i := range a.wheels {
		a.wheels[i].clock = c
	}
}

// wheel is the one that c waits on.
func (a *alarms) wheel(c *Conn) *wheel {
	return &a.wheels[(c.tuple.local.Port()^c.tuple.remote.Port())%wheelCount]
}

// take returns an alarm that goes off for c.
func (a *alarms) take(c *Conn, now, at instant) *alarm {
	x, ok := a.idle.Get().(*alarm)
	if !ok {
		x = new(alarm)
	}
	x.conn.Store(c)
	x.set(now, at)
	return x
}

// set has the alarm go off at a time, or before. Its connection is stored before: so either that is found by the call
// that is going off just now, or set finds that it has gone off.
func (x *alarm) set(now, at instant) {
	if rings := instant(x.rings.Load()); rings != 0 && rings <= at {
		return
	}
	x.rings.Store(int64(at))
	if wait := at.sub(now); x.timer == nil {
		x.timer = time.AfterFunc(wait, x.goOff)
	} else {
		x.timer.Reset(wait)
	}
}

// release gives an alarm back.
func (a *alarms) release(x *alarm) {
	x.conn.Store(nil)
	a.idle.Put(x)
}

func (x *alarm) goOff() {
	x.rings.Store(0)
	if c := x.conn.Load(); c != nil {
		c.expired()
	}
}

func (a *alarms) close() {
	for i := range a.wheels {
		a.wheels[i].close()
	}
}

// schedule has the connection woken at the next deadline, if that is earlier than what it waits for:
// mostly deadlines move later, and to wake early costs less than to move it each time.
func (c *Conn) schedule(now instant) {
	at, all := c.tcb.nextTimeout(), &c.layer.alarms
	wait := at.sub(now)
	switch near := wait <= nearby; {
	case c.wakeAt != 0 && (at == 0 || c.wakeAt <= at):
	case at == 0:
		c.unschedule()
	case near && c.alarm != nil:
		c.wakeAt = at
		c.alarm.set(now, at)
	case near:
		c.unschedule()
		c.wakeAt = at
		c.alarm = all.take(c, now, at)
	default:
		c.unschedule()
		c.wakeAt = all.wheel(c).add(c, now, at)
	}
}

// unschedule has the connection wait for nothing.
func (c *Conn) unschedule() {
	all := &c.layer.alarms
	switch {
	case c.alarm != nil:
		all.release(c.alarm)
		c.alarm = nil
	case c.wakeAt != 0:
		all.wheel(c).remove(c, c.wakeAt)
	}
	c.wakeAt = 0
}

// expired is called when the connection has waited long enough, or without need. Mostly its deadline has
// moved meanwhile.
func (c *Conn) expired() {
	c.mu.Lock()
	defer c.unlock()
	if c.detached {
		return
	}
	if c.alarm == nil {
		c.unschedule()
	}
	c.wakeAt = 0
	now := c.layer.clock.now()
	if at := c.tcb.nextTimeout(); at == 0 || at > now {
		c.schedule(now)
		return
	}
	c.timerExpired(now)
	c.notePressure()
	c.tcb.advance(now)
	c.settle(now)
}
