package tcp

import (
	"testing"
	"testing/synctest"
	"time"
)

// An alarm is not set for a time at which it has gone off anyway, whoever has it then; it is for an earlier one, and once
// it has gone off.
func TestAlarmIsSetAsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := newWirePair(t, 0, 1500, Config{}, 1)
		clock, all := a[0].layer.clock, &a[0].layer.alarms
		start := clock.now()
		x := all.take(a[0], start, start.add(20*time.Millisecond))
		rings := func(when string, after time.Duration) {
			t.Helper()
			if got := instant(x.rings.Load()); got != start.add(after) {
				t.Errorf("%s it goes off after %v, want %v", when, got.sub(start), after)
			}
		}
		x.set(start, start.add(50*time.Millisecond))
		rings("moved on", 20*time.Millisecond)
		x.set(start, start.add(10*time.Millisecond))
		rings("moved earlier", 10*time.Millisecond)

		time.Sleep(10*time.Millisecond - time.Nanosecond)
		synctest.Wait()
		rings("just before", 10*time.Millisecond)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if x.rings.Load() != 0 {
			t.Error("it has not gone off")
		}
		x.set(clock.now(), start.add(50*time.Millisecond))
		rings("set again", 50*time.Millisecond)
	})
}

// A connection whose alarm goes off too early, for it was another's before, does in time what is due.
func TestAlarmOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := newWirePair(t, 0, 1500, Config{}, 1)
		transfer(t, w, a[0], b[0], make([]byte, 100), make([]byte, 100))
		time.Sleep(time.Second)
		synctest.Wait()
		w.pump() // all is acknowledged

		now := b[0].layer.clock.now()
		b[0].mu.Lock()
		b[0].unschedule()
		b[0].alarm = b[0].layer.alarms.take(b[0], now, now.add(5*time.Millisecond))
		b[0].mu.Unlock()
		if _, err := a[0].Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		w.pump()
		before := w.packets
		time.Sleep(b[0].layer.cfg.DelayedAck - time.Nanosecond)
		synctest.Wait()
		w.pump()
		if w.packets != before {
			t.Error("the ACK was sent before its time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		w.pump()
		if w.packets != before+1 {
			t.Errorf("%d packets were sent in time, want the ACK", w.packets-before)
		}
	})
}
