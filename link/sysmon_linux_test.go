package link

import (
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/internal/nstest"
)

// Calls that come often tell the scheduler twice in a period, and have a timer for its end; those that come
// seldom tell it each time, and have none.
func TestSysmonWakerDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w sysmonWaker
		due := func(after time.Duration, want bool) {
			t.Helper()
			time.Sleep(after)
			if got := w.due(); got != want {
				t.Errorf("after %v due is %t", after, got)
			}
		}
		due(0, true)
		due(sysmonPeriod, true)
		if w.timer != nil {
			t.Error("calls that come seldom set a timer")
		}
		due(sysmonPeriod-1, true)
		if w.timer == nil || !w.timer.Stop() {
			t.Error("no timer will wake sysmon")
		}
		due(1, false)
		due(sysmonPeriod-2, false)
		due(1, true)
		due(1, true)
		due(1, false)
	})
}

// A goroutine that a packet made compute for long, with no processor left, does not keep the
// reader from the next packet: sysmon interrupts it, whether the read before told Go's scheduler or left that to the timer.
func TestTUNReadWhileOthersCompute(t *testing.T) {
	t.Parallel()
	if !nstest.Isolated(t) {
		return
	}
	dev := openTUN(t, TUNConfig{BusyPoll: -1})
	nstest.Up(t, dev.Name(), hostNet)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, before := range []int{1, 4} { // of which the last two or three come within sysmon's period
		sendApart(t, before)
		for range before {
			expect(t, dev, protoUDP, stackAddr.Port())
		}
		var heard atomic.Bool
		gaveUp := make(chan bool, 1)
		go func() {
			const tooLong = 8 * time.Second // the next comes in one
			for start := time.Now(); !heard.Load() && time.Since(start) < tooLong; {
			}
			gaveUp <- !heard.Load()
		}()
		expect(t, dev, protoUDP, stackAddr.Port())
		heard.Store(true)
		if <-gaveUp {
			t.Errorf("after %d packets the next was read only when the computation had ended", before)
		}
	}
}

// sendApart has another program, for this one is to sleep, send datagrams: n at once nearly, and one a second later.
func sendApart(t *testing.T, n int) {
	const script = `sleep 0.3; i=0; while ((i++ < $1)); do echo >"$2"; sleep 0.001; done; sleep 1; echo >"$2"`
	to := fmt.Sprintf("/dev/udp/%s/%d", stackAddr.Addr(), stackAddr.Port())
	cmd := exec.Command("bash", "-c", script, "bash", strconv.Itoa(n), to)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
}
