package tcp

import (
	"fmt"
	"math"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestSetCongestionControl(t *testing.T) { synctest.Test(t, testSetCongestionControl) }

func testSetCongestionControl(t *testing.T) {
	tc := newTestConn(t, setup{scale: 7, wnd: 1 << 20, delay: 100 * time.Millisecond, cfg: Config{Congestion: CUBIC}})
	want := func(name, congestion string, cwnd, ssthresh int, pacing uint64) {
		t.Helper()
		i := tc.conn.Info()
		if i.Congestion != congestion || i.SndCwnd != cwnd || i.SndSsthresh != ssthresh || i.PacingRate != pacing {
			t.Errorf("%s: %s, cwnd %d, ssthresh %d, paced at %d; want %s, %d, %d, %d", name,
				i.Congestion, i.SndCwnd, i.SndSsthresh, i.PacingRate, congestion, cwnd, ssthresh, pacing)
		}
		if (i.BBR != nil) != (congestion == BBR) {
			t.Errorf("%s: BBR's model is %+v", name, i.BBR)
		}
	}
	want("as configured", CUBIC, 10_000, math.MaxInt, 0)
	for _, name := range []string{"", "vegas"} {
		err := tc.conn.SetCongestionControl(name)
		wantErr(t, "SetCongestionControl", err, syscall.ENOENT)
	}
	tc.write(30_000)
	tc.drain()
	time.Sleep(100 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 10_001})
	want("a round trip later", CUBIC, 20_000, math.MaxInt, 0)
	must(t, tc.conn.SetCongestionControl(CUBIC))
	want("the same again changes nothing", CUBIC, 20_000, math.MaxInt, 0)
	must(t, tc.conn.SetCongestionControl(Reno))
	want("the window stays", Reno, 20_000, math.MaxInt, 0)
	must(t, tc.conn.SetCongestionControl(BBR))
	want("paced at 2.77 windows in a round trip", BBR, 20_000, math.MaxInt, 554_000)
	if b := tc.conn.Info().BBR; b.Phase != "startup" || b.MinRTT != 100*time.Millisecond || b.PacingGain != 2.77 || b.CwndGain != 2 {
		t.Errorf("BBR's model is %+v", b)
	}
	must(t, tc.conn.SetCongestionControl(CUBIC))
	want("what BBR found does not double", CUBIC, 20_000, 20_000, 0)
	tc.drain()
	time.Sleep(100 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 30_001})

	must(t, tc.conn.Close())
	wantErr(t, "SetCongestionControl", tc.conn.SetCongestionControl(Reno), net.ErrClosed)
}

// Streams arrive whole however often the congestion control changes, in recoveries too.
func TestSimSwitchCongestion(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newSim(t, seed, Config{}, 20*mbit, 10*time.Millisecond).badWire(0.02, 0.01, 0.02)
			s.a.total = 1 << 20
			names, n := []string{CUBIC, BBR, Reno, BBR}, 0
			phases := make(map[phase]bool)
			s.a.out.see = func(now instant, _ *Header, _ int) {
				if n++; n%37 == 0 {
					phases[s.a.phase] = true
					s.a.switchCongestion(now, names[n/37%len(names)])
				}
			}
			s.transfer(time.Hour)
			if !phases[open] || !phases[recovery] {
				t.Errorf("switched in phases %v", phases)
			}
		})
	}
}
