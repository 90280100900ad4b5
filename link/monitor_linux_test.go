package link

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinystack/tinystack/internal/nstest"
)

// Calls that come often tell the scheduler twice in a period, and have a timer for its end; those that come
// seldom tell it each time, and have none.
func TestMonitorDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m monitor
		due := func(after time.Duration, want bool) {
			t.Helper()
			time.Sleep(after)
			if got := m.due(); got != want {
				t.Errorf("after %v due is %t", after, got)
			}
		}
		due(0, true)
		due(monitorPeriod, true)
		if m.timer != nil {
			t.Error("calls that come seldom set a timer")
		}
		due(monitorPeriod-1, true)
		if m.timer == nil || !m.timer.Stop() {
			t.Error("no timer will wake the monitor")
		}
		due(1, false)
		due(monitorPeriod-2, false)
		due(1, true)
		due(1, true)
		due(1, false)
	})
}

// A goroutine that a packet made compute for long, with no processor left, does not keep the
// reader from the next packet: Go's monitor has been woken, and interrupts it.
func TestTUNReadWhileOthersCompute(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{})
	nstest.Up(t, dev.Name(), hostNet)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	begin(t)
	expect(t, dev, protoTCP, stackAddr.Port())
	expect(t, dev, protoTCP, stackAddr.Port()) // sent again after a second, in which nothing ran
	var heard atomic.Bool
	gaveUp := make(chan bool, 1)
	go func() {
		const tooLong = 10 * time.Second // the kernel sends it again in one or two
		for start := time.Now(); !heard.Load(); {
			if time.Since(start) > tooLong {
				break
			}
		}
		gaveUp <- !heard.Load()
	}()
	expect(t, dev, protoTCP, stackAddr.Port())
	heard.Store(true)
	if <-gaveUp {
		t.Error("the packet was read only when the computation had ended")
	}
}

// begin has the host's kernel begin a connection, to be tried again by itself.
func begin(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	to := unix.SockaddrInet4{Port: int(stackAddr.Port()), Addr: stackAddr.Addr().As4()}
	if err := unix.Connect(fd, &to); err != unix.EINPROGRESS {
		t.Fatal(err)
	}
}
