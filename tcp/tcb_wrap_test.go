package tcp

import (
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// moveTo has the connection, which is new, believe that it has sent and received n
// bytes before, of which the last had these numbers on the wire. What the
// conversation calls position 0 stays where it is.
func (tc *testConn) moveTo(n int64, ours, theirs Seq) {
	tc.conn.mu.Lock()
	defer tc.conn.mu.Unlock()
	c := &tc.conn.tcb
	for _, at := range []*int64{&c.sndUna, &c.sndNxt, &c.sndWl2, &c.sndBuf.start, &c.rcvNxt, &c.rcvEdge, &c.lastAckSent, &c.sndWl1} {
		*at += n
	}
	tc.irs, tc.iss = ours, theirs
	c.iss, c.irs = ours-Seq(n), theirs-Seq(n)
}

// A conversation with losses in both directions goes the same wherever in the
// streams, and in the sequence space, it takes place.
func TestSequenceNumbersWrap(t *testing.T) {
	t.Parallel()
	for _, before := range []int64{0, 1<<31 - 3500, 1<<32 - 3500, 5 << 32, 1 << 50} {
		for _, isn := range []Seq{0, 1<<31 - 3500, 1<<32 - 3500, 1<<32 - 1} {
			t.Run(fmt.Sprintf("%d bytes before, number %d", before, isn), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { converse(t, before, isn) })
			})
		}
	}
}

func converse(t *testing.T, before int64, isn Seq) {
	tc := newTestConn(t, setup{noDelAck: true})
	tc.moveTo(before, isn, isn+1000)
	tc.write(10000)
	tc.wantData("a window", 1, 10000, 1000)
	tc.inject(seg{seq: 1, ack: 2001})
	tc.inject(seg{seq: 1, ack: 2001, sack: [][2]int{{4001, 7001}}})
	tc.want("the first hole", seg{seq: 2001, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 3001, sack: [][2]int{{4001, 10001}}})
	tc.want("the second", seg{seq: 3001, ack: 1, n: 1000})
	tc.inject(seg{seq: 1, ack: 10001})

	tc.inject(seg{seq: 2001, ack: 10001, n: 3000})
	tc.want("out of order", seg{seq: 10001, ack: 1, sack: [][2]int{{2001, 5001}}})
	tc.inject(seg{seq: 1, ack: 10001, n: 2500})
	tc.want("the gap, and more", seg{seq: 10001, ack: 5001, sack: [][2]int{{2001, 2501}}})
	tc.inject(seg{seq: 1, ack: 10001, n: 1000})
	tc.want("again", seg{seq: 10001, ack: 5001, sack: [][2]int{{1, 1001}}})
	tc.inject(seg{flags: RST, seq: 5000})
	tc.inject(seg{seq: 5001, ack: 20001, n: 10})
	tc.want("a bad ACK", seg{seq: 10001, ack: 5001})
	tc.read(5000)

	tc.write(10)
	tc.want("data", seg{seq: 10001, ack: 5001, n: 10})
	time.Sleep(tc.rto())
	tc.want("again", seg{seq: 10001, ack: 5001, n: 10})
	tc.inject(seg{flags: FIN | ACK, seq: 5001, ack: 10011})
	tc.want("ACK of the FIN", seg{seq: 10011, ack: 5002})
	tc.wantReadError(io.EOF)
	must(t, tc.conn.Close())
	tc.want("FIN", seg{flags: FIN | ACK, seq: 10011, ack: 5002})
	tc.inject(seg{seq: 5002, ack: 10012})
	tc.wantState(Closed)
}
