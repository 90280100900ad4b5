package tcp

import (
	"fmt"
	"testing"
	"time"
)

// checkTCB holds what is true of every connection at any time, once it has sent what it could.
func checkTCB(t testing.TB, now instant, c *tcb) {
	t.Helper()
	ok := func(ok bool, what string, args ...any) {
		if !ok {
			t.Helper()
			t.Fatalf("%v at %v: %s", c.state, time.Duration(now), fmt.Sprintf(what, args...))
		}
	}
	if c.state == Closed || c.state == TimeWait {
		ok(c.fl == nil && c.ooo == nil && c.sndBuf.buf == nil, "memory is held")
		ok(c.nextTimeout() == 0 || c.state == TimeWait, "a timer runs")
		return
	}
	ok(c.sndUna >= 0 && c.sndUna <= c.sndNxt && c.sndNxt <= c.sndBuf.end()+1, "una %d, nxt %d, end %d", c.sndUna, c.sndNxt, c.sndBuf.end())
	ok(c.finAt == 0 || c.finAt == c.sndBuf.end(), "the FIN is at %d, the end at %d", c.finAt, c.sndBuf.end())
	ok(c.finAt != 0 || c.sndNxt <= c.sndBuf.end(), "sent %d of %d", c.sndNxt, c.sndBuf.end())
	ok(c.sndBuf.start == min(max(1, c.sndUna), c.sndBuf.end()), "the buffer starts at %d, una is %d", c.sndBuf.start, c.sndUna)
	ok(int(c.sndBuf.n) <= max(int(c.sndBufMax), c.cfg.SendBuffer), "%d bytes to send", c.sndBuf.n)
	ok((c.fl == nil) == (c.sndUna == c.sndNxt), "flight %v, una %d, nxt %d", c.fl != nil, c.sndUna, c.sndNxt)
	checkTimers(t, now, c)
	checkRuns(t, c)
	checkReceiver(t, c)
}

func checkTimers(t testing.TB, now instant, c *tcb) {
	t.Helper()
	waits := c.unsent() > 0 && c.state.synchronized() && c.pacedUntil() == 0
	if (c.fl != nil || waits) && c.rexmitAt == 0 {
		t.Fatalf("%v: something is to be delivered and no timer runs", c.state)
	}
	if c.rexmitAt > now.add(c.cfg.MaxRTO) {
		t.Fatalf("the timer is %v ahead", c.rexmitAt.sub(now))
	}
	if c.cc != nil && (c.cc.window() < 1 || int64(c.cc.window()) > 1<<40 || c.cc.threshold() < 1) {
		t.Fatalf("cwnd %d, ssthresh %d", c.cc.window(), c.cc.threshold())
	}
}

func checkRuns(t testing.TB, c *tcb) {
	t.Helper()
	if c.fl == nil {
		return
	}
	at, sums := c.sndUna, [4]int{}
	for _, r := range c.fl.live() {
		if r.start != at || r.end <= r.start {
			t.Fatalf("run %+v where one from %d on was due", r, at)
		}
		sums[r.state] += int(r.end - r.start)
		at = r.end
	}
	if at != c.sndNxt || c.fl.pipe != sums[inFlight]+sums[retransmitted] || c.fl.lostBytes != sums[lost] || c.fl.sackedBytes != sums[sacked] {
		t.Fatalf("runs to %d of %d; pipe %d lost %d sacked %d, want %v", at, c.sndNxt, c.fl.pipe, c.fl.lostBytes, c.fl.sackedBytes, sums)
	}
}

func checkReceiver(t testing.TB, c *tcb) {
	t.Helper()
	switch {
	case c.state == SynSent:
		return
	case c.rcvNxt > c.rcvEdge, c.lastAckSent > c.rcvNxt:
		t.Fatalf("rcvNxt %d, edge %d, acknowledged %d", c.rcvNxt, c.rcvEdge, c.lastAckSent)
	case c.rcvFin != 0 && c.rcvNxt > c.rcvFin+1:
		t.Fatalf("rcvNxt %d, the FIN is at %d", c.rcvNxt, c.rcvFin)
	case c.queue.n > max(int(c.rcvBuf), c.cfg.ReceiveBuffer, 65535):
		t.Fatalf("%d bytes are queued", c.queue.n)
	}
	mem := 0
	for k := c.queue.head; k != nil; k = k.next {
		mem += len(k.buf.B)
	}
	if mem != c.queue.mem {
		t.Fatalf("what is queued takes %d bytes, counted as %d", mem, c.queue.mem)
	}
	if c.ooo != nil {
		checkGap(t, c)
	}
}

func checkGap(t testing.TB, c *tcb) {
	t.Helper()
	at, n, mem := c.rcvNxt, 0, 0
	for _, h := range c.ooo.held {
		if h.start < at || (at == c.rcvNxt && h.start == at) || h.end <= h.start {
			t.Fatalf("a piece from %d, where %d was the least", h.start, at)
		}
		n += int(h.end - h.start)
		mem += len(h.c.buf.B) + pieceCost
		at = h.end
	}
	if at > c.rcvEdge || n != c.ooo.bytes || mem != c.ooo.mem || len(c.ooo.held) > maxSegmentsHeld {
		t.Fatalf("%d pieces, %d bytes, counted %d, up to %d of %d", len(c.ooo.held), n, c.ooo.bytes, at, c.rcvEdge)
	}
}
