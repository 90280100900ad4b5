package tcp

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/packet"
)

// wheelModel is a wheel without a timer, and what must come off it.
type wheelModel struct {
	t   *testing.T
	w   wheel
	now instant
	due map[*Conn]instant // the deadline of each

	late bool // by a revolution: what is added may come at once, and go round again
}

func newWheelModel(t *testing.T) *wheelModel {
	return &wheelModel{t: t, w: wheel{closed: true}, now: 1, due: make(map[*Conn]instant)}
}

func (m *wheelModel) add(c *Conn, at instant) {
	m.due[c] = at
	c.wakeAt = m.w.add(c, m.now, at)
	if (c.wakeAt <= m.now && !m.late) || c.wakeAt > at {
		m.t.Fatalf("at %d a connection due at %d has its turn at %d", m.now, at, c.wakeAt)
	}
}

// advance lets time pass. No turn comes before its tick, none later than the deadline; who comes round
// before it is nearby is put on again.
func (m *wheelModel) advance(d time.Duration) {
	m.now = m.now.add(d)
	m.late = d > 10*time.Second
	for c := m.w.take(m.now); c != nil; c = m.w.take(m.now) {
		at, ok := m.due[c]
		if !ok || c.wakeAt > m.now {
			m.t.Fatalf("at %d a turn came that is at %d, %v", m.now, c.wakeAt, ok)
		}
		delete(m.due, c)
		if at.sub(m.now) > nearby {
			m.add(c, at)
		}
	}
	m.late = false
	for c, at := range m.due {
		if at <= m.now || c.wakeAt <= m.now {
			m.t.Fatalf("at %d the turn at %d, for %d, has not come", m.now, c.wakeAt, at)
		}
	}
}

// Turns come in time whatever else is on the wheel, however late its timer is, and beyond a revolution.
func TestWheel(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	m := newWheelModel(t)
	for range 5000 {
		switch rng.IntN(4) {
		case 0, 1:
			m.add(new(Conn), m.now.add(nearby+1+rand.N(40*time.Second)))
		case 2:
			for c := range m.due { // any
				m.w.remove(c, c.wakeAt)
				delete(m.due, c)
				break
			}
		case 3:
			m.advance(rand.N(200 * time.Millisecond))
		}
		if rng.IntN(200) == 0 {
			m.advance(rand.N(20 * time.Second))
		}
	}
	m.advance(time.Minute)
	if len(m.due) != 0 || m.w.used != [wheelSlots / 64]uint64{} {
		t.Errorf("%d are still on the wheel", len(m.due))
	}
}

// While the timer is late, what is added to the wheel does not take the place of what is overdue.
func TestWheelLateTimer(t *testing.T) {
	t.Parallel()
	m := newWheelModel(t)
	m.add(new(Conn), m.now.add(time.Second))
	m.now = m.now.add(10 * time.Second)
	m.add(new(Conn), m.now.add(time.Hour))
	m.add(new(Conn), m.now.add(15*time.Second))
	m.advance(0)
	if len(m.due) != 2 {
		t.Errorf("%d are on the wheel, want 2", len(m.due))
	}
}

// A connection whose deadline has passed while it was busy, and the wheel turned on, has its turn
// at once and not after a revolution.
func TestWheelAddInLateTurn(t *testing.T) {
	t.Parallel()
	w := wheel{closed: true}
	start := instant(1)
	w.add(new(Conn), start, start.add(time.Second))
	w.add(new(Conn), start, start.add(10*time.Second))
	late := start.add(11 * time.Second)
	w.take(late)
	w.take(late)
	c, old := new(Conn), start.add(2*time.Second)
	w.add(c, old, old.add(500*time.Millisecond))
	if got := w.take(late); got != c {
		t.Errorf("in the late turn %p came, want %p", got, c)
	}
}

// An open connection that is idle waits on a wheel, without a timer; one that is closed leaves it.
func TestIdleConnectionHasNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := newWirePair(t, 0, 1500, Config{}, 1)
		transfer(t, w, a[0], b[0], make([]byte, 1), make([]byte, 1))
		time.Sleep(time.Second)
		synctest.Wait()
		w.pump()
		for _, c := range []*Conn{a[0], b[0]} {
			if _, alarm := c.waitsFor(); alarm || c.layer.alarms.onWheels() != 1 {
				t.Error("a connection idle for a second is not on a wheel")
			}
			c.SetLinger(0)
			c.Close()
			if at, alarm := c.waitsFor(); alarm || at != 0 || c.layer.alarms.onWheels() != 0 {
				t.Error("a closed connection waits")
			}
		}
	})
}

// waitsFor returns when the connection's turn comes, and whether it has an alarm.
func (c *Conn) waitsFor() (at instant, alarm bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wakeAt, c.alarm != nil
}

// onWheels is the number of connections on all wheels.
func (a *alarms) onWheels() (n int) {
	for i := range a.wheels {
		w := &a.wheels[i]
		w.mu.Lock()
		for j := 0; w.slots != nil && j < wheelSlots; j++ {
			for c := w.slots[j].first; c != nil; c = c.next {
				n++
			}
		}
		w.mu.Unlock()
	}
	return n
}

// Segments do not set a timer each: while nothing is lost, few do.
func TestTimersAreSeldomSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, size := range []int{1, 10_000} {
			w, a, b := newWirePair(t, packet.TxChecksum, 1500, Config{}, 1)
			p, q := make([]byte, size), make([]byte, size)
			set, before := 0, w.packets
			var last [2]instant
			for range 1000 {
				transfer(t, w, a[0], b[0], p, q)
				transfer(t, w, b[0], a[0], p, q)
				time.Sleep(time.Millisecond) // a round trip
				synctest.Wait()
				for i, c := range []*Conn{a[0], b[0]} {
					if at, _ := c.waitsFor(); at != last[i] {
						set++
						last[i] = at
					}
				}
			}
			if n := w.packets - before; set > n/8 {
				t.Errorf("%d bytes: timers were set %d times for %d segments", size, set, n)
			} else {
				t.Logf("%d bytes: timers were set %d times for %d segments", size, set, n)
			}
		}
	})
}

// An alarm that goes off for a connection that has it no more does nothing.
func TestAlarmTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, _ := newWirePair(t, 0, 1500, Config{}, 1)
		before, last := w.packets, a[0].layer.clock.now().add(defaultKeepAlive)
		for range 3 {
			a[0].expired()
			w.pump()
		}
		if at, _ := a[0].waitsFor(); at == 0 || at > last || w.packets != before {
			t.Errorf("it waits for %d, not for %d, or has sent", at, last)
		}
	})
}
