package tcp

import (
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeepAlive(t *testing.T) { synctest.Test(t, testKeepAlive) }

func testKeepAlive(t *testing.T) {
	// "such a segment generally contains SEG.SEQ = SND.NXT-1"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
	tc := newTestConn(t, setup{})
	must(t, tc.conn.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: true, Idle: 10 * time.Second, Interval: 2 * time.Second, Count: 3,
	}))
	probe := seg{seq: 0, ack: 1}
	tc.wantAfter("after ten seconds", 10*time.Second, probe)
	tc.inject(seg{seq: 1, ack: 1})
	tc.wantAfter("ten seconds after the answer", 10*time.Second, probe)
	tc.inject(seg{seq: 1, ack: 1})

	// Traffic puts it off.
	time.Sleep(9 * time.Second)
	tc.write(10)
	tc.want("data", seg{seq: 1, ack: 1, n: 10})
	tc.inject(seg{seq: 1, ack: 11})
	probe.seq = 10
	tc.wantAfter("ten seconds after the traffic", 10*time.Second, probe)
	tc.wantAfter("and every two seconds", 2*time.Second, probe)
	tc.wantAfter("and every two seconds", 2*time.Second, probe)
	tc.wantAfter("three without an answer", 2*time.Second, seg{flags: RST | ACK, seq: 11, ack: 1})
	tc.wantState(Closed)
	tc.wantReadError(syscall.ETIMEDOUT)
	s := tc.layer.Stats()
	if s.KeepAliveProbes != 5 || s.TimedOut != 1 {
		t.Errorf("counted %+v", s)
	}
}

func TestKeepAliveDefaults(t *testing.T) { synctest.Test(t, testKeepAliveDefaults) }

func testKeepAliveDefaults(t *testing.T) {
	tc := newTestConn(t, setup{cfg: Config{KeepAlive: 15 * time.Second}})
	for range 9 {
		tc.wantAfter("every 15 s, as in net", 15*time.Second, seg{seq: 0, ack: 1})
	}
	tc.wantAfter("nine", 15*time.Second, seg{flags: RST | ACK, seq: 1, ack: 1})

	tc = newTestConn(t, setup{})
	time.Sleep(24 * time.Hour)
	tc.wantIdle("off")
	must(t, tc.conn.SetKeepAlive(true))
	tc.wantAfter("on", 15*time.Second, seg{seq: 0, ack: 1})
	must(t, tc.conn.SetKeepAlive(false))
	time.Sleep(time.Hour)
	tc.wantIdle("off")
}

// As in net, a period is the time of silence alone and turns nothing on, and what is set
// while probes are off holds when they are on.
func TestKeepAlivePeriod(t *testing.T) { synctest.Test(t, testKeepAlivePeriod) }

func testKeepAlivePeriod(t *testing.T) {
	tc := newTestConn(t, setup{})
	must(t, tc.conn.SetKeepAlivePeriod(3*time.Second))
	time.Sleep(time.Hour)
	tc.wantIdle("still off")
	must(t, tc.conn.SetKeepAliveConfig(net.KeepAliveConfig{Idle: -1, Interval: 5 * time.Second, Count: -1}))
	time.Sleep(time.Hour)
	tc.wantIdle("off")
	must(t, tc.conn.SetKeepAlive(true))
	tc.wantAfter("the silence", 3*time.Second, seg{seq: 0, ack: 1})
	tc.wantAfter("the interval", 5*time.Second, seg{seq: 0, ack: 1})
	must(t, tc.conn.SetKeepAlivePeriod(0))
	tc.inject(seg{seq: 1, ack: 1})
	tc.wantAfter("the default", 15*time.Second, seg{seq: 0, ack: 1})
	wantErr(t, "a long one", tc.conn.SetKeepAlivePeriod(32768*time.Second), syscall.EINVAL)
}

// keepAliveEvery turns probes on, d after the last segment and d apart.
func (tc *testConn) keepAliveEvery(d time.Duration) {
	tc.t.Helper()
	must(tc.t, tc.conn.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: d, Interval: d}))
}

// Times are rounded up to seconds, as package net does for the kernel.
func TestKeepAliveConfig(t *testing.T) { synctest.Test(t, testKeepAliveConfig) }

func testKeepAliveConfig(t *testing.T) {
	tc := newTestConn(t, setup{})
	must(t, tc.conn.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 1, Interval: 1, Count: 2}))
	tc.wantAfter("a second", time.Second, seg{seq: 0, ack: 1})
	for name, config := range map[string]net.KeepAliveConfig{
		"idle":     {Enable: true, Idle: 32768 * time.Second},
		"interval": {Enable: true, Interval: 32768 * time.Second},
		"count":    {Enable: true, Count: 128},
	} {
		wantErr(t, name, tc.conn.SetKeepAliveConfig(config), syscall.EINVAL)
	}
}

// While data is under way its timer does as well (RFC 9293 3.8.4).
func TestKeepAliveLeavesItToRetransmission(t *testing.T) {
	synctest.Test(t, testKeepAliveLeavesItToRetransmission)
}

func testKeepAliveLeavesItToRetransmission(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.keepAliveEvery(time.Second)
	tc.write(10)
	time.Sleep(10 * time.Minute)
	tc.wantState(Established)
	tc.wantCount("KeepAliveProbes", func(s Stats) uint64 { return s.KeepAliveProbes }, 0)
}

func TestUserTimeoutEndsKeepAlive(t *testing.T) { synctest.Test(t, testUserTimeoutEndsKeepAlive) }

func testUserTimeoutEndsKeepAlive(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.keepAliveEvery(2 * time.Second)
	must(t, tc.conn.SetUserTimeout(5*time.Second))
	tc.wantAfter("a probe", 2*time.Second, seg{seq: 0, ack: 1})
	tc.wantAfter("a probe", 2*time.Second, seg{seq: 0, ack: 1})
	tc.wantAfter("too long", 2*time.Second, seg{flags: RST | ACK, seq: 1, ack: 1})
	tc.wantReadError(syscall.ETIMEDOUT)
}

// A peer's probe is answered.
func TestKeepAliveIsAnswered(t *testing.T) { synctest.Test(t, testKeepAliveIsAnswered) }

func testKeepAliveIsAnswered(t *testing.T) {
	tc := newTestConn(t, setup{})
	for range 3 {
		tc.inject(seg{seq: 0, ack: 1})
		tc.want("an answer", seg{seq: 1, ack: 1})
		time.Sleep(time.Second)
		tc.inject(seg{seq: 0, ack: 1, n: 1})
		tc.take("an answer to one with a byte")
		time.Sleep(time.Second)
	}
	if info := tc.conn.Info(); info.RecvQueue != 0 {
		t.Errorf("%d bytes of probes are to be read", info.RecvQueue)
	}
}
