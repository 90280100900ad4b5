package tcp

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinystack/tinystack/packet"
)

// from makes the peer speak from another port.
func (tc *testConn) from(port uint16) { tc.remote = netip.AddrPortFrom(peerAddr, port) }

func TestAcceptQueueOverflow(t *testing.T) { synctest.Test(t, testAcceptQueueOverflow) }

func testAcceptQueueOverflow(t *testing.T) {
	tc := newTestLayer(t, setup{cfg: Config{Backlog: 2}})
	tc.listen(hostPort)
	for port := range uint16(2) {
		tc.from(1000 + port)
		tc.injectSYN()
		tc.wantSYNACK("SYN-ACK")
		tc.inject(seg{seq: 1, ack: 1})
		tc.wantListed(Established)
	}
	tc.from(1002)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.inject(seg{seq: 1, ack: 1})
	tc.wantListed(SynReceived) // as in Linux: the record stays, and the SYN-ACK is sent again
	tc.wantIdle("the ACK is ignored")
	tc.wantCount("ListenOverflows", func(s Stats) uint64 { return s.ListenOverflows }, 1)

	tc.accept()
	time.Sleep(time.Second)
	tc.wantSYNACK("SYN-ACK again")
	tc.inject(seg{seq: 1, ack: 1, n: 10})
	tc.wantListed(Established)
	tc.accept()
	tc.accept()
	tc.read(10)
}

func TestSynQueueEvictsTheOldest(t *testing.T) { synctest.Test(t, testSynQueueEvictsTheOldest) }

func testSynQueueEvictsTheOldest(t *testing.T) {
	tc := newTestLayer(t, setup{cfg: Config{Backlog: 3}})
	tc.listen(hostPort)
	for port := range uint16(5) {
		tc.from(1000 + port)
		tc.injectSYN()
		tc.wantSYNACK("SYN-ACK")
	}
	for port, want := range []State{Closed, Closed, SynReceived, SynReceived, SynReceived} {
		tc.from(1000 + uint16(port))
		tc.wantListed(want)
	}
	s := tc.layer.Stats()
	if s.SynEvicted != 2 || s.PassiveOpens != 5 || s.AttemptFails != 2 {
		t.Errorf("counted %+v", s)
	}
	// One whose SYN-ACK was sent again goes before a newer one.
	time.Sleep(time.Second)
	tc.drain()
	tc.from(1005)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.from(1002)
	tc.wantListed(Closed)
}

func TestListenerCloseResets(t *testing.T) { synctest.Test(t, testListenerCloseResets) }

func testListenerCloseResets(t *testing.T) {
	tc := newTestLayer(t, setup{})
	tc.listen(hostPort)
	tc.from(1000)
	tc.injectSYN()
	tc.wantSYNACK("half-open")
	tc.from(1001)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.inject(seg{seq: 1, ack: 1})
	must(t, tc.ln.Close())
	tc.want("who was not accepted is reset", seg{flags: RST | ACK, seq: 1, ack: 1})
	tc.wantListed(Closed)
	wantErr(t, "Close", tc.ln.Close(), net.ErrClosed)
	_, err := tc.ln.Accept()
	wantErr(t, "Accept", err, net.ErrClosed)
	wantErr(t, "SetDeadline", tc.ln.SetDeadline(time.Now()), net.ErrClosed)

	tc.from(1000)
	tc.wantListed(Closed)
	time.Sleep(time.Hour)
	tc.wantIdle("no SYN-ACK any more")
	tc.inject(seg{seq: 1, ack: 77})
	tc.want("nobody listens", seg{flags: RST, seq: 77})
	// The port is free.
	tc.listen(hostPort)
}

// An accepted connection outlives its listener.
func TestConnOutlivesListener(t *testing.T) { synctest.Test(t, testConnOutlivesListener) }

func testConnOutlivesListener(t *testing.T) {
	tc := newTestConn(t, setup{passive: true})
	must(t, tc.ln.Close())
	tc.write(10)
	tc.want("data", seg{seq: 1, ack: 1, n: 10})
}

func TestAcceptWaits(t *testing.T) { synctest.Test(t, testAcceptWaits) }

func testAcceptWaits(t *testing.T) {
	tc := newTestLayer(t, setup{})
	tc.listen(hostPort)
	accepted := tc.background(func() error { _, err := tc.ln.Accept(); return err })
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.inject(seg{seq: 1, ack: 1})
	must(t, accepted())

	must(t, tc.ln.SetDeadline(time.Now().Add(time.Second)))
	start := time.Now()
	_, err := tc.ln.Accept()
	wantErr(t, "Accept", err, os.ErrDeadlineExceeded)
	if e := err.(net.Error); !e.Timeout() || time.Since(start) != time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	must(t, tc.ln.SetDeadline(time.Time{}))
	accepted = tc.background(func() error { _, err := tc.ln.Accept(); return err })
	synctest.Wait()
	must(t, tc.ln.Close())
	wantErr(t, "Accept", accepted(), net.ErrClosed)
}

// Two devices' readers may have looked up the same half-open connection: the one that
// comes second finds an open one.
func TestHandshakeEndsOnAnotherReader(t *testing.T) {
	synctest.Test(t, testHandshakeEndsOnAnotherReader)
}

func testHandshakeEndsOnAnotherReader(t *testing.T) {
	tc := newTestConn(t, setup{passive: true})
	b := tc.encode(&seg{seq: 1, ack: 1, n: 10})
	in := &packet.In{Src: tc.remote.Addr(), Dst: tc.local.Addr(), Packet: b, Payload: b}
	h, payload, err := Parse(b)
	must(t, err)
	tc.ln.receive(tuple{tc.local, tc.remote}, &segment{Header: h, data: [2][]byte{payload}, in: in}, 0)
	tc.wantIdle("no RST")
	tc.read(10)
}

// Reset before it was accepted: Accept gives it, and Read the error, as in Linux.
func TestAcceptAfterReset(t *testing.T) { synctest.Test(t, testAcceptAfterReset) }

func testAcceptAfterReset(t *testing.T) {
	tc := newTestLayer(t, setup{})
	tc.listen(hostPort)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.inject(seg{seq: 1, ack: 1, n: 3}, seg{flags: RST, seq: 4})
	tc.accept()
	tc.read(3)
	tc.wantReadError(syscall.ECONNRESET)
}

func TestSpecificBeforeWildcard(t *testing.T) { synctest.Test(t, testSpecificBeforeWildcard) }

func testSpecificBeforeWildcard(t *testing.T) {
	tc := newTestLayer(t, setup{})
	all, err := tc.layer.Listen(netip.AddrPortFrom(netip.IPv4Unspecified(), 81))
	must(t, err)
	if got := all.Addr().String(); got != "0.0.0.0:81" {
		t.Errorf("listens on %s", got)
	}
	for _, a := range []netip.AddrPort{netip.AddrPortFrom(hostAddr, 81), netip.AddrPortFrom(netip.Addr{}, 81)} {
		_, err = tc.layer.Listen(a)
		wantErr(t, "Listen on a taken port", err, syscall.EADDRINUSE)
	}
	tc.listen(hostPort)
	_, err = tc.layer.Listen(netip.AddrPortFrom(netip.Addr{}, 80))
	wantErr(t, "Listen on a taken port", err, syscall.EADDRINUSE)
	_, err = tc.layer.Listen(netip.AddrPortFrom(peerAddr, 80))
	wantErr(t, "Listen on another host's address", err, syscall.EADDRNOTAVAIL)

	// Two addresses, one port.
	other, err := tc.layer.Listen(netip.AddrPortFrom(otherAddr, 80))
	must(t, err)
	tc.local = netip.AddrPortFrom(otherAddr, 80)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.inject(seg{seq: 1, ack: 1})
	c, err := other.AcceptTCP()
	must(t, err)
	if got := c.LocalAddr().String(); got != "192.0.2.2:80" {
		t.Errorf("accepted on %s", got)
	}
	// A wildcard takes both.
	tc.local = netip.AddrPortFrom(otherAddr, 81)
	tc.injectSYN()
	tc.wantSYNACK("SYN-ACK")
	tc.inject(seg{seq: 1, ack: 1})
	c, err = all.AcceptTCP()
	must(t, err)
	if got := c.LocalAddr().String(); got != "192.0.2.2:81" || c.RemoteAddr().String() != peerPort.String() {
		t.Errorf("accepted on %s from %s", got, c.RemoteAddr())
	}
}

func TestListenOnAnyPort(t *testing.T) { synctest.Test(t, testListenOnAnyPort) }

func testListenOnAnyPort(t *testing.T) {
	tc := newTestLayer(t, setup{})
	ports := map[int]bool{}
	for range 20 {
		ln, err := tc.layer.Listen(netip.AddrPort{})
		must(t, err)
		port := ln.Addr().(*net.TCPAddr).Port
		if port < 32768 || ports[port] {
			t.Errorf("port %d", port)
		}
		ports[port] = true
	}
}

// What arrives while the accept queue is full but belongs to a connection is taken.
func TestListed(t *testing.T) { synctest.Test(t, testListed) }

func testListed(t *testing.T) {
	tc := newTestConn(t, setup{passive: true})
	tc.from(1001)
	tc.injectSYN()
	states := map[State]int{}
	for _, c := range tc.layer.Conns() {
		states[c.State]++
		if c.State == Listen && (c.Local != hostPort || c.SendQueue != 4096) {
			t.Errorf("the listener is %+v", c)
		}
	}
	if len(states) != 3 || states[Listen] != 1 || states[Established] != 1 || states[SynReceived] != 1 {
		t.Errorf("listed: %v", states)
	}
}
