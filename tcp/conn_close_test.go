package tcp

import (
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestActiveClose(t *testing.T) { synctest.Test(t, testActiveClose) }

func testActiveClose(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.6, figure 12
	tc := newTestConn(t, setup{})
	must(t, tc.conn.Close())
	tc.want("FIN", seg{flags: FIN | ACK, seq: 1, ack: 1})
	tc.wantState(FinWait1)
	tc.inject(seg{seq: 1, ack: 2})
	tc.wantState(FinWait2)
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 2})
	tc.want("ACK of the peer's FIN", seg{seq: 2, ack: 2})
	tc.wantState(TimeWait)
	tc.wantListed(TimeWait)
	time.Sleep(time.Minute - 1)
	tc.wantListed(TimeWait)
	time.Sleep(time.Nanosecond)
	tc.wantListed(Closed)
	tc.wantIdle("gone")
}

func TestPassiveClose(t *testing.T) { synctest.Test(t, testPassiveClose) }

func testPassiveClose(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 1})
	tc.wantAfter("ACK of the peer's FIN, as ours does not come", 40*time.Millisecond, seg{seq: 1, ack: 2})
	tc.wantState(CloseWait)
	tc.wantReadError(io.EOF)
	must(t, tc.conn.Close())
	tc.want("FIN", seg{flags: FIN | ACK, seq: 1, ack: 2})
	tc.wantState(LastAck)
	tc.inject(seg{seq: 2, ack: 2})
	tc.wantState(Closed)
	tc.wantListed(Closed)
	tc.wantIdle("gone")
}

func TestSimultaneousClose(t *testing.T) { synctest.Test(t, testSimultaneousClose) }

func testSimultaneousClose(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.6, figure 13
	tc := newTestConn(t, setup{})
	must(t, tc.conn.Close())
	tc.want("FIN", seg{flags: FIN | ACK, seq: 1, ack: 1})
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 1})
	tc.want("ACK", seg{seq: 2, ack: 2})
	tc.wantState(Closing)
	tc.inject(seg{seq: 2, ack: 2})
	tc.wantState(TimeWait)
	tc.wantListed(TimeWait)
	tc.wantIdle("both are done")
}

// The peer's FIN acknowledges ours: FIN-WAIT-1 to TIME-WAIT at once.
func TestCloseInThree(t *testing.T) { synctest.Test(t, testCloseInThree) }

func testCloseInThree(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(10)
	tc.want("data", seg{seq: 1, ack: 1, n: 10})
	must(t, tc.conn.Close())
	tc.want("FIN", seg{flags: FIN | ACK, seq: 11, ack: 1})
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 12})
	tc.want("ACK", seg{seq: 12, ack: 2})
	tc.wantListed(TimeWait)
}

func TestFinGoesWithTheLastData(t *testing.T) { synctest.Test(t, testFinGoesWithTheLastData) }

func testFinGoesWithTheLastData(t *testing.T) {
	tc := newTestConn(t, setup{wnd: 1000})
	tc.write(1500)
	tc.want("a window", seg{seq: 1, ack: 1, n: 1000})
	must(t, tc.conn.Close())
	tc.wantIdle("the rest waits")
	tc.wantState(FinWait1)
	tc.inject(seg{seq: 1, ack: 1001})
	tc.want("the rest and FIN", seg{flags: FIN | ACK, seq: 1001, ack: 1, n: 500})
	tc.inject(seg{seq: 1, ack: 1501})
	tc.wantState(FinWait1)
	tc.wantAfter("the FIN alone again", tc.rto(), seg{flags: FIN | ACK, seq: 1501, ack: 1})
	tc.inject(seg{seq: 1, ack: 1502})
	tc.wantState(FinWait2)
}

func TestFinIsSentAgain(t *testing.T) { synctest.Test(t, testFinIsSentAgain) }

func testFinIsSentAgain(t *testing.T) {
	tc := newTestConn(t, setup{})
	must(t, tc.conn.Close())
	fin := seg{flags: FIN | ACK, seq: 1, ack: 1}
	tc.want("FIN", fin)
	for rto := tc.rto(); rto < 30*time.Second; rto *= 2 {
		tc.wantAfter("FIN again", rto, fin)
	}
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 2})
	tc.want("ACK", seg{seq: 2, ack: 2})
	time.Sleep(50 * time.Second)
	tc.wantIdle("done")
}

// Data and FIN in one segment are sent again as one.
func TestDataWithFinIsSentAgain(t *testing.T) { synctest.Test(t, testDataWithFinIsSentAgain) }

func testDataWithFinIsSentAgain(t *testing.T) {
	tc := newTestConn(t, setup{wnd: 1000, noSACK: true}) // no tail loss probe comes first
	tc.write(2000)
	tc.want("a window", seg{seq: 1, ack: 1, n: 1000})
	must(t, tc.conn.Close())
	tc.inject(seg{seq: 1, ack: 1001})
	last := seg{flags: FIN | ACK, seq: 1001, ack: 1, n: 1000}
	tc.want("the rest and FIN", last)
	tc.wantAfter("again", tc.rto(), last)
}

func TestHalfCloseOurs(t *testing.T) { synctest.Test(t, testHalfCloseOurs) }

func testHalfCloseOurs(t *testing.T) {
	// "the user who CLOSEs may continue to RECEIVE until the TCP receiver is told
	// that the remote peer has CLOSED also"
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.6
	tc := newTestConn(t, setup{noDelAck: true})
	must(t, tc.conn.CloseWrite())
	tc.want("FIN", seg{flags: FIN | ACK, seq: 1, ack: 1})
	_, err := tc.conn.Write([]byte("x"))
	wantErr(t, "Write", err, syscall.EPIPE)
	must(t, tc.conn.CloseWrite())
	tc.inject(seg{seq: 1, ack: 2, n: 100})
	tc.want("ACK", seg{seq: 2, ack: 101})
	tc.read(100)
	time.Sleep(time.Hour)
	tc.wantState(FinWait2) // as long as the application wants
	tc.inject(seg{flags: FIN | ACK, seq: 101, ack: 2, n: 50})
	tc.want("ACK", seg{seq: 2, ack: 152})
	tc.wantListed(TimeWait)
	tc.read(50)
	tc.wantReadError(io.EOF)
	must(t, tc.conn.Close())
	tc.wantIdle("nothing more to say")
	tc.wantListed(TimeWait)
}

// Our FIN, if it follows at once, carries the ACK of the peer's: three segments end the connection.
func TestPassiveCloseAtOnce(t *testing.T) { synctest.Test(t, testPassiveCloseAtOnce) }

func testPassiveCloseAtOnce(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 1})
	must(t, tc.conn.Close())
	tc.want("FIN and ACK", seg{flags: FIN | ACK, seq: 1, ack: 2})
	tc.inject(seg{seq: 2, ack: 2})
	tc.wantListed(Closed)
}

func TestHalfCloseTheirs(t *testing.T) { synctest.Test(t, testHalfCloseTheirs) }

func testHalfCloseTheirs(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 1, n: 10})
	tc.wantAfter("ACK", 40*time.Millisecond, seg{seq: 1, ack: 12})
	tc.read(10)
	tc.wantReadError(io.EOF)
	for at := 1; at < 5000; at += 500 {
		tc.write(500)
		tc.want("data", seg{seq: at, ack: 12, n: 500})
		tc.inject(seg{seq: 12, ack: at + 500})
	}
	must(t, tc.conn.CloseWrite())
	tc.want("FIN", seg{flags: FIN | ACK, seq: 5001, ack: 12})
	tc.wantState(LastAck)
	tc.inject(seg{seq: 12, ack: 5002})
	tc.wantState(Closed)
	tc.wantReadError(io.EOF)
	_, err := tc.conn.Write([]byte("x"))
	wantErr(t, "Write", err, syscall.EPIPE)
}

// "segment text" after the peer's FIN is ignored (RFC 9293 3.10.7.4).
func TestDataAfterFin(t *testing.T) { synctest.Test(t, testDataAfterFin) }

func testDataAfterFin(t *testing.T) {
	tc := newTestConn(t, setup{noDelAck: true})
	tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 1})
	tc.want("ACK", seg{seq: 1, ack: 2})
	tc.inject(seg{seq: 2, ack: 1, n: 10}, seg{flags: FIN | ACK, seq: 12, ack: 1, n: 10})
	tc.drain()
	tc.wantState(CloseWait)
	tc.wantReadError(io.EOF)
	tc.write(1)
	tc.want("the FIN is all there was", seg{seq: 1, ack: 2, n: 1})
}

func TestCloseWithUnreadData(t *testing.T) { synctest.Test(t, testCloseWithUnreadData) }

func testCloseWithUnreadData(t *testing.T) {
	// "If such a host issues a CLOSE call while received data is still pending in the
	// TCP connection, or if new data is received after CLOSE is called, its TCP
	// implementation SHOULD send a RST to show that data was lost" (SHLD-3)
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
	tc := newTestConn(t, setup{})
	tc.inject(seg{seq: 1, ack: 1, n: 10})
	must(t, tc.conn.Close())
	tc.want("RST", seg{flags: RST | ACK, seq: 1, ack: 11})
	tc.wantListed(Closed)
	tc.wantCount("EstabResets", func(s Stats) uint64 { return s.EstabResets }, 1)
	tc.inject(seg{seq: 11, ack: 1, n: 10})
	tc.want("nobody is there", seg{flags: RST, seq: 1})
}

func TestDataAfterClose(t *testing.T) { synctest.Test(t, testDataAfterClose) }

func testDataAfterClose(t *testing.T) {
	tc := newTestConn(t, setup{})
	must(t, tc.conn.Close())
	tc.want("FIN", seg{flags: FIN | ACK, seq: 1, ack: 1})
	tc.inject(seg{seq: 1, ack: 2, n: 10})
	tc.want("RST", seg{flags: RST | ACK, seq: 2, ack: 1})
	tc.wantListed(Closed)
	tc.wantCount("InAfterClose", func(s Stats) uint64 { return s.InAfterClose }, 1)
}

// After CloseRead what comes is acknowledged and dropped; Close then resets nothing.
func TestCloseRead(t *testing.T) { synctest.Test(t, testCloseRead) }

func testCloseRead(t *testing.T) {
	tc := newTestConn(t, setup{noDelAck: true, cfg: Config{ReceiveBuffer: 4096}})
	tc.inject(seg{seq: 1, ack: 1, n: 1000})
	tc.want("ACK", seg{seq: 1, ack: 1001})
	must(t, tc.conn.CloseRead())
	tc.drain()
	tc.wantReadError(io.EOF)
	for at := 1001; at < 20001; at += 1000 {
		tc.inject(seg{seq: at, ack: 1, n: 1000})
		tc.take("ACK")
	}
	tc.inject(seg{seq: 21001, ack: 1, n: 1000})
	tc.want("out of order", seg{seq: 1, ack: 20001, sack: [][2]int{{21001, 22001}}})
	tc.inject(seg{seq: 20001, ack: 1, n: 1000})
	tc.want("in order", seg{seq: 1, ack: 22001, wnd: 4096})
	must(t, tc.conn.Close())
	tc.want("FIN", seg{flags: FIN | ACK, seq: 1, ack: 22001})
}

func TestLingerZero(t *testing.T) { synctest.Test(t, testLingerZero) }

func testLingerZero(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(100)
	tc.want("data", seg{seq: 1, ack: 1, n: 100})
	must(t, tc.conn.SetLinger(0))
	must(t, tc.conn.Close())
	tc.want("RST", seg{flags: RST | ACK, seq: 101, ack: 1})
	tc.wantListed(Closed)
	time.Sleep(time.Minute)
	tc.wantIdle("gone")
}

// "CLOSING STATE, LAST-ACK STATE, TIME-WAIT STATE: respond with "ok" and delete the TCB"
func TestLingerZeroInEachState(t *testing.T) {
	t.Parallel()
	// https://www.rfc-editor.org/rfc/rfc9293#section-3.10.5
	for state, reset := range map[State]bool{
		Established: true, FinWait1: true, FinWait2: true, CloseWait: true, Closing: false, LastAck: false,
	} {
		t.Run(state.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc := newTestConn(t, setup{})
				next := tc.enter(state)
				must(t, tc.conn.SetLinger(0))
				must(t, tc.conn.Close())
				if reset {
					s := tc.take("RST")
					if s.Flags != RST|ACK || s.Ack.Sub(tc.iss) != next {
						t.Errorf("got %v", tc.describe(&s))
					}
				}
				tc.wantIdle("gone")
				tc.wantListed(Closed)
			})
		})
	}
}

func TestLinger(t *testing.T) { synctest.Test(t, testLinger) }

func testLinger(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(100)
	tc.want("data", seg{seq: 1, ack: 1, n: 100})
	must(t, tc.conn.SetLinger(10))
	start := time.Now()
	closed := tc.background(tc.conn.Close)
	tc.want("FIN", seg{flags: FIN | ACK, seq: 101, ack: 1})
	time.Sleep(50 * time.Millisecond)
	tc.inject(seg{seq: 1, ack: 101})
	synctest.Wait()
	if tc.conn.Info().State != FinWait1 {
		t.Error("not in FIN-WAIT-1")
	}
	tc.inject(seg{seq: 1, ack: 102})
	must(t, closed())
	if d := time.Since(start); d != 50*time.Millisecond {
		t.Errorf("Close took %v", d)
	}
}

func TestLingerPasses(t *testing.T) { synctest.Test(t, testLingerPasses) }

func testLingerPasses(t *testing.T) {
	tc := newTestConn(t, setup{})
	tc.write(100)
	must(t, tc.conn.SetLinger(2))
	start := time.Now()
	must(t, tc.conn.Close())
	if d := time.Since(start); d != 2*time.Second {
		t.Errorf("Close took %v", d)
	}
	tc.wantState(FinWait1) // and goes on in the background
}

// What was written is delivered after Close, however long it takes.
func TestCloseDelivers(t *testing.T) { synctest.Test(t, testCloseDelivers) }

func testCloseDelivers(t *testing.T) {
	tc := newTestConn(t, setup{wnd: 2000, noSACK: true}) // no tail loss probe
	tc.write(20000)
	must(t, tc.conn.Close())
	for at := 1; at < 20001; at += 2000 {
		tc.want("data", seg{seq: at, ack: 1, n: 1000})
		last := seg{seq: at + 1000, ack: 1, n: 1000}
		if at+2000 == 20001 {
			last.flags = FIN | ACK
		}
		tc.want("data", last)
		time.Sleep(time.Second / 10)
		tc.inject(seg{seq: 1, ack: at + 2000})
	}
	tc.inject(seg{seq: 1, ack: 20002})
	tc.wantState(FinWait2)
	if _, err := tc.conn.Write([]byte("x")); err == nil {
		t.Error("a write after Close")
	}
}

// An orphan's FIN-WAIT-2 ends by itself, as in Linux.
func TestOrphanInFinWait2(t *testing.T) { synctest.Test(t, testOrphanInFinWait2) }

func testOrphanInFinWait2(t *testing.T) {
	for _, closeLate := range []bool{false, true} {
		tc := newTestConn(t, setup{})
		if closeLate {
			must(t, tc.conn.CloseWrite())
		} else {
			must(t, tc.conn.Close())
		}
		tc.want("FIN", seg{flags: FIN | ACK, seq: 1, ack: 1})
		tc.inject(seg{seq: 1, ack: 2})
		if closeLate {
			time.Sleep(time.Hour)
			must(t, tc.conn.Close())
		}
		time.Sleep(time.Minute - 1)
		tc.wantState(FinWait2)
		time.Sleep(time.Nanosecond)
		tc.wantState(Closed)
		tc.wantListed(Closed)
		tc.inject(seg{flags: FIN | ACK, seq: 1, ack: 2})
		tc.want("too late", seg{flags: RST, seq: 2})
	}
}

// After Close all calls fail with net.ErrClosed.
func TestCallsAfterClose(t *testing.T) { synctest.Test(t, testCallsAfterClose) }

func testCallsAfterClose(t *testing.T) {
	tc := newTestConn(t, setup{})
	c := tc.conn
	read := tc.background(func() error { _, err := c.Read(make([]byte, 1)); return err })
	synctest.Wait()
	must(t, c.Close())
	wantErr(t, "the Read that waited", read(), net.ErrClosed)
	for name, call := range map[string]func() error{
		"Read":             func() error { _, err := c.Read(make([]byte, 1)); return err },
		"Write":            func() error { _, err := c.Write([]byte("x")); return err },
		"WriteTo":          func() error { _, err := c.WriteTo(io.Discard); return err },
		"Close":            c.Close,
		"CloseRead":        c.CloseRead,
		"CloseWrite":       c.CloseWrite,
		"SetDeadline":      func() error { return c.SetDeadline(time.Now()) },
		"SetReadDeadline":  func() error { return c.SetReadDeadline(time.Now()) },
		"SetWriteDeadline": func() error { return c.SetWriteDeadline(time.Now()) },
		"SetLinger":        func() error { return c.SetLinger(1) },
		"SetNoDelay":       func() error { return c.SetNoDelay(true) },
		"SetKeepAlive":     func() error { return c.SetKeepAlive(true) },
		"SetReadBuffer":    func() error { return c.SetReadBuffer(1) },
		"SetWriteBuffer":   func() error { return c.SetWriteBuffer(1) },
		"SetUserTimeout":   func() error { return c.SetUserTimeout(1) },
	} {
		wantErr(t, name, call(), net.ErrClosed)
	}
}
