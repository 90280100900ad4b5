package link

import (
	"testing"
	"time"
)

// An alarm of the kernel's wakes at its time, or when it is rung: before the wait
// too, and once.
func TestFDAlarm(t *testing.T) {
	t.Parallel()
	a, err := newFDAlarm()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	a.wait(start.Add(20 * time.Millisecond))
	if took := time.Since(start); took < 20*time.Millisecond {
		t.Errorf("it woke after %v, want 20ms", took)
	}
	a.wait(start) // is past
	a.ring()
	a.wait(time.Now().Add(time.Hour))

	woken := make(chan struct{})
	go func() {
		a.wait(time.Time{})
		close(woken)
	}()
	time.Sleep(5 * time.Millisecond)
	select {
	case <-woken:
		t.Error("it woke without having been rung")
	default:
	}
	a.ring()
	<-woken

	start = time.Now()
	a.wait(start.Add(5 * time.Millisecond)) // the ring is over
	if took := time.Since(start); took < 5*time.Millisecond {
		t.Errorf("it woke after %v, want 5ms", took)
	}
	a.close()
	a.wait(time.Now().Add(time.Hour)) // does not wait any more
}
